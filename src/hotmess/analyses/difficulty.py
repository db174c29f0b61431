"""How hard each question is: by a label, by a number, or by how long a reference model's answers to it are.

Whoever is asked, a question has one difficulty. Numbers of more than a few different values are put into groups of equally many
questions of a task; equal values stay together.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.asked import Asked
from hotmess.errors import NothingSelected, NothingToCompare, UsageError
from hotmess.frames import collect, nearest
from hotmess.groups import known_columns
from hotmess.tally import asked_by

__all__ = ["Difficulty", "by_column", "by_reference", "natural_order", "undivided"]

_AS_GIVEN = 6  # different values, up to which each is a group of its own
_PER_GROUP = 4  # questions, below which a group says nothing
_LADDERS = (
    ("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    ("low", "middle", "high"),
    ("very easy", "easy", "medium", "hard", "very hard", "expert"),
    ("trivial", "easy", "moderate", "difficult", "very difficult"),
    ("short", "medium", "long"),
    ("small", "medium", "large"),
    ("introductory", "interview", "competition"),
    ("easy undergraduate", "hard undergraduate", "hard graduate", "post-graduate"),
    ("<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"),
)


@dataclass(frozen=True, slots=True)
class Difficulty:
    """The difficulty of every question of a table.

    Attributes:
        names: the groups; from the easiest to the hardest, if `ordered`.
        group: which of them each question is in; -1 for none.
        value: the number, or the place of the label in its order, of each question; NaN for none.
        ordered: whether anything says which group is harder.
        measured: whether `value` is a number that says something by itself.
        by: what was looked at, in words; empty where there is one group.
        wanted: how many groups numbers were to be divided into; 0 where they are as they were given.
    """

    names: tuple[str, ...]
    group: Int[ndarray, " question"]
    value: Float[ndarray, " question"]
    ordered: bool
    measured: bool
    by: str
    wanted: int = 0

    def span(self, members: Int[ndarray, " member"]) -> dict[str, float]:
        """The lowest and the highest value of some questions, if these are numbers."""
        values = self.value[members]
        return {"lowest": float(values.min()), "highest": float(values.max())} if self.measured and len(values) else {}


def undivided(asked: Asked) -> Difficulty:
    """All questions in one group, where nothing tells them apart."""
    count = asked.table.table.height
    return Difficulty(("all",), np.zeros(count, dtype=int), np.zeros(count), ordered=False, measured=False, by="")


def by_column(asked: Asked, column: str, groups: int) -> Difficulty:
    """Groups of questions by a column of labels or numbers.

    Raises:
        NoSuchColumn: it is not there, or is no property of a question.
        UsageError: it has too many labels, or differs inside a question.
    """
    known_columns(asked.samples, [column])
    numeric = asked.samples.frame.collect_schema()[column].is_numeric()
    value = _of_questions(asked, column, numeric=numeric)
    value = value.fill_nan(None) if numeric else value
    different = value.drop_nulls().unique().sort()
    if not len(different):
        raise NothingToCompare(f"the column `{column}` is empty, so that no question has a difficulty")
    if numeric:
        numbers = value.cast(pl.Float64).fill_null(np.nan).to_numpy()
        if len(different) <= _AS_GIVEN:
            shown = tuple(f"{number:g}" for number in different)
            group = _places(value, different.to_list())
            return Difficulty(shown, group, numbers, ordered=True, measured=True, by=_words(column))
        return _divided(asked, numbers, groups, ("low", "middle", "high"), _words(column))
    if len(different) > _AS_GIVEN:
        found = f"the column `{column}` has {len(different)} different labels, too many for groups of difficulty"
        raise UsageError(found, hint="a column of numbers, or of at most 6 labels")
    order = natural_order(different.to_list())
    group = _places(value, order or different.to_list())
    place = np.where(group < 0, np.nan, group)
    names = tuple(order or different.to_list())
    return Difficulty(names, group, place, ordered=order is not None, measured=False, by=_words(column))


def _words(column: str) -> str:
    return column.replace("_", " ")


def _places(value: pl.Series, names: Sequence[object]) -> Int[ndarray, " question"]:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(each, -1) for each in value.to_list()])


def _of_questions(asked: Asked, column: str, *, numeric: bool) -> pl.Series:
    """The value that the rows of each question have, whichever model they are of."""
    keys = asked_by(asked.tally)
    shown = nw.col(column).cast(nw.Float64 if numeric else nw.String)
    found = asked.samples.frame.group_by(*keys).agg(shown.min().alias("least"), shown.max().alias("most"))
    each = collect(found)
    torn = each.filter(pl.col("least") != pl.col("most")).height
    if torn:
        raise UsageError(
            f"`{column}` has more than one value in {torn} of {each.height} questions",
            why="a question is as hard for one model as for another",
            hint="choose a property of questions",
        )
    return asked.table.table.join(each, on=keys, how="left", nulls_equal=True, maintain_order="left")["most"]


def by_reference(asked: Asked, model: str | None, groups: int, preferred: Sequence[str] = ()) -> Difficulty:
    """Groups of questions by the mean length of one model's answers.

    Args:
        asked: with lengths.
        model: which model; by default the first of those preferred that has lengths.
        groups: how many groups of equally many questions.
        preferred: models, the most preferred first.

    Raises:
        NothingSelected: there is no such model.
        NothingToCompare: none of its answers has a length.
    """
    rows, keys = asked.table.table, asked_by(asked.tally)
    there = rows["model"].drop_nulls().unique().sort().to_list()
    if model is not None and model not in there:
        near = nearest(model, there)
        shown = ", ".join(there[:8]) + (" …" if len(there) > 8 else "")
        raise NothingSelected(
            f"there is no model `{model}` to go by; there are {shown}", hint=f'reference="{near}"' if near else ""
        )
    known = set(rows.filter(pl.col("lengths") > 0)["model"])
    chosen = model or next((name for name in preferred if name in known), None)
    if chosen not in known:
        found = f"no answer of the model `{model}` has a length" if model else "no answer has a length"
        raise NothingToCompare(found, why="questions are grouped by how long its answers are", hint="reference=, or difficulty=")
    own = rows.filter(pl.col("model") == chosen).group_by(keys).agg(pl.col("length").sum() / pl.col("lengths").sum())
    joined = rows.select(keys).join(own, on=keys, how="left", nulls_equal=True, maintain_order="left")
    length = joined["length"].fill_nan(None).cast(pl.Float64).fill_null(np.nan).to_numpy()
    return _divided(asked, length, groups, ("short", "medium", "long"), f"{_words(asked.length_column)} of {chosen}")


def _divided(asked: Asked, value: Float[ndarray, " question"], groups: int, words: tuple[str, str, str], by: str) -> Difficulty:
    """Groups of equally many questions of each task, by a number; equal numbers stay together."""
    keys = asked_by(asked.tally)
    rows = asked.table.table.select(keys).with_columns(value=pl.Series(value).fill_nan(None))
    each = rows.unique(keys).drop_nulls("value")
    tasks = [name for name in ("task",) if name in keys and "task" not in asked.rules.pool]
    smallest = int(each.group_by(tasks).len()["len"].min() if tasks else each.height)  # type: ignore[arg-type]
    count = max(1, min(groups, smallest // _PER_GROUP))
    rank, size = pl.col("value").rank("average"), pl.len()
    rank, size = (rank.over(tasks), size.over(tasks)) if tasks else (rank, size)
    placed = each.select(*keys, group=((rank - 0.5) * count / size).floor().cast(pl.Int64))
    group = rows.join(placed, on=keys, how="left", nulls_equal=True, maintain_order="left")["group"].fill_null(-1).to_numpy()
    by = by if count > 1 else ""
    return Difficulty(_ranked(words, count), group, value, ordered=True, measured=True, by=by, wanted=groups)


def _ranked(words: tuple[str, str, str], count: int) -> tuple[str, ...]:
    if count <= 3:
        return {1: ("all",), 2: (words[0], words[2]), 3: words}[count]
    marks = {1: f" ({words[0]})", count: f" ({words[2]})"}
    return tuple(f"{place} of {count}{marks.get(place, '')}" for place in range(1, count + 1))


def natural_order(labels: Collection[str]) -> list[str] | None:
    """Labels in the order that their words or numbers have, such as low, medium, high; None if they have none.

    >>> natural_order(["high", "low", "medium"])
    ['low', 'medium', 'high']
    >>> natural_order(["effort=16000", "effort=2000"])
    ['effort=2000', 'effort=16000']
    """
    for ladder in _LADDERS:
        steps = {label: _step(label, ladder) for label in labels}
        known = [step for step in steps.values() if step is not None]
        if len(known) == len(labels) == len(set(known)):
            return sorted(labels, key=lambda label: steps[label] or 0)
    parts = {label: re.split(r"(\d+(?:\.\d+)?)", label) for label in labels}
    same = {(part[0], *part[2:]) for part in parts.values()}
    if len(same) == 1 and all(len(part) == 3 for part in parts.values()):
        return sorted(labels, key=lambda label: float(parts[label][1]))
    return None


def _step(label: str, ladder: Sequence[str]) -> int | None:
    """How high a label stands; the longest word that it begins with counts."""
    word = label.rpartition("=")[2].strip().casefold()
    fits = [(len(step), place) for place, step in enumerate(ladder) if word == step or word.startswith((step + " ", step + " ("))]
    return max(fits)[1] if fits else None
