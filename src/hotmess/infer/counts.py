"""Growth of a quantity that is often exactly 0: a log-linear mean, not a line through logs.

    E[v | x] = exp(a + b x)

An unbiased variance from a few samples is 0 for many questions, which have no log. The Poisson score equations
sum(v - mu) = 0 and sum x (v - mu) = 0 need the mean only to be right, not the distribution (PPML); zeros, and single negative
estimates, are welcome. With a profiled out, b is where the mean of x under weights exp(b x) is sum x v / sum v.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray

from hotmess.infer.effects import Effect, effect, effect_with_error, left_out, sums_by_unit
from hotmess.infer.trends import has_spread

__all__ = ["LogLine", "log_slopes", "ppml"]

PerQuestion = Float[ndarray, " question"]

_BLOCK = 1 << 20  # numbers in one block of refits
_STEPS, _CLOSE = 200, 1e-12


@dataclass(frozen=True, slots=True)
class LogLine:
    """E[v | x] = exp(intercept + slope x); NaN where the values stand at one end of x only."""

    slope: Effect
    intercept: float


def ppml(
    values: PerQuestion, x: PerQuestion, *, level: float = 0.95, clusters: Shaped[ndarray, " question"] | None = None
) -> LogLine:
    """Log-linear growth of values with x; `statistics` 7 of the design.

    The interval is from the sandwich error (HC1) and Student's t with N-2 degrees of freedom; with clusters, from refits
    without one cluster each, and C-2. Below 100 questions with a long tail, the sandwich is too short (coverage .89 to .90);
    clusters of one question each are then right (.93 to .95).

    Args:
        values: a variance, or bias, of each question; zeros allowed.
        x: place of each question, as the log of a length; the slope is then an exponent.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    if len(x) < 3 or not has_spread(x):
        return LogLine(Effect(np.nan, np.nan, np.nan, np.nan, level), np.nan)
    start, span = x.min(), np.ptp(x)
    z = (x - start) / span
    slope = float(log_slopes(z, *np.array([[values.sum()], [z @ values]]))[0])
    if np.isnan(slope):
        return LogLine(Effect(np.nan, np.nan, np.nan, np.nan, level), np.nan)
    weight = np.exp(slope * z)
    mean = values.sum() / weight.sum() * weight
    intercept = float(np.log(values.sum() / weight.sum()) - slope / span * start)
    if clusters is None:
        found = effect_with_error(slope / span, _sandwich(values, z, mean) / span, df=len(x) - 2, level=level, unit=1 / span)
    else:
        without = _without_clusters(values, z, clusters, slope) / span
        found = effect(slope / span, without, df=len(without) - 2, level=level, unit=1 / span)
    return LogLine(found, intercept)


def _sandwich(values: PerQuestion, x: PerQuestion, mean: PerQuestion) -> float:
    """Standard error of the slope, HC1."""
    x = x - np.average(x, weights=mean)
    n = len(x)
    return float(np.sqrt(n / (n - 2) * ((x * (values - mean)) ** 2).sum()) / (mean @ x**2))


def _without_clusters(
    values: PerQuestion, x: PerQuestion, clusters: Shaped[ndarray, " question"], slope: float
) -> Float[ndarray, " cluster"]:
    """The slope without one cluster each; x lies in [0, 1]."""
    _, code = np.unique(clusters, return_inverse=True)
    total, moment = left_out(sums_by_unit(np.stack([values, x * values]), code))
    names, rows = np.arange(len(total)), max(_BLOCK // len(x), 1)
    blocks = [names[at : at + rows] for at in range(0, len(names), rows)]
    return np.concatenate([log_slopes(x, total[b], moment[b], kept=code != b[:, None], start=slope) for b in blocks])


def log_slopes(
    x: Float[ndarray, " point"],
    total: Float[ndarray, " fit"],
    moment: Float[ndarray, " fit"],
    *,
    kept: Bool[ndarray, "fit point"] | None = None,
    start: float = 0.0,
) -> Float[ndarray, " fit"]:
    """Slopes b of log-linear means, all fits at once; NaN where none exists.

    Newton's method. With x in [0, 1] the third derivative of log sum exp(b x) is at most its second, so that steps of at most 1
    make the gap shrink from anywhere.

    Args:
        x: places, scaled to [0, 1].
        total: sum of the values, for each fit.
        moment: sum of x times the values, for each fit.
        kept: the points that belong to each fit; all of them by default.
        start: where the search begins.
    """
    inside = np.ones((1, len(x)), dtype=bool) if kept is None else kept
    lowest, highest = np.where(inside, x, np.inf).min(1), np.where(inside, x, -np.inf).max(1)
    exists = (total > 0) & (lowest * total < moment) & (moment < highest * total)
    wanted = np.where(exists, moment, 0.5) / np.where(exists, total, 1.0)
    slope = np.full(len(total), start)
    for _ in range(_STEPS):
        weight = np.exp(np.multiply.outer(slope, x)) * inside
        weight /= weight.sum(1, keepdims=True)
        mean = weight @ x
        step = np.clip((wanted - mean) / np.maximum(weight @ x**2 - mean**2, np.finfo(float).tiny), -1.0, 1.0)
        slope = slope + np.where(exists, step, 0.0)
        if np.abs(step[exists]).max(initial=0.0) < _CLOSE:
            break
    return np.where(exists, slope, np.nan)
