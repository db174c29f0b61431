"""Where models lie in the plane of bias² and variance (paper, figure 13)."""

from collections.abc import Sequence
from typing import Any

from hotmess.analyses.points import additive, figures, frame
from hotmess.asked import Rules, ask
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["plane"]


def plane(samples: Samples | Any, *, by: Sequence[str] = (), rules: Rules = Rules()) -> Result:
    """Bias² and variance of each model: lines through the origin are equal incoherence, diagonals equal error.

    Args:
        samples: a sample table; with `model_size`, models are in order of it.
        by: columns to split by, such as difficulty.
        rules: how to measure.

    Returns:
        Points: questions, samples, error, bias2, variance, incoherence with their ends, and what was split by.
    """
    samples = ask(samples, rules).samples if not isinstance(samples, Samples) else samples
    sized = ["model_size"] if samples.has("model_size") and "model_size" not in by else []
    asked = additive(ask(samples, rules, by=[*by, *sized]))
    measured = measurement(asked)
    points = frame({**row.group} | figures(row) for row in measured.rows)
    points = points.sort("model_size", maintain_order=True, nulls_last=True) if sized else points
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    return Result("plane", points, frame([]), asked.method, measured.notices, asked.samples.source, interval)
