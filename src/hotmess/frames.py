"""Foreign frames under our names: what must happen to a table before anyone asks what is in it."""

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import BadShape, MissingColumn, NothingSelected, UsageError

__all__ = ["count", "distinct", "lazy", "named", "nearest", "polars", "selected", "typed"]

ALIASES = {"correct": "score", "n_actions": "actions"}

_LISTS = {
    "probs": pl.Float64,
    "tests": pl.Boolean,
    "vector": pl.Float64,
    "target_vector": pl.Float64,
    "choices": pl.String,
    "test_names": pl.String,
}


def lazy(table: Any) -> nw.LazyFrame[Any]:
    """Any frame as a lazy one; eager frames become Polars, lazy ones keep their engine.

    Raises:
        UsageError: it is no frame.
    """
    try:
        frame = nw.from_native(table)
    except TypeError:
        try:
            frame = nw.from_native(pl.DataFrame(table))
        except Exception as problem:
            raise UsageError(
                f"cannot read a table from {type(table).__name__}",
                hint="give a path, or a pandas, Polars, PyArrow or DuckDB frame",
            ) from problem
    if isinstance(frame, nw.DataFrame):
        return nw.from_native(frame.to_polars().lazy())
    has_lists = any(dtype == nw.List or dtype == nw.Array for dtype in frame.collect_schema().values())
    # Engines differ in how lists are taken apart, so tables with lists are read with one engine.
    return nw.from_native(polars(frame)) if has_lists else frame


def polars(frame: nw.LazyFrame[Any]) -> pl.LazyFrame:
    """The frame in Polars; one of another engine is fetched."""
    native = frame.to_native()
    return native if isinstance(native, pl.LazyFrame) else frame.collect("polars").to_native().lazy()


def _renamed(frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> dict[str, str]:
    """Theirs to ours, for every column that gets another name."""
    names = frame.collect_schema().names()
    for ours, theirs in columns.items():
        if theirs and theirs not in names:
            raise MissingColumn(
                f"`--columns {ours}={theirs}` names a column that is not there; found: {', '.join(names)}",
                hint=f"--columns {ours}=" + (nearest(theirs, names) or names[0]),
            )
    renamed = {theirs: ours for ours, theirs in columns.items() if theirs}
    for theirs, ours in ALIASES.items():
        if theirs in names and ours not in names and ours not in columns and theirs not in renamed:
            renamed[theirs] = ours
    return renamed


def named(frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """The frame with our names for its columns.

    Raises:
        MissingColumn: a column that was named is not there.
    """
    renamed = _renamed(frame, columns)
    names = frame.collect_schema().names()
    # A column of theirs that bears a name of ours, but is not the one that was asked for, makes way.
    taken = [name for name in names if name in columns and renamed.get(name) != name]
    frame = frame.drop(taken) if taken else frame
    return frame.rename({theirs: ours for theirs, ours in renamed.items() if theirs not in taken})


def typed(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The frame with lists and scores read that a text file could only hold as text.

    Raises:
        BadShape: what should be a list is none.
    """
    texts = {name for name, dtype in frame.collect_schema().items() if dtype == nw.String}
    lists = {name: dtype for name, dtype in _LISTS.items() if name in texts}
    read = [pl.col(name).str.json_decode(pl.List(dtype)) for name, dtype in lists.items()]
    if "score" in texts:
        words = pl.col("score").str.to_lowercase().str.strip_chars()
        read.append(words.replace({"true": "1", "false": "0"}).cast(pl.Float64, strict=False).alias("score"))
    if not read:
        return frame
    try:
        return nw.from_native(polars(frame).with_columns(*read).collect().lazy())
    except pl.exceptions.PolarsError as problem:
        raise BadShape(
            f"{', '.join(f'`{name}`' for name in lists)} must hold lists, written like [0.1, 0.9]",
            where=str(problem).splitlines()[0][:160],
        ) from problem


def selected(frame: nw.LazyFrame[Any], **wanted: str | None) -> nw.LazyFrame[Any]:
    """The rows that have these values.

    Raises:
        NothingSelected: there are none.
    """
    for name, value in wanted.items():
        if value is None:
            continue
        if name not in frame.collect_schema().names():
            raise NothingSelected(f"there is no column `{name}`, so `--{name} {value}` selects nothing")
        text = nw.col(name).cast(nw.String)
        kept = frame.filter(text == value)
        if count(kept) == 0:
            there = sorted(map(str, distinct(frame, name)))
            raise NothingSelected(
                f"no row has the {name} `{value}`; found: {', '.join(there[:8])}{' …' if len(there) > 8 else ''}",
                hint=f"--{name} '{nearest(value, there) or there[0]}'" if there else "",
            )
        frame = kept
    return frame


def count(frame: nw.LazyFrame[Any]) -> int:
    """How many rows there are."""
    return int(frame.select(nw.len()).collect("polars").item())


def distinct(frame: nw.LazyFrame[Any], name: str) -> list[Any]:
    """The different values of a column."""
    found = frame.select(nw.col(name)).unique().collect("polars")[name].to_list()
    return [value for value in found if value is not None]


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was perhaps meant."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(words), n=1, cutoff=0.5)), None)
