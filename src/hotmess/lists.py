"""Lists as columns of numbers and rows of tests, so that an engine that only adds up columns can do with them.

Polars takes lists apart by itself; see `hotmess.prepare`. Of another engine nothing more is wanted than the length of a list
and its element at a place, for engines differ in everything else.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from string import ascii_uppercase
from typing import Any

import narwhals as nw

from hotmess.errors import BadShape, UsageError
from hotmess.frames import collect, count, number

__all__ = ["unlisted"]

_WIDEST = 512  # elements of a list; a query has an expression for each


def unlisted(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The frame with probabilities in columns of their own, tests in rows, and what is known of options in numbers.

    Raises:
        BadShape: a list is too long for a query.
        UsageError: answers are letters of options, or options come in several orders: that must be settled first.
    """
    names = frame.collect_schema().names()
    if "choices" in names and "probs" in names:
        frame = _by_place(frame)
    elif "choices" in names and "answer" in names and "answer_not_option" not in names:
        frame = _among_options(frame)
    if "probs" in names:
        frame = _apart(frame)
    return _row_per_test(frame) if "tests" in names and "test_id" not in names else frame


def _width(frame: nw.LazyFrame[Any], name: str) -> int:
    """How many elements the longest list has."""
    most = int(collect(frame.select(nw.col(name).list.len().max())).item() or 0)
    if most > _WIDEST:
        raise BadShape(
            f"`{name}` holds lists of {most:,} elements, and a query of another engine has room for {_WIDEST}",
            hint="leave --engine out, or give a column (or a row) to each",
        )
    return most


def _at(name: str, place: int) -> nw.Expr:
    """An element of a list; null where the list is shorter."""
    return nw.when(nw.col(name).list.len() > place).then(nw.col(name).list.get(place))


def _apart(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Probabilities in a column for each class."""
    width = _width(frame, "probs")
    named = "choices" in frame.collect_schema().names() or width > len(ascii_uppercase)
    classes = map(str, range(width)) if named else ascii_uppercase[:width]
    columns = {f"prob_{name}": _at("probs", place).cast(nw.Float64) for place, name in enumerate(classes)}
    return frame.with_columns(**columns).drop("probs")


def _by_place(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The target as its place among the options, whose order must be one for each question."""
    width = _width(frame, "choices")
    options = {f"_option_{place}": _at("choices", place) for place in range(width)}
    keys = [name for name in ("task", "question_id") if name in frame.collect_schema().names()]
    ends = [end for name in options for end in (nw.col(name).min().alias(f"{name}_a"), nw.col(name).max().alias(f"{name}_z"))]
    each = frame.filter(~nw.col("choices").is_null()).with_columns(**options).group_by(*keys).agg(*ends)
    torn = count(each.filter(reduce(or_, [nw.col(f"{name}_a") != nw.col(f"{name}_z") for name in options])))
    if torn:
        raise UsageError(
            f"{torn:,} question(s) have their options in several orders beside their probabilities",
            why="a place among them stands for another option each time",
            hint="leave --engine out, or put options and probabilities into one order",
        )
    target = nw.col("target").cast(nw.String)
    places = [
        nw.when((target == _at("choices", place)).fill_null(value=False)).then(nw.lit(str(place))) for place in range(width)
    ]
    there = nw.when(~target.is_null()).then(nw.lit("-1"))
    return frame.with_columns(target=nw.coalesce(*places, there))


def _among_options(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Of how many options an answer is one, and whether it and the target are among them."""
    width = _width(frame, "choices")
    listed = (nw.col("choices").list.len() > 0).fill_null(value=False)
    names = [name for name in ("answer", "target") if name in frame.collect_schema().names()]
    foreign = {f"{name}_not_option": listed & ~_is_option(name, width) for name in names}
    frame = frame.with_columns(**foreign)
    letters = nw.col("answer_not_option") & (nw.col("answer").cast(nw.String).str.len_chars() == 1).fill_null(value=False)
    spoken = int(collect(frame.select(number(letters))).item() or 0)
    if spoken:
        raise UsageError(
            f"{spoken:,} answers are letters of their options rather than texts",
            why="if options are shuffled between runs, a letter names another answer each time",
            hint="hotmess ingest TABLE -o STORE puts the texts in, or leave --engine out",
        )
    return frame.with_columns(n_choices=nw.when(listed).then(nw.col("choices").list.len()))


def _is_option(name: str, width: int) -> nw.Expr:
    """Whether a text is one of the options; of what is not there it is said, too, for it is missing, not foreign."""
    text = nw.col(name).cast(nw.String)
    same = [(text == _at("choices", place)).fill_null(value=False) for place in range(width)]
    return reduce(or_, same, text.is_null() | (text == "<correct>").fill_null(value=False))


def _row_per_test(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Outcomes of unit tests with a row each; a run without outcomes keeps one."""
    width = max(_width(frame, "tests"), 1)
    names = [name for name in frame.collect_schema().names() if name not in ("tests", "score")]
    places = [f"_test_{place}" for place in range(width)]
    ran = nw.col("tests").list.len().fill_null(0)
    columns = {name: _at("tests", place).cast(nw.Float64) for place, name in enumerate(places)}
    wide = frame.with_columns(_ran=ran, **columns).select(*names, "_ran", *places)
    long = wide.unpivot(on=places, index=[*names, "_ran"], variable_name="_place", value_name="score")
    there = [(nw.col("_place") == name) & (nw.col("_ran") > place) for place, name in enumerate(places)]
    bare = (nw.col("_place") == places[0]) & (nw.col("_ran") == 0)
    long = long.filter(reduce(or_, [*there, bare])).with_columns(test_id=_names_of(places, "test_names" in names))
    long = long.with_columns(test_id=nw.when(nw.col("_ran") > 0).then(nw.col("test_id")))
    return long.drop("_ran", "_place", *(["test_names"] if "test_names" in names else []))


def _names_of(places: Sequence[str], named: bool) -> nw.Expr:  # noqa: FBT001 - one of two
    """The name of the test in each row: its own, or its number."""
    told = [_at("test_names", place) if named else nw.lit(str(place)) for place in range(len(places))]
    chosen = [nw.when(nw.col("_place") == name).then(one) for name, one in zip(places, told, strict=True)]
    return nw.coalesce(*chosen)
