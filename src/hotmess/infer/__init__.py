"""How far a figure could be off: intervals, effects, trends and laws, all from per-question terms."""

from hotmess.infer.agreement import correlation
from hotmess.infer.arms import Slopes, between_and_within
from hotmess.infer.attributes import Related, related, within_groups
from hotmess.infer.counts import LogLine, ppml
from hotmess.infer.crossed import Ratio, crossed_difference
from hotmess.infer.design import Components, Moments, components, moments
from hotmess.infer.effects import Effect, difference_of_means, difference_of_ratios, effect, holm
from hotmess.infer.intervals import (
    Interval,
    benchmark_interval,
    crossed_interval,
    effective_questions,
    mean_interval,
    ratio_interval,
    ratio_without_bias,
)
from hotmess.infer.laws import Law, logit_slope, logit_slope_apart, power_law, ppml_over_sizes
from hotmess.infer.planes import Plane, two_variables
from hotmess.infer.ranks import Agreement, MeanRanks, agreement, as_ranks, mean_ranks
from hotmess.infer.shares import share_interval
from hotmess.infer.trends import mean_trend, permuted_trend, ratio_trend

__all__ = [
    "Agreement",
    "Components",
    "Effect",
    "Interval",
    "Law",
    "LogLine",
    "MeanRanks",
    "Moments",
    "Plane",
    "Ratio",
    "Related",
    "Slopes",
    "agreement",
    "as_ranks",
    "benchmark_interval",
    "between_and_within",
    "components",
    "correlation",
    "crossed_difference",
    "crossed_interval",
    "difference_of_means",
    "difference_of_ratios",
    "effect",
    "effective_questions",
    "holm",
    "logit_slope",
    "logit_slope_apart",
    "mean_interval",
    "mean_ranks",
    "mean_trend",
    "moments",
    "permuted_trend",
    "power_law",
    "ppml",
    "ppml_over_sizes",
    "ratio_interval",
    "ratio_trend",
    "ratio_without_bias",
    "related",
    "share_interval",
    "two_variables",
    "within_groups",
]
