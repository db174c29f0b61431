"""A difference of two models where questions share their contexts, so that both were drawn by chance: a two-way jackknife.

With D the difference and D_(-g) the same without context g in both models::

    Var D = Var_questions + max(Var_contexts - Var_both, 0)

as for one model (`statistics` 4.4 of the design), each part being that of the difference. Contexts of one name are left out of
both models at once. Where they are the same prompts, what they do to both cancels; where only their names are, the two parts add,
as they must. Contexts of a name that the other model has not are left out of their own model alone.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.infer.effects import Effect, effect_with_error, left_out, sums_by_unit
from hotmess.leave_out import LeftOut

__all__ = ["Ratio", "crossed_difference"]

PerQuestion = Float[ndarray, " question"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One model's figure as a ratio of sums over questions; a mean has ones below.

    Attributes:
        above: the term of each question above the line.
        below: that below it.
        left: both without one context each, as `variance` (above) and `error` (below); `left.question` counts in this order.
    """

    above: PerQuestion
    below: PerQuestion
    left: LeftOut

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.above.sum() / self.below.sum())

    def influence(self) -> Float[ndarray, " row"]:
        """How far the figure moves when one context is left out of one question."""
        moved = self.left.variance - self.above[self.left.question]
        moved = moved - self.value * (self.left.error - self.below[self.left.question])
        return moved / self.below.sum()


def crossed_difference(
    second: Ratio,
    first: Ratio,
    *,
    level: float = 0.95,
    clusters: Shaped[ndarray, " question"] | None = None,
    benchmark: bool = False,
) -> Effect:
    """Second less first, over the same questions in the same order, with contexts drawn by chance as well.

    Args:
        second: one model.
        first: the other.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
        benchmark: for exactly these questions, so that only contexts are drawn.
    """
    value = second.value - first.value
    of_contexts, of_both, groups = _parts(second, first)
    if benchmark:
        return effect_with_error(value, float(np.sqrt(of_contexts)), df=groups - 1, level=level)
    sums = sums_by_unit(np.stack([second.above, second.below, first.above, first.below]), clusters)
    units = sums.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):  # one question may have all of the error
        a, b, c, d = left_out(sums)
        without = a / b - c / d
    of_questions = float((units - 1) / units * ((without - without.mean()) ** 2).sum())
    extra = max(of_contexts - of_both, 0.0)
    spread = of_questions**2 / (units - 1) + extra**2 / (groups - 1)
    df = min((of_questions + extra) ** 2 / spread, units - 1) if spread > 0 else units - 1
    return effect_with_error(value, float(np.sqrt(of_questions + extra)), df=df, level=level)


def _parts(second: Ratio, first: Ratio) -> tuple[float, float, int]:
    """Variance over contexts, the part of it that single questions make, and the fewest contexts it was told from.

    To first order in what a context does, D_(-g) - D is the sum over questions of what g moves in each.
    """
    here, there = np.unique(second.left.context), np.unique(first.left.context)
    shared = np.intersect1d(here, there)
    whole = both = 0.0
    fewest = []
    for chosen in (shared, np.setdiff1d(here, shared), np.setdiff1d(there, shared)):
        if len(chosen):
            over, inside = _over(second, first, chosen)
            whole, both = whole + over, both + inside
            fewest.append(len(chosen))
    return whole, both, max(min(fewest, default=2), 2)


def _over(second: Ratio, first: Ratio, chosen: Shaped[ndarray, " context"]) -> tuple[float, float]:
    """Both variances, over some contexts."""
    moved = np.zeros((len(second.above), len(chosen)))
    for one, sign in ((second, 1.0), (first, -1.0)):
        place = np.minimum(np.searchsorted(chosen, one.left.context), len(chosen) - 1)
        known = chosen[place] == one.left.context
        np.add.at(moved, (one.left.question[known], place[known]), sign * one.influence()[known])
    groups = len(chosen)
    of_all, of_each = moved.sum(0), moved - moved.mean(1, keepdims=True)
    scale = (groups - 1) / groups
    return float(scale * ((of_all - of_all.mean()) ** 2).sum()), float(scale * (of_each**2).sum())
