"""Does incoherence grow with length? Slopes over questions, and over the buckets or sizes that are shown.

Each question has a variance V, an error E and a place x, mostly the log of its mean length. The line V = (a + b x) E is fitted
by sum(V - (a + b x) E) = 0 and sum x (V - (a + b x) E) = 0, so that ``a + b x`` is the ratio of sums at x::

    b = sum (x - c) (V - R E) / sum E (x - c)^2        R = sum V / sum E,  c = sum x E / sum E

Five sums give b, and these sums less the terms of a question give b without it. Questions without error drop out by themselves;
no logit, since V may be 0 or above E. Buckets are for the eye: the slope uses every question.
"""

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.infer.effects import Effect, effect, left_out, sums_by_unit

__all__ = ["mean_trend", "permuted_trend", "ratio_trend"]

PerQuestion = Float[ndarray, " question"]
Clusters = Shaped[ndarray, " question"]

_NOTHING = 1e-12  # differences below are rounding
_BLOCK = 1 << 16  # numbers in one block of permutations, so that it stays in cache


def ratio_trend(
    variance: PerQuestion, error: PerQuestion, x: PerQuestion, *, level: float = 0.95, clusters: Clusters | None = None
) -> Effect:
    """Slope of sum V / sum E per unit of x, jackknife with Student's t; `statistics` 4.6 of the design.

    All is NaN with fewer than three questions (clusters) that have error, or where these all have the same x.

    Args:
        variance: variance of each question.
        error: error of each question.
        x: place of each question, as the log of a length; times log 2, the slope is that per doubling.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    v, e, keep = variance, error, _with_error(error)
    if keep.sum() < 3 or not has_spread(x[keep]):
        return Effect(np.nan, np.nan, np.nan, np.nan, level)
    scale = float(x[keep].std())
    z = (x - np.average(x, weights=e)) / scale
    sums = sums_by_unit(np.stack([e, z * e, z * z * e, v, z * v]), clusters)
    sums = sums[:, _with_error(sums[0])]  # of single samples, those without error have variance, and count inside a cluster
    units = sums.shape[1]
    if units < 3:
        return Effect(np.nan, np.nan, np.nan, np.nan, level)
    value, without = _slope(sums.sum(1, keepdims=True))[0], _slope(left_out(sums))
    unit = float(np.abs(v).sum() / e.sum()) / scale
    return effect(float(value) / scale, without / scale, df=units - 2, level=level, unit=unit)


def _with_error(error: PerQuestion) -> Shaped[ndarray, " question"]:
    """Which questions have error; smoothed right answers (kl) have some that is rounding."""
    return error > _NOTHING * error.max(initial=0.0)


def has_spread(x: Float[ndarray, " point"]) -> bool:
    """Whether x has two values or more; equal values that were computed differ by rounding."""
    return len(x) > 0 and bool(np.ptp(x) > _NOTHING * np.abs(x).max())


def _slope(sums: Float[ndarray, "5 unit"]) -> Float[ndarray, " unit"]:
    """Slopes from the sums of E, x E, x² E, V and x V; NaN where x has no spread."""
    e, xe, xxe, v, xv = sums
    spread = e * xxe - xe**2
    known = spread > _NOTHING * e * xxe
    return np.where(known, e * xv - xe * v, np.nan) / np.where(known, spread, 1.0)


def mean_trend(values: PerQuestion, x: PerQuestion, *, level: float = 0.95, clusters: Clusters | None = None) -> Effect:
    """Least-squares slope of values per unit of x, with the same jackknife: for accuracy, error, bias or variance alone."""
    return ratio_trend(values, np.ones(len(values)), x, level=level, clusters=clusters)


def permuted_trend(variance: PerQuestion, error: PerQuestion, x: PerQuestion, *, draws: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of no trend, from x permuted over the questions with error: (1 + as extreme) / (1 + draws).

    The statistic is the slope over its sandwich error. The slope alone would reject too often where long questions are harder
    and incoherence is the same everywhere, since x is then not exchangeable (DiCiccio and Romano 2017).

    Args:
        variance: variance of each question.
        error: error of each question.
        x: place of each question.
        draws: how many permutations.
        rng: the source of randomness.
    """
    keep = _with_error(error)
    v, e, x = variance[keep], error[keep], x[keep]
    if len(e) < 3 or not has_spread(x):
        return np.nan
    if np.ptp(v / e) <= _NOTHING * np.abs(v / e).max():  # the same ratio everywhere: nothing but rounding to compare
        return 1.0
    z = (x - np.average(x, weights=e)) / x.std()
    limit = abs(float(_studentised(v, e, z[None])[0])) * (1 - 1e-9)  # a permutation that changes nothing is as extreme
    rows, beyond = max(_BLOCK // len(e), 1), 0
    for start in range(0, draws, rows):
        drawn = np.stack([rng.permutation(z) for _ in range(min(rows, draws - start))])
        beyond += int((~(np.abs(_studentised(v, e, drawn)) < limit)).sum())
    return (1 + beyond) / (1 + draws)


def _studentised(v: PerQuestion, e: PerQuestion, x: Float[ndarray, "draw question"]) -> Float[ndarray, " draw"]:
    """Slope over its sandwich error, for each draw of x.

    With r = V - R E and b the slope, all that is needed is sums of x^k: sum x^2 (r - b x e)^2 = sum x^2 r^2 - 2b sum x^3 r e +
    b^2 sum x^4 e^2.
    """
    rest = v - v.sum() / e.sum() * e
    x = x - (x @ e / e.sum())[:, None]
    square = x * x
    spread = square @ e
    with np.errstate(divide="ignore", invalid="ignore"):  # a line through all questions has no error
        slope = x @ rest / spread
        weighted = x * square
        noise = square @ rest**2 - 2 * slope * (weighted @ (rest * e))
        weighted *= x
        noise += slope**2 * (weighted @ e**2)
        return slope * spread / np.sqrt(np.maximum(noise, 0.0))
