"""Questions put together: which questions share a row, and what is known of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from hotmess.decompose import Terms, decompose
from hotmess.errors import NoSuchColumn, UsageError
from hotmess.frames import collect
from hotmess.leave_out import LeftOut, leave_out
from hotmess.rows import Method, Row
from hotmess.samples import GROUPS, Samples
from hotmess.sums import HIGHS, LOWS, is_sum
from hotmess.tally import Tally, question_codes

__all__ = ["Bucket", "Group", "Questions", "buckets_of", "equal_counts", "grouping", "groups_of", "known_columns"]

_NO_GROUPS = (
    "question_id",
    "sample_id",
    "test_id",
    "answer",
    "target",
    "score",
    "probs",
    "tests",
    "vector",
    "choices",
    "test_names",
)
_MADE = ("completion_hash", "question_hash", "source_ref", "unanswered", "answer_not_option", "target_not_option")
_OF_TEXT = ("wait_count", "backtrack_count", "output_chars", "actions")
_PER_BUCKET = 4  # questions, below which a bucket says nothing


@dataclass(frozen=True, slots=True)
class Bucket:
    """Buckets of equally many questions by the mean of a column."""

    column: str
    count: int
    name: str


def grouping(samples: Samples, by: Sequence[str], pool: Sequence[str]) -> tuple[tuple[str, ...], Bucket | None]:
    """The columns to split by, and the buckets, if any.

    Raises:
        UsageError: what was asked for is not understood.
        NoSuchColumn: the table does not have the column.
    """
    columns: list[str] = []
    bucket = None
    for spec in by:
        name, _, count = spec.partition(":")
        if count and (not count.isdigit() or int(count) < 1 or bucket):
            raise UsageError(f"`--by {spec}` is not understood", hint="--by length:8, once; or --by COLUMN")
        if count:
            bucket = Bucket("" if name == "length" and not samples.has("length") else name, int(count), name)
        elif name == "length" and not samples.has("length"):
            raise UsageError("`--by length` needs a number of buckets", hint="--by length:8")
        elif name not in GROUPS:
            columns.append(name)
    results = {part.name for part in fields(Row)} | {"low", "high", *LOWS, *HIGHS, "unit", "cell", "question", "contexts", "at"}
    taken = next((name for name in columns if name in results or is_sum(name)), None)
    if taken:
        raise UsageError(f"`--by {taken}`: the results have a column of that name too", hint=f"rename the column `{taken}`")
    for name in pool:
        if name in by:
            raise UsageError(f"`--by {name} --pool {name}` asks for both", hint="leave one out")
        if name not in GROUPS:
            raise UsageError(f"`--pool {name}` is not understood", hint="--pool task | model | setting")
    known_columns(samples, [*columns, *([bucket.column] if bucket and bucket.column else [])])
    return tuple(dict.fromkeys(columns)), bucket


def known_columns(samples: Samples, names: Sequence[str]) -> None:
    """Refuse columns that are not there, or that are no property of a question or a run.

    Raises:
        NoSuchColumn: with the columns there are.
    """
    for name in names:
        if not samples.has(name) or name in _NO_GROUPS:
            there = [column for column in samples.columns if column not in {*_NO_GROUPS, *_MADE}]
            found = "cannot be split by" if samples.has(name) else "does not exist"
            hint = "--text reads it from the transcripts of a log" if name in _OF_TEXT else ""
            raise NoSuchColumn(f"the column `{name}` {found}; there are {', '.join(there) or 'no others'}", hint=hint)


@dataclass(frozen=True, slots=True)
class Questions:
    """Per-question terms, beside what names a question."""

    table: pl.DataFrame
    terms: Terms
    cells: Tally
    codes: Int[ndarray, " cell"]
    clusters: ndarray | None
    left: LeftOut | None

    @classmethod
    def of(cls, made: Tally, samples: Samples, method: Method, pool: Sequence[str]) -> "Questions":
        """Decompose every question, and leave samples or contexts out where the interval asks for it."""
        plugin = method.estimator == "plugin"
        terms = decompose(made, method.loss, plugin=plugin, invalid=method.invalid, delta=method.delta)
        both = "context_id" in made.inner and "sample_id" in made.inner
        outer = made.without("sample_id") if both else made
        clusters = _same_questions(made, pool) if method.cluster is None else _clusters(samples, made, method.cluster)
        left = None
        shared = "context_id" in outer.inner and terms.contexts.max() >= 2
        if method.loss not in ("zero_one", "spread") and (method.about == "benchmark" or shared):
            left = leave_out(outer, method.loss, plugin=plugin, invalid=method.invalid, delta=method.delta)
        return cls(made.questions(), terms, outer, question_codes(outer), clusters, left)

    def usable(self, members: Int[ndarray, " member"], *, nested: bool) -> Bool[ndarray, " member"]:
        """Questions whose bias and variance can be told apart; where some have contexts, all must."""
        known = np.isfinite(self.terms.variance[members])
        return known & (self.terms.contexts[members] >= 2) if nested else known


def _same_questions(made: Tally, pool: Sequence[str]) -> ndarray | None:
    """One question that was put to several models (or in several settings) is one draw of a question, not several."""
    if not {"model", "setting"} & set(pool):
        return None
    asked = [name for name in ("task", "question_id") if name in made.keys]
    return made.questions().select(pl.struct(asked).rank("dense")).to_series().to_numpy()


def _clusters(samples: Samples, made: Tally, name: str) -> ndarray:
    """The cluster of each question."""
    known_columns(samples, [name])
    column = nw.col(name).cast(nw.String)
    found = samples.frame.group_by(*made.keys).agg(column.min().alias("low"), column.max().alias("high"))
    table = (
        made.questions().select(made.keys).join(collect(found), on=made.keys, how="left", nulls_equal=True, maintain_order="left")
    )
    torn = table.filter(pl.col("low") != pl.col("high")).height
    if torn:
        raise UsageError(
            f"`--cluster {name}`: {torn} question(s) lie in more than one cluster", hint="choose a property of questions"
        )
    return table["low"].fill_null("").to_numpy()


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that are put together."""

    name: dict[str, Any]
    members: Int[ndarray, " member"]
    nested: bool


def groups_of(table: Questions, columns: Sequence[str], pool: Sequence[str]) -> Iterator[Group]:
    """Questions by task, model, setting (unless pooled) and the columns to split by."""
    names = [name for name in GROUPS if name in table.table.columns and name not in pool] + list(columns)
    found: list[tuple[tuple[Any, ...], Int[ndarray, " member"]]]
    if not names:
        found = [((), np.arange(table.table.height))]
    else:
        rows = table.table.select(names).with_row_index("at").group_by(names, maintain_order=True).agg("at").sort(names)
        found = [(row[:-1], np.asarray(row[-1])) for row in rows.iter_rows()]
    for values, members in found:
        name = dict(zip(names, values, strict=True))
        nested = bool(table.terms.contexts[members].max() >= 2)
        yield Group(name, members, nested)


def buckets_of(table: Questions, group: Group, bucket: Bucket) -> Iterator[Group]:
    """Split the usable questions of a group, sorted by mean length, into equally many."""
    rows = table.table[group.members]
    mean = (rows["length"] / rows["lengths"]).to_numpy()
    chosen = table.usable(group.members, nested=group.nested) & np.isfinite(mean)
    members, mean = group.members[chosen], mean[chosen]
    count = max(1, min(bucket.count, len(mean) // _PER_BUCKET))
    place = equal_counts(mean, count)
    numbers = np.unique(place)
    for number, at in enumerate(numbers, start=1):
        part = place == at
        span = {"bucket": number, "of": len(numbers), "low": float(mean[part].min()), "high": float(mean[part].max())}
        span["mean"] = float(mean[part].mean())
        yield Group({**group.name, bucket.name: span}, np.sort(members[part]), group.nested)


def equal_counts(values: Float[ndarray, " value"], count: int) -> Int[ndarray, " value"]:
    """The part, from 0, of each value, where sorted values are cut into parts of equally many; equal values stay together.

    What has the same value must not be told apart by the order of a table; parts may then be uneven, or empty.
    """
    order = np.argsort(values, kind="stable")
    part = np.repeat(np.arange(count), [len(each) for each in np.array_split(order, count)])
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(many) - many + (many - 1) // 2
    return part[middle][place]
