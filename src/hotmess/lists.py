"""Lists as columns of numbers and rows of tests, so that an engine that only adds up columns can do with them.

Polars takes lists apart by itself; see `hotmess.prepare`. Of another engine nothing more is wanted than the length of a list
and its element at a place, for engines differ in everything else.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from string import ascii_uppercase
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.answers import stands_for_option
from hotmess.errors import BadShape, UsageError
from hotmess.frames import COLUMNS, collect, count, number
from hotmess.samples import GROUPS

__all__ = ["WIDEST", "among_options", "at", "row_per_test", "uneven_options", "unlisted"]

_NOTHING = -1e300  # an outcome that is not there
_LETTERS = r"^[A-Z](; [A-Z])*$"
_AND = "; "  # between options that are right together
WIDEST = 512  # elements of a list; a query has an expression for each


def unlisted(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The frame with probabilities in columns of their own.

    Raises:
        BadShape: a list is too long for a query.
        UsageError: options come in several orders beside their probabilities; or names of columns run together.
    """
    names = frame.collect_schema().names()
    _check_apart(names)
    if "probs" not in names:
        return frame
    if not _width(frame, "probs"):
        return frame.drop("probs")
    frame = _by_place(frame) if "choices" in names and _width(frame, "choices") else frame
    return _apart(frame)


def _check_apart(names: Sequence[str]) -> None:
    """See that no two names differ in nothing but case: to some engines they are one.

    Raises:
        UsageError: two do, or a name holds a dot, by which Spark means something else.
    """
    known = {name.casefold(): name for name in (*COLUMNS, "unanswered")}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other != name or "." in name or "`" in name:
            what = f"looks to an engine like `{other}`" if other != name else "has a name that an engine takes apart"
            hint = "rename it, or leave it out of the table"
            raise UsageError(f"the column `{name}` {what}", why="then another column is read", hint=hint)


def _width(frame: nw.LazyFrame[Any], name: str) -> int:
    """How many elements the longest list has."""
    most = int(collect(frame.select(nw.col(name).list.len().max())).item() or 0)
    if most > WIDEST:
        raise BadShape(
            f"`{name}` holds lists of {most:,} elements, and a query of another engine has room for {WIDEST}",
            hint="leave --engine out, or give a column (or a row) to each",
        )
    return most


def at(name: str, place: int) -> nw.Expr:
    """An element of a list; null where the list is shorter."""
    element = nw.when(nw.col(name).list.len() > place).then(nw.col(name).list.get(place))
    return element.cast(nw.String) if name == "choices" else element


def _apart(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Probabilities in a column for each class."""
    width = _width(frame, "probs")
    named = "choices" in frame.collect_schema().names() or width > len(ascii_uppercase)
    classes = map(str, range(width)) if named else ascii_uppercase[:width]
    columns = {f"prob_{name}": at("probs", place).cast(nw.Float64) for place, name in enumerate(classes)}
    return frame.with_columns(**columns).drop("probs")


def uneven_options(rows: int) -> BadShape:
    """What to say of probabilities that are more, or fewer, than the options beside them."""
    return BadShape(
        f"{rows:,} rows have more `probs`, or fewer, than `choices`",
        why="nobody can tell which option a probability belongs to",
        hint="give each option its probability, 0 if it has none",
    )


def _by_place(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The target as its place among the options, whose order must be one for each question."""
    width = _width(frame, "choices")
    options = {f"_option_{place}": at("choices", place) for place in range(width)}
    keys = [name for name in ("task", "question_id") if name in frame.collect_schema().names()]
    ends = [end for name in options for end in (nw.col(name).min().alias(f"{name}_a"), nw.col(name).max().alias(f"{name}_z"))]
    stated = ~nw.col("probs").is_null()
    each = frame.filter(stated, ~nw.col("choices").is_null()).with_columns(**options).group_by(*keys).agg(*ends)
    uneven = count(frame.filter(stated, nw.col("probs").list.len() != nw.col("choices").list.len()))
    if uneven:
        raise uneven_options(uneven)
    torn = count(each.filter(reduce(or_, [nw.col(f"{name}_a") != nw.col(f"{name}_z") for name in options])))
    if torn:
        raise UsageError(
            f"{torn:,} question(s) have their options in several orders beside their probabilities",
            why="a place among them stands for another option each time",
            hint="leave --engine out, or put options and probabilities into one order",
        )
    target = nw.col("target").cast(nw.String)
    places = [nw.when((target == at("choices", place)).fill_null(value=False)).then(nw.lit(str(place))) for place in range(width)]
    place = nw.coalesce(*places, nw.when(~target.is_null()).then(nw.lit("-1")))
    groups = [name for name in GROUPS if name in frame.collect_schema().names()]
    frame = frame.with_columns(_stated=stated.cast(nw.Int64), _all=nw.lit(0))  # of some tasks of a store, answers are measured
    some = nw.col("_stated").max().over(*(groups or ["_all"])) == 1
    return frame.with_columns(target=nw.when(some).then(place).otherwise(target)).drop("_stated", "_all")


def among_options(frame: nw.LazyFrame[Any], never: str) -> nw.LazyFrame[Any]:
    """The frame with `n_choices`, and with `answer_not_option` and `target_not_option`.

    Args:
        frame: answers beside their `choices`.
        never: a text of our own, which is no option and need not be one.

    Raises:
        UsageError: answers or targets are letters of their options.
    """
    width = max(_width(frame, "choices"), 1)
    listed = (nw.col("choices").list.len() > 0).fill_null(value=False)
    names = [name for name in ("answer", "target") if name in frame.collect_schema().names()]
    frame = frame.with_columns(**{f"_{name}_parts": nw.col(name).cast(nw.String).str.split(_AND) for name in names})
    foreign, several = {}, nw.lit(value=False)
    for name in names:
        parts = _width(frame, f"_{name}_parts")  # of a text that names options together
        one, all_of_them = _is_option(nw.col(name).cast(nw.String), width), _are_options(f"_{name}_parts", parts, width)
        foreign[f"{name}_not_option"] = listed & ~(one | all_of_them | _is(nw.col(name).cast(nw.String), never))
        several = several | (listed & ~one & all_of_them & (nw.col(f"_{name}_parts").list.len() > 1).fill_null(value=False))
    frame = frame.with_columns(**foreign, _several=several)
    for name in names:
        _refuse_letters(frame, name)
    together = int(collect(frame.select(number(nw.col("_several")))).item() or 0)
    many = nw.lit(None, dtype=nw.Int64) if together else nw.when(listed).then(nw.col("choices").list.len())
    return frame.with_columns(n_choices=many).drop("_several", *(f"_{name}_parts" for name in names))


def _refuse_letters(frame: nw.LazyFrame[Any], name: str) -> None:
    """See that what is no option does not stand for one, such as ``(b)`` for the second: only Polars puts its text there."""
    labels = (at("choices", 0).str.len_chars() == 1).fill_null(value=False)  # of options that are letters, these are the texts
    foreign = frame.filter(nw.col(f"{name}_not_option")).with_columns(_labels=labels).group_by(name, "_labels")
    text = pl.col(name).cast(pl.String)
    plain = pl.col("_labels") & text.str.contains(_LETTERS)
    seen = collect(foreign.agg(nw.len().alias("n"))).filter(stands_for_option(text) & ~plain)
    if seen.height:
        shown = ", ".join(f"`{value}`" for value in seen[name].cast(pl.String).sort().head(3))
        raise UsageError(
            f"{seen['n'].sum():,} rows have in `{name}` letters of their options rather than texts: {shown}",
            why="if options are shuffled between runs, a letter names another answer each time",
            hint="hotmess ingest TABLE -o STORE puts the texts in, or leave --engine out",
        )


def _is(text: nw.Expr, word: nw.Expr | str) -> nw.Expr:
    return (text == word).fill_null(value=False)


def _is_option(text: nw.Expr, width: int) -> nw.Expr:
    """Whether a text is one of the options; of what is not there it is said, too, for it is missing, not foreign."""
    return reduce(or_, [_is(text, at("choices", place)) for place in range(width)], text.is_null())


def _are_options(name: str, parts: int, width: int) -> nw.Expr:
    """Whether all parts of a text are options."""
    return reduce(and_, [_is_option(at(name, part), width) for part in range(parts)])


def row_per_test(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Outcomes of unit tests with a row each, in `test_id` and `score`; a run without outcomes keeps one.

    Raises:
        BadShape: there are too many tests for a query.
    """
    width = max(_width(frame, "tests"), 1)
    names = [name for name in frame.collect_schema().names() if name not in ("tests", "score")]
    places = [f"_test_{place}" for place in range(width)]
    ran = nw.col("tests").list.len().fill_null(0)
    # Some engines leave out of an unpivoted table what is null.
    columns = {name: at("tests", place).cast(nw.Float64).fill_null(_NOTHING) for place, name in enumerate(places)}
    wide = frame.with_columns(_ran=ran, **columns).select(*names, "_ran", *places)
    long = wide.unpivot(on=places, index=[*names, "_ran"], variable_name="_place", value_name="score")
    there = [(nw.col("_place") == name) & (nw.col("_ran") > place) for place, name in enumerate(places)]
    bare = (nw.col("_place") == places[0]) & (nw.col("_ran") == 0)
    long = long.filter(reduce(or_, [*there, bare])).with_columns(test_id=_names_of(places, "test_names" in names))
    long = long.with_columns(test_id=nw.when(nw.col("_ran") > 0).then(nw.col("test_id")))
    long = long.with_columns(score=nw.when(nw.col("score") > _NOTHING).then(nw.col("score")))
    return long.drop("_ran", "_place", *(["test_names"] if "test_names" in names else []))


def _names_of(places: Sequence[str], named: bool) -> nw.Expr:  # noqa: FBT001 - one of two
    """The name of the test in each row: its own, or its number."""
    told = [at("test_names", place) if named else nw.lit(str(place)) for place in range(len(places))]
    chosen = [nw.when(nw.col("_place") == name).then(one) for name, one in zip(places, told, strict=True)]
    return nw.coalesce(*chosen)
