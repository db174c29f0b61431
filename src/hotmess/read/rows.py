"""Rows of the sample table from records of any shape: each format declares its columns, this file makes the table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import polars as pl

from hotmess.answers import from_completions
from hotmess.errors import Notice
from hotmess.frames import SCHEMA

__all__ = ["How", "Log", "OnLimit", "comparable", "digest", "number", "setting", "skipped", "table", "text"]

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
    """

    text: bool = False
    pattern: str | None = None
    scorer: str | None = None
    on_limit: OnLimit = "as-scored"


@dataclass(frozen=True, slots=True)
class Log:
    """What was found in one file (or in a few that belong together): rows, and what must be said about them."""

    frame: pl.DataFrame
    notices: tuple[Notice, ...] = ()


def table(records: Sequence[Any], columns: Mapping[str, Callable[[Any], Any]], pattern: str | None = None) -> pl.DataFrame:
    """One row per record, one column per function; completions are replaced by what they tell."""
    made = {name: _series(name, [get(record) for record in records]) for name, get in columns.items()}
    frame = pl.DataFrame({name: column for name, column in made.items() if column.null_count() < len(column)})
    return from_completions(frame.lazy(), pattern, answers=False).collect() if "completion" in frame.columns else frame


def _series(name: str, values: list[Any]) -> pl.Series:
    dtype = SCHEMA.get(name)
    if dtype == pl.String:
        values = [text(value) for value in values]
    try:
        return pl.Series(name, values, dtype=dtype, strict=dtype is None)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [text(value) for value in values], dtype=pl.String).cast(dtype or pl.String, strict=False)


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
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return _MARKS.get(value.strip().casefold(), _float(value))
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


def skipped(what: str, first: str) -> Notice:
    """What to say of records or files that could not be read, and of the first of them why."""
    return Notice(
        "skipped", f"{what} could not be read (first: {first})", "look at what is wrong with them: their answers are missing"
    )


def comparable(frame: pl.DataFrame, notices: tuple[Notice, ...]) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """Without the answers, where they are whole texts, each its own class."""
    if "answer" not in frame.columns or "choices" in frame.columns:
        return frame, notices
    long = (frame["answer"].str.len_chars() > _LONG).sum()
    if long <= 0.1 * frame["answer"].count():
        return frame, notices
    found = f"{long:,} of {len(frame):,} answers are longer than {_LONG} characters: whole texts, which are never equal"
    return frame.drop("answer"), (*notices, Notice("long-answers", found, "--pattern 'ANSWER: (.*)' reads an answer out of them"))
