"""How far a figure could be off: intervals, effects, trends and laws, all from per-question terms."""

from hotmess.infer.intervals import (
    Interval,
    benchmark_interval,
    crossed_interval,
    effective_questions,
    mean_interval,
    ratio_interval,
    ratio_without_bias,
)

__all__ = [
    "Interval",
    "benchmark_interval",
    "crossed_interval",
    "effective_questions",
    "mean_interval",
    "ratio_interval",
    "ratio_without_bias",
]
