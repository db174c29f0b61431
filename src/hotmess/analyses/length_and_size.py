"""What goes with incoherence more, long reasoning or a large model? Two variables at once (paper, figure 14).

Each model's questions are put into buckets by their own mean length. Through these cells goes the plane::

    logit R = a + b1 log length + b2 log size

Slopes per doubling say how much; slopes times the standard deviation of their variable say which of the two moves incoherence
more over the range that was seen. Contours, where the plane is at some level, are lines in log length and log size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.points import additive, ends, frame, kept, of_questions, statement, with_holm
from hotmess.analyses.sizes import Models, outer_keys, question_codes, sized
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import NothingToCompare, one_of
from hotmess.groups import Group
from hotmess.infer import Effect, Plane, two_variables
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.rows import Row
from hotmess.samples import Samples

__all__ = ["by_length_and_size"]

_LEVELS = (0.25, 0.5, 0.75), tuple(np.arange(1, 10) / 10), tuple(np.arange(1, 20) / 20), tuple(np.arange(1, 100) / 100)
_MOST = 5  # contours
_MARGIN = 0.12  # of the range that was seen, by which contours are longer


def by_length_and_size(
    samples: Samples | Any,
    *,
    buckets: int = 6,
    of: Literal["logit", "log"] = "logit",
    size: str = "model_size",
    rules: Rules = Rules(),
) -> Result:
    """Incoherence of cells of length and model size, and the plane through them.

    Args:
        samples: a sample table with a length, of models of several sizes.
        buckets: how many buckets of equally many questions each model has.
        of: what is linear: the logit of incoherence, or its log, as in the paper.
        size: the column with the size of each model.
        rules: how to measure.

    Returns:
        Points of `kind` cell: model, `size`, `bucket`, `length` (geometric mean over questions), questions, samples, incoherence
        with its ends. Points of kind contour: two ends (length, size) of the line on which the plane is at `incoherence`. Tests:
        slopes per doubling of length and of size; each times the sd of its variable over the cells; and |length| - |size| of
        these, above 0 where length matters more.

    Raises:
        NoLength: the table has no length.
        NoSuchColumn: there is no column of sizes.
        BadShape: a model has two sizes.
        NothingToCompare: there are fewer than two sizes, or too few cells with errors of both kinds for a plane.
    """
    of = one_of("scale", of, ("logit", "log"))
    models = sized(samples, rules, size, None)
    asked = additive(ask(models.samples, rules, by=[f"{rules.length or 'length'}:{buckets}"]))
    asked = replace(asked, groups=tuple(group for group in asked.groups if group.name["model"] in models.size))
    measured = measurement(asked)
    outer = outer_keys(asked, models)
    code = question_codes(asked, outer)
    points: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for name, parts in _by_outer(asked, measured.rows, outer).items():
        cells = _cells(asked, parts, models, code)
        plane = _plane(asked, cells, of)
        points += [dict(name) | point for point in _points(asked, cells)]
        if plane is not None:
            points += [dict(name) | point for point in _contours(plane, cells, of)]
            tests += _tests(dict(name), plane, of, asked.length_column, size)
    if not tests:
        raise NothingToCompare(
            f"no plane goes through the cells of {len(models.size)} models and {buckets} buckets",
            why="it needs four cells, of two lengths and two sizes, with some bias and some variance in each",
            hint="fewer buckets, more questions, or by_scale",
        )
    notices = (*measured.notices, *models.notices, *of_questions(asked))
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    source = asked.samples.source
    return Result("by_length_and_size", frame(points), with_holm(frame(tests)), asked.method, notices, source, interval)


@dataclass(frozen=True, slots=True)
class _Cell:
    """The questions of one bucket, answered by one model."""

    row: Row
    chosen: Int[ndarray, " member"]
    question: Int[ndarray, " member"]
    bucket: int
    length: float
    size: float


_Parts = list[tuple[Row, Group]]


def _by_outer(asked: Asked, rows: tuple[Row, ...], outer: list[str]) -> dict[tuple[tuple[str, Any], ...], _Parts]:
    found: dict[tuple[tuple[str, Any], ...], _Parts] = {}
    for row, group in kept(asked, rows):
        found.setdefault(tuple((key, row.group[key]) for key in outer), []).append((row, group))
    return found


def _cells(asked: Asked, parts: _Parts, models: Models, code: Int[ndarray, " question"]) -> list[_Cell]:
    name = asked.bucket.name if asked.bucket else ""
    length, cells = asked.length(), []
    for row, group in parts:
        chosen = asked.usable(group)
        chosen = chosen[length[chosen] > 0]
        if len(chosen):
            typical = float(np.exp(np.log(length[chosen]).mean()))
            question, size = code[chosen], models.size[group.name["model"]]
            cells.append(_Cell(row, chosen, question, row.group[name]["bucket"], typical, size))
    return cells


def _plane(asked: Asked, cells: list[_Cell], of: Literal["logit", "log"]) -> Plane | None:
    if not cells:
        return None
    chosen = np.concatenate([cell.chosen for cell in cells])
    clusters = asked.clusters(chosen)
    return two_variables(
        asked.table.terms.variance[chosen],
        asked.table.terms.error[chosen],
        np.repeat(np.arange(len(cells)), [len(cell.chosen) for cell in cells]),
        np.concatenate([cell.question for cell in cells]) if clusters is None else clusters,
        length=np.array([cell.length for cell in cells]),
        size=np.array([cell.size for cell in cells]),
        scale=of,
        level=asked.method.level,
    )


def _points(asked: Asked, cells: list[_Cell]) -> Iterator[dict[str, Any]]:
    names = [name for name in ("model",) if name in asked.table.table.columns]
    for cell in sorted(cells, key=lambda cell: (cell.size, *(str(cell.row.group[name]) for name in names), cell.bucket)):
        place = {name: cell.row.group[name] for name in names}
        where = {"size": cell.size, "bucket": cell.bucket, "length": cell.length}
        count = {"questions": cell.row.questions, "samples": cell.row.samples}
        yield {"kind": "cell"} | place | where | count | ends("incoherence", cell.row.incoherence)


# ---------------------------------------------------------------------------------------------- the plane


def _tests(name: dict[str, Any], plane: Plane, of: str, length: str, size: str) -> Iterator[dict[str, Any]]:
    what, how = f"{of} of incoherence", "weighted plane through cells, jackknife over questions"
    doubling = float(np.log(2))
    yield statement(name, what, f"doubling of {length}", _times(plane.length, doubling), how)
    yield statement(name, what, f"doubling of {size}", _times(plane.size, doubling), how)
    yield statement(name, what, f"sd of log {length}", _times(plane.length, plane.length_sd), how)
    yield statement(name, what, f"sd of log {size}", _times(plane.size, plane.size_sd), how)
    yield statement(name, what, f"sd: |{length}| - |{size}|", plane.apart, how)


def _times(found: Effect, factor: float) -> Effect:
    """The same slope in another unit."""
    return Effect(found.value * factor, found.low * factor, found.high * factor, found.p, found.level)


def _contours(plane: Plane, cells: list[_Cell], of: str) -> Iterator[dict[str, Any]]:
    """Both ends of each contour that crosses the rectangle of the cells, at round levels of which some do."""
    box = np.log([[cell.length, cell.size] for cell in cells])
    margin = _MARGIN * (box.max(0) - box.min(0))
    low, high = box.min(0) - margin, box.max(0) + margin
    slope = np.array([plane.length.value, plane.size.value])
    for levels in _LEVELS:
        lines = [(level, _crossing(_on_scale(level, of) - plane.intercept, slope, low, high)) for level in levels]
        found = [(level, line) for level, line in lines if line is not None]
        if len(found) > 1:
            break
    step = -(-len(found) // _MOST) or 1
    for level, line in found[::step]:
        for length, size in np.exp(line):
            yield {"kind": "contour", "length": float(length), "size": float(size), "incoherence": float(level)}


def _on_scale(level: float, of: str) -> float:
    return float(np.log(level / (1 - level))) if of == "logit" else float(np.log(level))


def _crossing(
    rest: float, slope: Float[ndarray, "2"], low: Float[ndarray, "2"], high: Float[ndarray, "2"]
) -> Float[ndarray, "2 2"] | None:
    """Where the line slope · x = rest enters and leaves a rectangle; None where it passes by."""
    ends = []
    for axis in (0, 1):
        other = 1 - axis
        for edge in (low[axis], high[axis]):
            if slope[other] != 0:
                place = (rest - slope[axis] * edge) / slope[other]
                if low[other] <= place <= high[other]:
                    ends.append((edge, place) if axis == 0 else (place, edge))
    if len(ends) < 2:
        return None
    ends.sort()
    return np.array([ends[0], ends[-1]])
