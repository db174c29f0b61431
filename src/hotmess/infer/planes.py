"""What goes with incoherence more, long reasoning or a large model? A plane through cells of model and bucket.

A cell holds the questions of one bucket, answered by one model. With y the logit (or log) of the cell's ratio of sums::

    y = a + b1 log length + b2 log size        weighted by 1 / var(y), with a floor under var(y)

One question feeds the cells of many models, so that the cells are no independent points: the intervals come from leaving out one
question at a time in all of its cells, with the buckets as they are. They hold for these models and other questions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray

from hotmess.infer.effects import Effect, effect

__all__ = ["Plane", "two_variables"]

PerRow = Float[ndarray, " row"]
PerCell = Float[ndarray, " cell"]
PerUnit = Float[ndarray, "unit cell"]
Fits = Float[ndarray, "sum fit cell"]
Scale = Literal["logit", "log"]

_NOTHING = 1e-12  # differences below are rounding
_FLOOR = 4.0  # no cell weighs more than four times the median one: few slips can look like certainty


@dataclass(frozen=True, slots=True)
class Plane:
    """Slopes of (the logit of) incoherence in log length and log size.

    `length_sd` and `size_sd` are standard deviations over the cells, so that ``length.value * length_sd`` can be compared with
    ``size.value * size_sd``; `apart` is |the former| - |the latter|, above 0 where length matters more.
    """

    length: Effect
    size: Effect
    apart: Effect
    intercept: float
    length_sd: float
    size_sd: float
    cells: int


def two_variables(
    variance: PerRow,
    error: PerRow,
    cell: Int[ndarray, " row"],
    question: Shaped[ndarray, " row"],
    *,
    length: PerCell,
    size: PerCell,
    scale: Scale = "logit",
    level: float = 0.95,
) -> Plane | None:
    """Fit the plane; `statistics` 7 of the design. None with fewer than four cells of use, or if these lie on a line.

    A cell is of use if its ratio lies inside (0, 1), or on the log scale above 0, with and without any single question.

    Args:
        variance: variance of each question in each cell, one after the other.
        error: error, likewise.
        cell: the cell of each row, from 0.
        question: a label for the question of each row, or for its cluster: rows of one label are left out together.
        length: typical length of each cell.
        size: size of the model of each cell.
        scale: what is linear: the logit of incoherence, or its log.
        level: the level of confidence.
    """
    _, unit = np.unique(question, return_inverse=True)
    shape = (int(unit.max(initial=-1)) + 1, len(length))
    sums = _with_and_without(*(_placed(values, unit, cell, shape) for values in (variance, error, np.ones(len(cell)))))
    use = _of_use(sums, scale)
    x = np.log(np.stack([length[use], size[use]], axis=1))
    if len(x) < 4 or shape[0] < 5:
        return None
    centre, sd = x.mean(0), x.std(0)
    design = np.column_stack([np.ones(len(x)), (x - centre) / np.where(sd > 0, sd, 1.0)])
    if np.linalg.matrix_rank(design, tol=1e-9 * len(x)) < 3:
        return None
    fits = _planes(sums[:, :, use], design, scale)
    first, second, apart = (
        effect(float(each[0]), each[1:], df=shape[0] - 3, level=level)
        for each in (fits[:, 1] / sd[0], fits[:, 2] / sd[1], np.abs(fits[:, 1]) - np.abs(fits[:, 2]))
    )
    intercept = float(fits[0, 0] - fits[0, 1:] @ (centre / sd))
    return Plane(first, second, apart, intercept, float(sd[0]), float(sd[1]), len(x))


def _placed(values: PerRow, unit: Int[ndarray, " row"], cell: Int[ndarray, " row"], shape: tuple[int, int]) -> PerUnit:
    return np.bincount(unit * shape[1] + cell, values, minlength=shape[0] * shape[1]).reshape(shape)


def _with_and_without(v: PerUnit, e: PerUnit, there: PerUnit) -> Fits:
    """Sums of V, E, V², V E, E² and 1 in each cell: first of all units, then without one each."""
    each = np.stack([v, e, v * v, v * e, e * e, (there > 0).astype(float)])
    whole = each.sum(1, keepdims=True)
    return np.concatenate([whole, whole - each], axis=1)


def _of_use(sums: Fits, scale: Scale) -> Bool[ndarray, " cell"]:
    """Cells that have a logit (or log) in every fit."""
    v, e, *_, count = sums
    use = (count >= 2) & (e > _NOTHING * e[0]) & (v > _NOTHING * e[0])
    return (use & (e - v > _NOTHING * e[0]) if scale == "logit" else use).all(0)


def _planes(sums: Fits, design: Float[ndarray, "cell 3"], scale: Scale) -> Float[ndarray, "fit 3"]:
    """Weighted least squares, all fits at once; the weights belong to the fit."""
    v, e, vv, ve, ee, count = sums
    ratio = v / e
    slope = 1 / (ratio * (1 - ratio)) if scale == "logit" else 1 / ratio
    y = np.log(v / (e - v)) if scale == "logit" else np.log(ratio)
    noise = count / (count - 1) * np.maximum(vv - 2 * ratio * ve + ratio**2 * ee, 0.0) / e**2 * slope**2
    typical = np.median(noise, axis=1, keepdims=True)
    weight = 1 / np.maximum(noise, np.where(typical > 0, typical / _FLOOR, 1.0))
    square = np.einsum("fc,ci,cj->fij", weight, design, design, optimize=True)
    return np.linalg.solve(square, np.einsum("fc,ci,fc->fi", weight, design, y, optimize=True)[..., None])[..., 0]
