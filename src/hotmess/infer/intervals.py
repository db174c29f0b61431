"""Intervals for pooled incoherence, from per-question terms. No randomness, no seed.

Incoherence is a ratio of sums, R = sum V / sum E. The default interval leaves one question out at a time: the jackknife
standard error, on the logit scale, with Student's t of N-1 degrees of freedom. The spread of the questions' terms already
holds the noise of their samples, so samples are never drawn again on top (that would shrink V by 1 - 1/K).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from scipy.special import expit, logit, ndtri, stdtrit

from hotmess.leave_out import LeftOut

__all__ = [
    "Interval",
    "benchmark_interval",
    "crossed_interval",
    "effective_questions",
    "mean_interval",
    "ratio_interval",
    "ratio_without_bias",
]

PerQuestion = Float[ndarray, " question"]

_NOTHING = 1e-12  # differences below are rounding


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a central interval; the ends are NaN where none can be had. Prints as ``0.62 [0.57, 0.67]``."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        """Return the estimate and its ends."""
        return f"{self.value:.3g}" + ("" if np.isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]")


def ratio_interval(
    variance: PerQuestion,
    error: PerQuestion,
    *,
    level: float = 0.95,
    clusters: Shaped[ndarray, " question"] | None = None,
) -> Interval:
    """Interval of sum V / sum E for questions like these; `statistics` 4.2 of the design, measured coverage .94 to .965.

    Where nearly all or nearly no error is variance, the questions seen may all agree by luck: then one pseudo question with
    the mean positive error, half of it variance, is added, and the union of both intervals returned.

    Args:
        variance: variance of each question.
        error: error of each question, in the same order.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    v, e = (variance, error) if clusters is None else _sums_by(clusters, variance, error)
    total = e.sum()
    if total <= _NOTHING:
        return Interval(np.nan, np.nan, np.nan, level)
    ratio = _ratio(v, e)
    if len(e) < 2:
        return Interval(ratio, np.nan, np.nan, level)
    low, high = _ends(ratio, _jackknife(v, e), _t(level, len(e) - 1))
    return Interval(ratio, *_with_pseudo_question(v, e, ratio, (low, high), level), level)


def _ratio(v: PerQuestion, e: PerQuestion) -> float:
    """The ratio of sums; 0 and 1 exactly where it is that up to rounding, since the ends of the interval hang on it."""
    ratio = float(v.sum() / e.sum())
    return next((end for end in (0.0, 1.0) if abs(ratio - end) < _NOTHING), ratio)


def _with_pseudo_question(
    v: PerQuestion, e: PerQuestion, ratio: float, ends: tuple[float, float], level: float
) -> tuple[float, float]:
    if 0.1 < ratio < 0.9:
        return ends
    positive = int((e > 0).sum())
    mean = e.sum() / positive
    v, e = np.append(v, mean / 2), np.append(e, mean)
    other = _ends(_ratio(v, e), _jackknife(v, e), _t(level, max(positive - 1, 1)))
    known = [pair for pair in (ends, other) if not np.isnan(pair[0])]
    low, high = min(low for low, _ in known), max(high for _, high in known)
    return (0.0 if ratio <= 0 else low), (1.0 if ratio >= 1 else high)


def _jackknife(v: PerQuestion, e: PerQuestion) -> float:
    """Standard error of sum v / sum e, one question left out at a time."""
    n, rest = len(e), e.sum() - e
    if (rest <= 0).any():  # one question has all of the error
        return np.inf
    left = (v.sum() - v) / rest
    return float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))


def _ends(ratio: float, se: float, quantile: float, *, plain: bool = False) -> tuple[float, float]:
    """Ends of an interval: on the logit scale inside (0, 1), on the plain scale outside, where the logit does not exist."""
    se = 0.0 if se < _NOTHING else se
    if plain:
        return ratio - quantile * se, ratio + quantile * se
    if np.isinf(se):
        return 0.0, 1.0
    if 0 < ratio < 1:
        step = quantile * se / (ratio * (1 - ratio))
        return float(expit(logit(ratio) - step)), float(expit(logit(ratio) + step))
    if se == 0:
        return np.nan, np.nan
    return float(np.clip(ratio - quantile * se, 0, 1)), float(np.clip(ratio + quantile * se, 0, 1))


def _t(level: float, df: float) -> float:
    return float(stdtrit(df, 0.5 + level / 2))


def _sums_by(clusters: Shaped[ndarray, " question"], *columns: PerQuestion) -> tuple[Float[ndarray, " cluster"], ...]:
    _, code = np.unique(clusters, return_inverse=True)
    return tuple(np.bincount(code, column) for column in columns)


def mean_interval(
    values: PerQuestion,
    *,
    level: float = 0.95,
    clusters: Shaped[ndarray, " question"] | None = None,
    weights: PerQuestion | None = None,
) -> Interval:
    """Student's interval of a mean over questions; with clusters (or weights), of a ratio of sums."""
    weights = np.ones(len(values)) if weights is None else weights
    mean = float((values * weights).sum() / weights.sum()) if len(values) else np.nan
    if clusters is None:
        n = len(values)
        se = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    else:
        total, count = _sums_by(clusters, values * weights, weights)
        n = len(count)
        se = _jackknife(total, count) if n > 1 else np.nan
    half = _t(level, n - 1) * se if n > 1 else np.nan
    return Interval(mean, mean - half, mean + half, level)


def ratio_without_bias(variance: PerQuestion, error: PerQuestion) -> float:
    """The ratio with its bias of order 1/N taken out: N R - (N-1) mean of R without one question."""
    n = len(error)
    left = (variance.sum() - variance) / (error.sum() - error)
    return float(n * variance.sum() / error.sum() - (n - 1) * left.mean())


def effective_questions(error: PerQuestion) -> float:
    """How many questions the error is spread over: (sum E)^2 / sum E^2."""
    square = (error**2).sum()
    return float(error.sum() ** 2 / square) if square > 0 else 0.0


def benchmark_interval(
    variance: PerQuestion, error: PerQuestion, left: LeftOut, *, level: float = 0.95, plain: bool = False
) -> Interval:
    """Interval for exactly these questions and new samples (or contexts) of each.

    Args:
        variance: variance of each question.
        error: error of each question.
        left: the terms with one sample, or context, left out; `left.question` counts in the order of `variance`.
        level: the level of confidence.
        plain: on the scale of the ratio itself; of its logit otherwise.
    """
    total = error.sum()
    ratio = _ratio(variance, error) if total > _NOTHING else np.nan
    known = np.bincount(left.question, left.count, minlength=len(error)) >= 3
    if total <= _NOTHING or not known.all():
        return Interval(ratio, np.nan, np.nan, level)
    se = float(np.sqrt(_within_questions(left, ratio, len(error)).sum()) / total)
    return Interval(ratio, *_ends(ratio, se, float(ndtri(0.5 + level / 2)), plain=plain), level)


def _within_questions(left: LeftOut, ratio: float, questions: int) -> PerQuestion:
    """Jackknife variance of V - R E of each question over what is left out of it."""
    h = left.variance - ratio * left.error
    count = np.bincount(left.question, left.count, minlength=questions)
    safe = np.maximum(count, 1)
    mean = np.bincount(left.question, left.count * h, minlength=questions) / safe
    apart = np.bincount(left.question, left.count * (h - mean[left.question]) ** 2, minlength=questions)
    return (count - 1) / safe * apart


def crossed_interval(
    variance: PerQuestion,
    error: PerQuestion,
    left: LeftOut,
    *,
    level: float = 0.95,
    clusters: Shaped[ndarray, " question"] | None = None,
    benchmark: bool = False,
    plain: bool = False,
) -> Interval:
    """Interval where every question was asked in the same contexts: questions and contexts are both drawn by chance.

    Two-way jackknife: Var = V_question + max(V_context - V_both, 0), degrees of freedom after Satterthwaite. For exactly
    these questions (`benchmark`), V_context alone. `plain` is the scale of the ratio itself; that of its logit otherwise.
    """
    if error.sum() <= 0 or len(error) < 2:
        return ratio_interval(variance, error, level=level, clusters=clusters)
    if (left.context < 0).any():  # votes of questions that have one context only
        keep = left.context >= 0
        left = LeftOut(*(getattr(left, name)[keep] for name in LeftOut.__slots__))
    v, e = (variance, error) if clusters is None else _sums_by(clusters, variance, error)
    ratio, groups = _ratio(v, e), len(np.unique(left.context))
    of_contexts = _context_variance(variance, error, left)
    if benchmark:
        return Interval(ratio, *_ends(ratio, float(np.sqrt(of_contexts)), _t(level, groups - 1), plain=plain), level)
    of_both = float(_within_questions(left, ratio, len(error)).sum() / error.sum() ** 2)
    of_questions, extra = _jackknife(v, e) ** 2, max(of_contexts - of_both, 0.0)
    if np.isinf(of_questions + extra):
        return Interval(ratio, *_ends(ratio, np.inf, 1.0, plain=plain), level)
    whole = of_questions + extra
    spread = of_questions**2 / (len(e) - 1) + extra**2 / (groups - 1)
    df = min(whole**2 / spread, len(e) - 1) if spread > 0 else len(e) - 1
    ends = _ends(ratio, float(np.sqrt(whole)), _t(level, df), plain=plain)
    return Interval(ratio, *(ends if plain else _with_pseudo_question(v, e, ratio, ends, level)), level)


def _context_variance(variance: PerQuestion, error: PerQuestion, left: LeftOut) -> float:
    """Jackknife variance of R over contexts, each left out of all its questions at once."""
    _, code = np.unique(left.context, return_inverse=True)
    v = variance.sum() + np.bincount(code, left.variance - variance[left.question])
    e = error.sum() + np.bincount(code, left.error - error[left.question])
    if (e <= 0).any():  # one context has all of the error
        return np.inf
    ratios, groups = v / e, len(e)
    return float((groups - 1) / groups * ((ratios - ratios.mean()) ** 2).sum())
