"""How loss, bias² and variance at the end of a rollout change with the size of the model.

Every model, that is every size and training seed, is a point of its own, so that the scatter of seeds about the line is part of
the interval (`hotmess.infer.laws`). All models were led from the same starts: tasks are the other part, kept paired.

log variance - log bias² is the logit of incoherence. So "bias² falls faster than variance" and "incoherence rises with size" are
one statement, with one slope, one interval and one p-value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.infer.laws import Law, logit_slope, power_law

__all__ = ["FALLS_FASTER", "Found", "growth", "loss_law"]

FALLS_FASTER = "log variance / bias2"  # the statement that is one number
_SIZES = 4  # points from which a line shows how far models are off it

ByModel = Float[ndarray, "model task"]
Sizes = Float[ndarray, " model"]


@dataclass(frozen=True, slots=True)
class Found:
    """A law, or none where a mean is not above 0, and how it was found."""

    what: str
    law: Law | None
    how: str


def growth(variance: ByModel, error: ByModel, sizes: Sizes) -> list[Found]:
    """The exponents of bias², variance and error in size, and whether bias² falls faster than variance.

    Args:
        variance: of each task, at the end, a row for each model.
        error: of the same.
        sizes: the number of weights of each model.
    """
    found = [
        _law(name, values, sizes) for name, values in (("bias2", error - variance), ("variance", variance), ("error", error))
    ]
    faster = logit_slope(variance, error - variance, sizes)
    if faster is None and len(set(sizes)) < len(sizes):
        alone = np.unique(sizes)
        variance, error = (np.stack([part[sizes == size].mean(0) for size in alone]) for part in (variance, error))
        faster = logit_slope(variance, error - variance, alone)
        return [
            *found,
            Found(FALLS_FASTER, faster, "seeds pooled, since a bias² is not above 0; for these models and other starts"),
        ]
    return [*found, Found(FALLS_FASTER, faster, _about(sizes))]


def loss_law(held_out: Float[ndarray, "model trajectory"], sizes: Sizes) -> Found:
    """The exponent of the loss on what was held out."""
    return _law("loss", held_out, sizes)


def _law(what: str, values: ByModel, sizes: Sizes) -> Found:
    return Found(what, power_law(values, sizes), _about(sizes))


def _about(sizes: Sequence[float] | Sizes) -> str:
    several = len(sizes) >= _SIZES
    return "least squares of logs; for other " + ("trainings and starts" if several else "starts, and these models")
