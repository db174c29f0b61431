"""Intervals for shares: of answers that are right, that change, that could not be read.

Student's interval of a share near 0 or 1 leaves [0, 1], and has no width where all agree. Wilson's does neither, and needs a
number of independent answers. Those of one question (or cluster) go together; with se the standard error of the share over
questions, they tell as much as n = p (1 - p) / se^2 independent ones would (Korn and Graubard 1998). Where all answers agree,
as much as there are questions.
"""

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from scipy.special import stdtrit

from hotmess.infer.effects import jackknife_error, left_out, sums_by_unit
from hotmess.infer.intervals import Interval

__all__ = ["share_interval"]

PerQuestion = Float[ndarray, " question"]


def share_interval(
    values: PerQuestion,
    *,
    level: float = 0.95,
    clusters: Shaped[ndarray, " question"] | None = None,
    weights: PerQuestion | None = None,
) -> Interval:
    """Interval of the mean of shares, inside [0, 1].

    Args:
        values: a share of each question.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
        weights: how many answers each question has, if questions count by them; all the same by default.
    """
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, level)
    most = np.inf if weights is None else float(weights.sum())
    weights = np.ones(len(values)) if weights is None else weights
    sums = sums_by_unit(np.stack([values * weights, weights]), clusters)
    units = sums.shape[1]
    p = float(np.clip(sums[0].sum() / sums[1].sum(), 0.0, 1.0))
    if units < 2:
        return Interval(p, np.nan, np.nan, level)
    top, bottom = left_out(sums)
    spread = jackknife_error(top / bottom) ** 2
    n = min(p * (1 - p) / spread, most) if spread > 0 else float(units)
    square = float(stdtrit(units - 1, 0.5 + level / 2)) ** 2
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = np.sqrt(square * (p * (1 - p) / n + square / (4 * n**2))) / (1 + square / n)
    return Interval(p, float(max(centre - half, 0.0)), float(min(centre + half, 1.0)), level)
