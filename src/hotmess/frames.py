"""Foreign frames under our names: what must happen to a table before anyone asks what is in it."""

import sys
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import BadShape, EngineFailed, MissingColumn, NothingSelected, TooLarge, UsageError

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "collect",
    "count",
    "distinct",
    "is_polars",
    "lazy",
    "named",
    "nearest",
    "number",
    "polars",
    "selected",
    "typed",
]

_TYPED = {
    pl.String: (
        *("task", "model", "setting", "question_id", "context_id", "sample_id", "answer", "target", "test_id"),
        *("status", "reason", "completion", "effort", "intended", "seed", "question_hash", "source", "source_ref"),
    ),
    pl.Int64: (
        "n_choices",
        "reasoning_tokens",
        "output_tokens",
        "output_chars",
        "actions",
        "turns",
        "wait_count",
        "backtrack_count",
    ),
    pl.Float64: ("score", "temperature", "model_size", "difficulty"),
    pl.List(pl.String): ("choices", "test_names"),
    pl.List(pl.Float64): ("probs", "vector", "target_vector"),
    pl.List(pl.Boolean): ("tests",),
    pl.Boolean: ("cached",),
    pl.UInt64: ("completion_hash",),
}
SCHEMA: dict[str, Any] = {name: dtype for dtype, names in _TYPED.items() for name in names}
"""The columns of a sample table and the types that our readers give them; a foreign table may have others."""

_FETCHED = 20_000_000  # rows of another engine at most
_UNSIGNED = 20  # digits that Spark gives to a number of 64 bits without a sign

COLUMNS = tuple(SCHEMA)
ALIASES = {"correct": "score", "n_actions": "actions"}

_LISTS: dict[str, tuple[type[pl.DataType], ...]] = {
    "probs": (pl.Float64,),
    "tests": (pl.Boolean, pl.Float64),
    "vector": (pl.Float64,),
    "target_vector": (pl.Float64,),
    "choices": (pl.String,),
    "test_names": (pl.String,),
}
_NUMERIC = (
    *("score", "n_choices", "reasoning_tokens", "output_tokens", "output_chars", "actions", "wait_count"),
    *("model_size", "temperature"),
)
_WORDS = {"true": "1", "pass": "1", "passed": "1", "yes": "1", "false": "0", "fail": "0", "failed": "0", "no": "0"}


def lazy(table: Any) -> nw.LazyFrame[Any]:
    """Any frame as a lazy one; eager frames become Polars, lazy ones keep their engine.

    Raises:
        UsageError: it is no frame.
    """
    if isinstance(table, str | PathLike):
        raise UsageError(f"`{table}` is a path, not a table", hint=f"hotmess.read({str(table)!r})")
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
        return nw.from_native(_fetched(frame).lazy())
    return frame


def _fetched(frame: nw.DataFrame[Any]) -> pl.DataFrame:
    try:
        return frame.to_polars()
    except ImportError as problem:
        raise UsageError("this frame needs PyArrow to be read", hint="pip install pyarrow") from problem
    except Exception as problem:
        raise UsageError(
            f"the frame cannot be read: {str(problem).splitlines()[0][:160]}",
            hint="give each column one type and a name of its own",
        ) from problem


def is_polars(frame: nw.LazyFrame[Any]) -> bool:
    """Whether Polars runs the queries on a frame."""
    return isinstance(frame.to_native(), pl.LazyFrame)


def polars(frame: nw.LazyFrame[Any]) -> pl.LazyFrame:
    """The frame in Polars; one of another engine is fetched, if it is not too large.

    Raises:
        TooLarge: it is.
    """
    native = frame.to_native()
    if isinstance(native, pl.LazyFrame):
        return native
    rows = count(frame)
    if rows > _FETCHED:
        raise TooLarge(
            f"this needs the samples themselves, and there are {rows:,} of them on another engine",
            why="only figures per question are fetched from there",
            hint="choose some with --task or --model, or leave --engine out",
        )
    return collect(frame).lazy()


def collect(frame: nw.LazyFrame[Any], *, streaming: bool = True) -> pl.DataFrame:
    """Run a query. What is not added in the order of the rows may differ in the last bit where it is `streaming`.

    Raises:
        EngineFailed: an engine other than Polars gave up.
    """
    native = frame.to_native()
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming" if streaming else "in-memory")
    try:
        found = _asked(frame)
    except Exception as problem:  # every engine has errors of its own
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()] or [type(problem).__name__]
        engine = type(frame.to_native()).__module__.partition(".")[0].strip("_")
        said = lines[-1 if engine == "daft" else 0][:200]  # Ray tells first where, and last why
        hint = "--memory 4GB, or as much as there is" if "Out of Memory" in said else ""
        hint = hint or f"look at the types of the columns, and at {engine}'s log"
        raise EngineFailed(f"{engine} gave up on a query: {said}", hint=hint) from problem
    return found.with_columns(
        pl.col(name).cast(_plain(dtype.precision, dtype.scale))
        for name, dtype in found.schema.items()
        if isinstance(dtype, pl.Decimal)
    )


def _asked(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    """What an engine answers; asked once more where Ray says that a machine was lost. Spark begins again by itself."""
    try:
        found: pl.DataFrame = frame.collect("polars").to_native()
    except Exception as problem:
        if not _machine_lost(problem):
            raise
        found = frame.collect("polars").to_native()
    return found


def _machine_lost(problem: Exception) -> bool:
    """Whether it is an error of Ray itself, and not one of a task that Ray tells."""
    ray = sys.modules.get("ray")
    return ray is not None and isinstance(getattr(problem, "cause", problem), ray.exceptions.RayError)


def _plain(digits: int | None, fraction: int) -> Any:
    """What other engines hold as decimal numbers: sums of whole numbers, and what has no sign."""
    if fraction:
        return pl.Float64
    return pl.UInt64 if digits == _UNSIGNED else pl.Int64


def number(test: nw.Expr) -> nw.Expr:
    """In how many rows something is so."""
    return test.cast(nw.Int8).sum()


def _check_names(columns: Mapping[str, str]) -> None:
    for ours in columns:
        if ours not in COLUMNS and not ours.startswith("prob_"):
            near = nearest(ours, COLUMNS)
            hint = f"did you mean `{near}`?" if near else "ours are " + ", ".join(COLUMNS)
            raise UsageError(f"`--columns {ours}={columns[ours]}`: there is no `{ours}` in a sample table", hint=hint)
    theirs = [name for name in columns.values() if name]
    twice = next((name for name in theirs if theirs.count(name) > 1), None)
    if twice:
        raise UsageError(f"`--columns` gives `{twice}` two meanings", hint="copy the column if it has both")


def _renamed(frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> dict[str, str]:
    """Theirs to ours, for every column that gets another name."""
    names = frame.collect_schema().names()
    for ours, theirs in columns.items():
        if theirs and theirs not in names:
            raise MissingColumn(
                f"`--columns {ours}={theirs}` names a column that is not there; found: {', '.join(names)}",
                hint=f"--columns {ours}={near}" if (near := nearest(theirs, names)) else "",
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
    _check_names(columns)
    renamed = _renamed(frame, columns)
    names = frame.collect_schema().names()
    # A column of theirs that bears a name of ours, but is not the one that was asked for, makes way.
    taken = [name for name in names if name in columns and renamed.get(name) != name]
    frame = frame.drop(taken) if taken else frame
    return frame.rename({theirs: ours for theirs, ours in renamed.items() if theirs not in taken})


def typed(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The frame with lists and numbers read that a text file could only hold as text.

    Raises:
        BadShape: what should be a list, or a number, is none.
    """
    schema = frame.collect_schema()
    for name, dtype in schema.items():
        if name in _LISTS and not (dtype == nw.String or dtype == nw.List or dtype == nw.Array or dtype == nw.Unknown):
            raise BadShape(f"`{name}` must hold lists; it holds {dtype}", hint=f"--columns {name}=    (to ignore the column)")
    texts = [name for name, dtype in schema.items() if dtype == nw.String and name in (*_LISTS, *_NUMERIC)]
    if not texts:
        return frame
    table = polars(frame).collect()
    for name in texts:
        table = table.with_columns(_lists(table[name]) if name in _LISTS else _numbers(table[name]))
    return nw.from_native(table.lazy())


def _lists(column: pl.Series) -> pl.Series:
    for dtype in _LISTS[column.name]:
        try:
            return column.str.json_decode(pl.List(dtype))
        except pl.exceptions.PolarsError:
            continue
    example = next((value for value in column.drop_nulls().to_list() if not value.startswith("[")), column.drop_nulls()[0])
    written = '["A", "B"]' if pl.String in _LISTS[column.name] else "[0.1, 0.9]"
    raise BadShape(f"`{column.name}` must hold lists, written like {written}; it holds {example[:60]}")


def _numbers(column: pl.Series) -> pl.Series:
    words = column.str.to_lowercase().str.strip_chars()
    words = words.set(words == "", None)
    found = words.replace(_WORDS).cast(pl.Float64, strict=False)
    lost = column.filter(found.is_null() & words.is_not_null()).unique(maintain_order=True)
    if lost.len():
        shown = ", ".join(f"`{value[:30]}`" for value in lost.head(3))
        raise BadShape(
            f"`{column.name}` must hold numbers; it holds {shown}",
            hint="a score is a number in 0 to 1, or true and false"
            if column.name == "score"
            else f"--columns {column.name}=    (to ignore the column)",
        )
    return found.alias(column.name)


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
    return int(collect(frame.select(nw.len())).item())


def distinct(frame: nw.LazyFrame[Any], name: str) -> list[Any]:
    """The different values of a column."""
    found = collect(frame.group_by(name).agg(nw.len().alias("n")))[name].to_list()
    return [value for value in found if value is not None]


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was perhaps meant."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(words), n=1, cutoff=0.5)), None)
