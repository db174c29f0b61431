"""What every reader makes: a log as rows of the sample table, from records and the columns that its format declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import polars as pl

from hotmess.answers import from_completions
from hotmess.errors import Notice
from hotmess.frames import SCHEMA

__all__ = [
    "NO_SHAPE",
    "How",
    "Log",
    "OnLimit",
    "comparable",
    "digest",
    "mapping",
    "number",
    "setting",
    "skipped",
    "table",
    "text",
    "without",
]

_HUGE = 1e300
_LONG = 200  # characters; what is longer is no answer that could be compared with another

OnLimit = Literal["as-scored", "paper", "drop"]


@dataclass(frozen=True, slots=True)
class How:
    """What to read, where a log leaves a choice.

    Attributes:
        text: read whole transcripts, for lengths in characters, markers, and copies, where a summary would do for the rest.
        pattern: how to read answers from completions, instead of the log's own way.
        scorer: which of several scorers (Inspect), filters (lm-eval) or metrics (HELM) decides; else the first.
        on_limit: what a run is that was stopped by a limit.
        long_answers: keep answers that are whole texts, to be embedded rather than compared.
        keep: the places (`source_ref`) whose text is wanted, and nothing but the text; else every row, without its text.
    """

    text: bool = False
    pattern: str | None = None
    scorer: str | None = None
    on_limit: OnLimit = "as-scored"
    long_answers: bool = False
    keep: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """What was found in one file (or in a few that belong together): rows, and what must be said about them."""

    frame: pl.DataFrame
    notices: tuple[Notice, ...] = ()


def table(records: Sequence[Any], columns: Mapping[str, Callable[[Any], Any]], shown: str, pattern: str | None = None) -> Log:
    """One row per record, one column per function; completions are replaced by what they tell.

    A record of which a column cannot be made has not the shape of its format: it is left out, and said.
    """
    bad: list[str] = []
    try:
        made = {name: [get(record) for record in records] for name, get in columns.items()}
    except NO_SHAPE:
        records = [record for place, record in enumerate(records, 1) if _has_shape(record, columns, place, bad)]
        made = {name: [get(record) for record in records] for name, get in columns.items()}
    series = [_series(name, values) for name, values in made.items()]
    frame = pl.DataFrame([column for column in series if column.null_count() < len(column)])
    if "completion" in frame.columns:
        frame = from_completions(frame.lazy(), pattern, answers=False).collect()
    return Log(frame, (skipped(f"{len(bad):,} records of `{shown}`", bad[0]),) if bad else ())


NO_SHAPE = (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError, RecursionError)


def _has_shape(record: Any, columns: Mapping[str, Callable[[Any], Any]], place: int, bad: list[str]) -> bool:
    for name, get in columns.items():
        try:
            get(record)
        except NO_SHAPE as problem:
            bad.append(f"number {place} has no {name}: {problem}")
            return False
    return True


def _series(name: str, values: list[Any]) -> pl.Series:
    dtype = SCHEMA.get(name, pl.String)
    try:
        if isinstance(dtype, pl.List):
            return _lists(name, values, dtype)
        if dtype == pl.String:
            return _texts(name, values)
        return pl.Series(name, values, dtype=dtype, strict=False)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        if isinstance(dtype, pl.List):
            return pl.Series(name, [None] * len(values), dtype=dtype)
        return pl.Series(name, [text(value) for value in values], dtype=pl.String).cast(dtype, strict=False)


def _texts(name: str, values: list[Any]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.String)
    except (TypeError, UnicodeEncodeError, pl.exceptions.PolarsError):  # numbers among them, or half a surrogate pair
        return pl.Series(name, [text(value) for value in values], dtype=pl.String)


def _lists(name: str, values: list[Any], dtype: Any) -> pl.Series:
    """Lists, each different one made once: options and names of tests recur with every sample of a question."""
    keys = [None if value is None else tuple(value) for value in values]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    texts = dtype.inner == pl.String
    once = [None if key is None else [text(item) for item in key] if texts else list(key) for key in places]
    return pl.Series(name, once, dtype=dtype, strict=False).gather([places[key] for key in keys])


def mapping(found: Any) -> Mapping[str, Any]:
    """What was found where an object should be: it, or an empty one."""
    return found if isinstance(found, Mapping) else {}


def text(value: Any) -> str | None:
    """A value as text; half a surrogate pair, which no text may hold, is replaced."""
    if value is None:
        return None
    found = value if isinstance(value, str) else str(value)
    return found if found.isascii() else found.encode("utf-8", "replace").decode("utf-8")


def digest(data: bytes) -> str:
    """A short name for some bytes: the same bytes have the same name, here and on any other machine."""
    return blake2b(data, digest_size=8).hexdigest()


def number(value: Any) -> float | None:
    """A grade as a number: marks C, P, I, N, words, booleans, numbers; nothing where it is none."""
    if isinstance(value, (bool, int, float)):
        return float(value) if abs(value) < _HUGE else None  # neither NaN nor infinite, nor an integer that is no float
    if isinstance(value, str):
        mark = _MARKS.get(value.strip().casefold())
        return _float(value) if mark is None else mark
    return None


_MARKS = {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0, "true": 1.0, "yes": 1.0, "pass": 1.0, "false": 0.0, "no": 0.0, "fail": 0.0}


def _float(value: str) -> float | None:
    try:
        return number(float(value))
    except ValueError:
        return None


def setting(facts: Mapping[str, Any]) -> str | None:
    """What was asked for, as ``key=value`` joined by ``;``."""
    known = [
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in facts.items() if value is not None
    ]
    return ";".join(known) or None


def without(log: Log, bad: Sequence[str], shown: str) -> Log:
    """A log with a word about the lines of its file that could not be read."""
    return Log(log.frame, (*log.notices, skipped(f"{len(bad):,} lines of `{shown}`", bad[0]))) if bad else log


def skipped(what: str, first: str) -> Notice:
    """What to say of records or files that could not be read, and of the first of them why."""
    return Notice(
        "skipped", f"{what} could not be read (first: {first})", "look at what is wrong with them: their answers are missing"
    )


def comparable(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Notice]]:
    """Rows without the answers of tasks where these are whole texts, each its own class."""
    if "answer" not in rows.columns:
        return rows, []
    options = pl.col("choices").is_not_null().any() if "choices" in rows.columns else pl.lit(value=False)
    long = (pl.col("answer").str.len_chars() > _LONG).sum()
    found = rows.group_by("task").agg(long.alias("long"), pl.col("answer").count().alias("answers"), options.alias("options"))
    texts = found.filter(~pl.col("options") & (pl.col("long") > 0.1 * pl.col("answers"))).sort("task")
    if not texts.height:
        return rows, []
    tasks = texts["task"].to_list()
    what = f"{texts['long'].sum():,} answers of {', '.join(map(str, tasks[:3]))} are longer than {_LONG} characters: whole texts"
    notice = Notice("long-answers", f"{what}, which are never equal", "--pattern 'ANSWER: (.*)' reads an answer out of them")
    there = pl.col("task").is_in(tasks).fill_null(value=False)
    return rows.with_columns(answer=pl.when(~there).then("answer")), [notice]
