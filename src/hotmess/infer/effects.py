"""Differences, and the p-value of none, from leaving one question out at a time. No randomness, no seed.

Every figure here is a function of sums over questions, so that its value without one question is that function of the sums less
that question's terms: O(N). The spread of these values gives the standard error of the difference d, and d/se Student's t::

    se^2 = (n-1)/n * sum_i (d_(-i) - mean)^2

Questions of one cluster are summed first and left out together. Two models that answered the same questions share what is hard
about them; the paired difference takes that out, and finds what two separate intervals cannot show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from scipy.special import stdtr, stdtrit

__all__ = [
    "Effect",
    "difference_of_means",
    "difference_of_ratios",
    "effect",
    "effect_with_error",
    "holm",
    "jackknife_error",
    "left_out",
    "sums_by_unit",
    "welch_df",
]

PerQuestion = Float[ndarray, " question"]
Clusters = Shaped[ndarray, " question"]

_NOTHING = 1e-12  # differences below are rounding


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimated difference or slope, its interval, and the two-sided p-value of none; NaN where none can be had."""

    value: float
    low: float
    high: float
    p: float
    level: float = 0.95

    def __str__(self) -> str:
        """Return the estimate, its ends and its p-value, like ``0.041 [0.012, 0.07], p = 0.006``."""
        ends = "" if np.isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        chance = "" if np.isnan(self.p) else ", p < 0.001" if self.p < 0.001 else f", p = {self.p:.2g}"
        return f"{self.value:.3g}{ends}{chance}"


def effect(value: float, without: Float[ndarray, " unit"], *, df: float, level: float = 0.95, unit: float = 1.0) -> Effect:
    """Effect of a figure from its values without one question, or cluster, each.

    Args:
        value: the figure of all questions.
        without: the same figure, each time without one question.
        df: degrees of freedom of Student's t.
        level: the level of confidence.
        unit: the size of what the figure is made of; spread below 1e-12 of it is rounding, that is none.
    """
    return effect_with_error(value, jackknife_error(without), df=df, level=level, unit=unit)


def effect_with_error(value: float, se: float, *, df: float, level: float = 0.95, unit: float = 1.0) -> Effect:
    """Effect of a figure with a known standard error; without any spread, no difference has p = 1, and others have no p."""
    value, se = float(value), float(se)
    if se <= _NOTHING * unit:
        none = abs(value) <= _NOTHING * unit
        return Effect(0.0 if none else value, np.nan, np.nan, 1.0 if none else np.nan, level)
    if not (np.isfinite(value) and np.isfinite(se) and df > 0):
        return Effect(value, np.nan, np.nan, np.nan, level)
    half = float(stdtrit(df, 0.5 + level / 2)) * se
    return Effect(value, value - half, value + half, float(2 * stdtr(df, -abs(value) / se)), level)


def jackknife_error(without: Float[ndarray, " unit"]) -> float:
    """Standard error of a figure from its values without one unit each; NaN where one of these does not exist."""
    n = len(without)
    if n < 2 or not np.isfinite(without).all():
        return np.nan
    return float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))


def sums_by_unit(rows: Float[ndarray, "sum question"], clusters: Clusters | None) -> Float[ndarray, "sum unit"]:
    """Sums over the questions of each cluster; without clusters, every question is a unit of its own."""
    if clusters is None:
        return rows
    _, code = np.unique(clusters, return_inverse=True)
    return np.stack([np.bincount(code, row) for row in rows])


def left_out(sums: Float[ndarray, "sum unit"]) -> Float[ndarray, "sum unit"]:
    """The totals without one unit each; what is left by rounding only is nothing."""
    rest = sums.sum(1, keepdims=True) - sums
    return np.where(np.abs(rest) <= _NOTHING * np.abs(sums).sum(1, keepdims=True), 0.0, rest)


def difference_of_ratios(
    variance_a: PerQuestion,
    error_a: PerQuestion,
    variance_b: PerQuestion,
    error_b: PerQuestion,
    *,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Effect:
    """Difference R_a - R_b of two ratios of sums over the same questions in the same order; `statistics` 4.5 of the design.

    All is NaN where a side has no error. The models may have different numbers of samples if the terms are unbiased.

    Args:
        variance_a: variance of each question, first model.
        error_a: error of each question, first model.
        variance_b: variance of each question, second model.
        error_b: error of each question, second model.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    sums = sums_by_unit(np.stack([variance_a, error_a, variance_b, error_b]), clusters)
    with np.errstate(divide="ignore", invalid="ignore"):  # without error there is no ratio
        value, without = float(_apart(sums.sum(1, keepdims=True))[0]), _apart(left_out(sums))
    return effect(value if np.isfinite(value) else np.nan, without, df=sums.shape[1] - 1, level=level)


def _apart(sums: Float[ndarray, "4 unit"]) -> Float[ndarray, " unit"]:
    return sums[0] / sums[1] - sums[2] / sums[3]


def difference_of_means(a: PerQuestion, b: PerQuestion, *, level: float = 0.95, clusters: Clusters | None = None) -> Effect:
    """Mean of a - b over the same questions in the same order: for accuracy, error, bias or variance alone."""
    sums = sums_by_unit(np.stack([a - b, np.ones(len(a))]), clusters)
    if not len(a):
        return Effect(np.nan, np.nan, np.nan, np.nan, level)
    total, count = sums.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):  # of one question, nothing is left
        without = np.divide(*left_out(sums))
    unit = float(np.abs([a, b]).max())
    return effect(float(total / count), without, df=sums.shape[1] - 1, level=level, unit=unit)


def welch_df(squares: Sequence[float], df: Sequence[float]) -> float:
    """Degrees of freedom of a sum of squared standard errors, each with its own, after Welch and Satterthwaite."""
    spread = sum(square**2 / own for square, own in zip(squares, df, strict=True) if square > 0)
    return sum(squares) ** 2 / spread if spread > 0 else np.nan


def holm(p: Float[ndarray, " test"]) -> Float[ndarray, " test"]:
    """Holm's adjusted p-values, in the order given: one family, whose chance of any false alarm is kept; NaN is no test."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]  # NaN is sorted last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
