"""How far two models are apart on the questions that both answered: error, bias², variance and incoherence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.decide.arms import Arm
from hotmess.decide.pairing import Pair
from hotmess.infer import Effect, Ratio, crossed_difference, difference_of_means, difference_of_ratios
from hotmess.infer.effects import effect_with_error
from hotmess.leave_out import LeftOut
from hotmess.rows import Method

__all__ = ["FIGURES", "TERMS", "Difference", "Figure", "difference", "own_error", "value"]

_FEW_SAMPLES = 5

Figure = Literal["error", "bias2", "variance", "incoherence"]
FIGURES: tuple[Figure, ...] = ("error", "bias2", "variance", "incoherence")

TERMS: Mapping[str, Callable[[Arm], Float[ndarray, " question"]]] = {
    "error": lambda arm: arm.error,
    "bias2": lambda arm: arm.bias,
    "variance": lambda arm: arm.variance,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two arms, and the second less the first.

    Attributes:
        first: the figure of the first arm.
        second: that of the second.
        effect: second - first, with its interval and the p-value of none.
        how: how the interval was made.
    """

    first: float
    second: float
    effect: Effect
    how: str


def value(arm: Arm, figure: Figure) -> float:
    """A figure of an arm: a mean over questions, for incoherence a ratio of sums; NaN without error."""
    if figure != "incoherence":
        return float(TERMS[figure](arm).mean())
    total = arm.error.sum()
    return float(arm.variance.sum() / total) if total > 0 else np.nan


def difference(pair: Pair, figure: Figure, method: Method) -> Difference:
    """Second less first, paired over questions; for exactly these questions, over new samples of each.

    Questions like these: leaving one question out of both at a time; `statistics` 4.5 of the design. Exactly these questions: the
    samples of the two arms are independent, so that the variances of each question's terms add; `statistics` 4.1. Where questions
    share their contexts, these are drawn by chance as well; `statistics` 4.4.
    """
    first, second = pair.first, pair.second
    values = (value(first, figure), value(second, figure))
    clusters = None if second.clusters is None else np.array(second.clusters)
    benchmark = method.about == "benchmark"
    if np.isnan(values).any():
        return Difference(*values, Effect(np.nan, np.nan, np.nan, np.nan, method.level), "not defined without error")
    if first.left is not None or second.left is not None:
        ratios = (_ratio(second, figure), _ratio(first, figure))
        found = crossed_difference(*ratios, level=method.level, clusters=clusters, benchmark=benchmark)
        return Difference(
            *values, found, "two-way jackknife over questions and contexts" if not benchmark else "jackknife over contexts"
        )
    if benchmark:
        se = float(np.hypot(own_error(first, figure), own_error(second, figure)))
        found = effect_with_error(values[1] - values[0], se, df=np.inf, level=method.level)
        return Difference(*values, found, "jackknife inside questions, for exactly these")
    if figure == "incoherence":
        found = difference_of_ratios(
            second.variance, second.error, first.variance, first.error, level=method.level, clusters=clusters
        )
    else:
        term = TERMS[figure]
        found = difference_of_means(term(second), term(first), level=method.level, clusters=clusters)
    return Difference(*values, found, f"paired over {'questions' if clusters is None else 'clusters'}, jackknife")


def _ratio(arm: Arm, figure: Figure) -> Ratio:
    """A figure as a ratio of sums, with what it is without each context."""
    none = np.zeros(0)
    left = arm.left or LeftOut(none.astype(int), none.astype(int), none, none, none)
    if figure == "incoherence":
        return Ratio(arm.variance, arm.error, left)
    without = {"error": left.error, "bias2": left.error - left.variance, "variance": left.variance}[figure]
    ones = np.ones(len(arm.error))
    return Ratio(TERMS[figure](arm), ones, replace(left, variance=without, error=np.ones(len(without))))


def own_error(arm: Arm, figure: Figure) -> float:
    """Standard error of a figure over new samples of the same questions; NaN where a question has fewer than three.

    Of bias² and incoherence it is not told from fewer than five samples on average: there it misses by far where errors are rare.
    """
    if arm.noise is None or (figure in ("bias2", "incoherence") and arm.samples.mean() < _FEW_SAMPLES):
        return np.nan
    of_variance, of_error, of_both = arm.noise
    # the figure is linear in (V, E): V, E, E - V, and for the ratio (V - R E) / mean E
    ratio = value(arm, "incoherence")
    v, e = {"error": (0.0, 1.0), "bias2": (-1.0, 1.0), "variance": (1.0, 0.0), "incoherence": (1.0, -ratio)}[figure]
    spread = v * v * of_variance + e * e * of_error + 2 * v * e * of_both
    unit = arm.error.mean() if figure == "incoherence" else 1.0
    return float(np.sqrt(max(spread.sum(), 0.0)) / len(spread) / unit) if unit > 0 else np.nan
