"""The query that is put to the engine: which rows count, and the sums that every kind of prediction needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Literal

import narwhals as nw
import polars as pl

from hotmess.frames import collect, count, is_polars, number
from hotmess.samples import Samples

Loss = Literal["brier", "kl", "mode", "zero_one", "coverage", "squared", "spread"]
Space = Literal["votes", "probabilities", "points"]

DELTA = 1e-12  # smoothing of probabilities under KL, the paper's choice
LOWS = ("target_low",)
HIGHS = ("target_high", "options")

_IN_ORDER = 4_000_000  # more rows than this are streamed; sums of fractions may then differ in the last bit
_ADDED = {
    *("rows", "excluded", "samples", "invalid", "bad", "rescaled", "square", "length", "lengths"),
    *("disagree", "off_target", "outcomes", "graded", "id_bits", "clean", "foreign"),
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What was added up; see `hotmess.tally.Tally` for the fields."""

    space: Space
    cells: pl.DataFrame
    units: tuple[str, ...] = ()
    entries: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """The question that is put to the engine."""

    samples: Samples
    loss: Loss
    where: tuple[str, ...]
    length: str | None
    delta: float


def is_sum(name: str) -> bool:
    """Whether a column of a tally adds."""
    return name in _ADDED or name.startswith(("total:", "log:"))


def first_rows(table: pl.DataFrame, columns: Sequence[str], most: int = 3) -> str:
    """The first rows of a table, for a message."""
    rows = table.select(*columns).sort(columns).head(most).rows()
    shown = "; ".join("/".join(str(value) for value in row if value is not None) for row in rows)
    return shown + (" …" if table.height > most else "")


def excluded_rows(samples: Samples) -> nw.Expr | None:
    """Rows that cannot count: failures of the infrastructure."""
    return nw.col("status").is_in(["error", "missing"]).fill_null(value=False) if samples.has("status") else None


def unread_rows(samples: Samples, *reasons: nw.Expr) -> nw.Expr:
    """Rows from which no answer could be read."""
    told = [(nw.col("status") == "invalid").fill_null(value=False)] if samples.has("status") else []
    return reduce(or_, [*reasons, *told])


def counted_rows(excluded: nw.Expr | None, unread: nw.Expr) -> nw.Expr:
    """Rows whose prediction enters."""
    return ~unread if excluded is None else ~unread & ~excluded


def total(value: nw.Expr, counted: nw.Expr | None) -> nw.Expr:
    """The sum of a value over the rows that count; all of them where `counted` is None."""
    return value.sum() if counted is None else nw.when(counted).then(value).sum()


def common_sums(query: Query, excluded: nw.Expr | None, unread: nw.Expr | None) -> dict[str, nw.Expr]:
    """The sums that every kind of prediction needs."""
    samples, length = query.samples, query.length
    added: dict[str, nw.Expr] = {"rows": nw.len()}
    if excluded is not None:
        added["excluded"] = number(excluded)
    if unread is not None:
        added["invalid"] = number(unread if excluded is None else unread & ~excluded)
    if length is not None:
        # What failed has no length, or one that says nothing of the model.
        value = nw.col(length) if excluded is None else nw.when(~excluded).then(nw.col(length))
        added |= {"length": value.sum(), "lengths": value.count()}
    if samples.has("n_choices"):
        added["options"] = nw.col("n_choices").max()
    if samples.kind == "score":
        added["bad"] = number((nw.col("score") < 0.0) | (nw.col("score") > 1.0) | ~nw.col("score").is_finite())
        added["graded"] = number((nw.col("score") > 0.0) & (nw.col("score") < 1.0))
    whole = samples.has("sample_id") and samples.frame.collect_schema()["sample_id"].is_integer()
    if whole and is_polars(samples.frame):
        # A sum of different powers of two has as many bits set as it has terms: an exact test for copies, one number wide.
        # Ids for which the sum is not an exact whole number look like copies, and are looked at more closely.
        power = nw.lit(2.0, dtype=nw.Float32) ** nw.col("sample_id")
        added["id_bits"] = power.cast(nw.Float64).sum()
    return added


def finished(cells: pl.DataFrame) -> pl.DataFrame:
    """Fill in the sums that were not needed, and count the samples that were read."""
    zero = [pl.lit(0.0).alias(name) for name in ("excluded", "invalid") if name not in cells.columns]
    cells = cells.with_columns(*zero)
    added = [name for name in cells.columns if is_sum(name)]
    cells = cells.with_columns(pl.col(added).cast(pl.Float64).fill_null(0.0))
    return cells.with_columns(samples=pl.col("rows") - pl.col("excluded") - pl.col("invalid"))


def as_text(cells: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Columns as text; targets are compared by their names."""
    return cells.with_columns(pl.col(name).cast(pl.String) for name in names if name in cells.columns)


def wide(query: Query, space: Space, added: dict[str, nw.Expr], units: dict[str, nw.Expr]) -> Sums:
    """A column per unit."""
    sums, frame = added | units, query.samples.frame
    named = [value.alias(f"_sum_{place}") for place, value in enumerate(sums.values())]  # not every text can name a column
    streaming = space == "votes" or (is_polars(frame) and count(frame) > _IN_ORDER)
    cells = collect(frame.group_by(*query.where).agg(*named), streaming=streaming)
    cells = cells.rename({f"_sum_{place}": name for place, name in enumerate(sums)})
    names = tuple(name.removeprefix("total:") for name in units if name.startswith("total:"))
    return Sums(space, as_text(finished(cells), "target_low", "target_high"), names)


def off_scale() -> nw.Expr:
    """Scores that are none: missing, of an answer that could not be read, or outside 0 to 1."""
    score = nw.col("score")
    # One engine believes what Parquet says of the greatest value, which leaves out what is not a number: so that is asked, too.
    return (score.is_null() | ~(score.is_finite() & (score >= 0.0) & (score <= 1.0)) | nw.col("unanswered")).fill_null(value=True)
