"""How loss, bias² and variance at the end of a rollout change with the size of the model.

Every training of a size is a figure of its own; how much trainings of one size differ is part of the interval, as are the
tasks, which all models share (`hotmess.infer.laws`). So the intervals are for other trainings of these sizes, on this problem.
Where there is one training of each size, the scatter about the line takes its place, from four sizes up.

log variance - log bias² is the logit of incoherence. So "bias² falls faster than variance" and "incoherence rises with size"
are one statement, with one slope, one interval and one p-value.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.infer.laws import Law, log_means, logit_slope, power_law, slope_over_trainings

__all__ = ["FALLS_FASTER", "Found", "growth", "loss_law"]

FALLS_FASTER = "log variance / bias2"  # the statement that is one number
_SIZES = 4  # from which a line shows how far models are off it

ByModel = Float[ndarray, "model task"]
Sizes = Float[ndarray, " model"]


@dataclass(frozen=True, slots=True)
class Found:
    """A law and how it was found, or why there is none.

    Attributes:
        general: whether its interval is for other trainings too.
    """

    what: str
    law: Law | None
    how: str
    general: bool = True


def growth(variance: ByModel, error: ByModel, sizes: Sizes, *, general: bool = True) -> list[Found]:
    """The exponents of bias², variance and error in size, and whether bias² falls faster than variance.

    Args:
        variance: of each task, at the end, a row for each model.
        error: of the same.
        sizes: the number of weights of each model.
        general: whether a row is one training, so that the scatter of rows tells of other trainings.
    """
    bias = error - variance
    found = [
        _law(name, values, sizes, general=general) for name, values in (("bias2", bias), ("variance", variance), ("error", error))
    ]
    if _trained_again(sizes):
        faster = slope_over_trainings(log_means(variance) - log_means(bias), sizes)
    else:
        faster = logit_slope(variance, bias, sizes)
    return [*found, _said(FALLS_FASTER, faster, sizes, general=general)]


def loss_law(held_out: Float[ndarray, "model trajectory"], sizes: Sizes) -> Found:
    """The exponent of the loss on what was held out."""
    return _law("loss", held_out, sizes, general=True)


def _law(what: str, values: ByModel, sizes: Sizes, *, general: bool) -> Found:
    again = _trained_again(sizes)
    law = slope_over_trainings(log_means(values), sizes) if again else power_law(values, sizes)
    return _said(what, law, sizes, general=general)


def _said(what: str, law: Law | None, sizes: Sizes, *, general: bool) -> Found:
    if law is None:
        one = len(np.unique(sizes)) < 2
        return Found(
            what, None, "one size has no slope" if one else "a mean is not above 0, so that it has no logarithm", general=False
        )
    again = _trained_again(sizes)
    general = general and (again or len(sizes) >= _SIZES)
    about = "for other trainings and starts" if general else "for other starts, and these models only"
    way = "least squares of logs, trainings within sizes" if again else "least squares of logs"
    return Found(what, law, f"{way}; {about}", general=general)


def _trained_again(sizes: Sizes) -> bool:
    """Whether there are several trainings of every size."""
    return len(sizes) > 1 and bool((np.unique(sizes, return_counts=True)[1] > 1).all())
