"""Sums per question that add: over files, machines and days.

Every measure in hotmess is a function of sums over the samples of a question (and of a context, where the input was drawn
several times). With ``f`` the prediction of a sample, over the units of its kind (classes, unit tests, coordinates)::

    tally = GROUP BY question, context:   count,  sum f_u,  sum |f|^2,  sum log(f_u + delta),  sum length
    merge = the same GROUP BY over tallies

The engine of the sample table does that one GROUP BY, through narwhals; `hotmess.sums` says of what, for each kind of
prediction. A one-hot answer is counted, never expanded. `hotmess.blocks` makes dense arrays of the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Int
from numpy import ndarray

from hotmess.errors import BadShape, DuplicateSamples, EmptyTable, MissingValue, NothingCounts
from hotmess.frames import collect, is_polars
from hotmess.samples import Kind, Samples
from hotmess.sums import DELTA, HIGHS, LOWS, Loss, Query, Space, Sums, crossfit, first_rows, is_sum, sums

__all__ = ["DELTA", "Loss", "Tally", "asked_by", "count_questions", "crossfitted", "merge", "question_codes", "tally"]


_EXACT = 2.0**53  # whole numbers below are exact as floats
_IDS = 8_000_000  # ids of samples that are looked at together


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums per cell; a cell is a question, a question × context, or a question × context × sample.

    Attributes:
        kind: the kind of prediction that was added up.
        space: votes (every sample is one class), probabilities (a distribution over classes) or points.
        keys: the columns of `cells` that name a question.
        inner: the columns that name a cell inside its question: context_id, sample_id, both or none.
        units: names of the units where they are the same for every question; `cells` has a column ``total:NAME`` each.
        cells: a row per cell, sorted, with sums over its samples.
        entries: otherwise a row per cell and unit, with the columns that name the cell, ``unit`` and ``total``.
        suites: the keys by which the unit tests of a run were split, and not the runs.
    """

    kind: Kind
    space: Space
    keys: tuple[str, ...]
    inner: tuple[str, ...]
    units: tuple[str, ...]
    cells: pl.DataFrame
    entries: pl.DataFrame | None = None
    suites: tuple[str, ...] = ()

    @property
    def where(self) -> tuple[str, ...]:
        """The columns that name a cell."""
        return (*self.keys, *self.inner)

    def questions(self) -> pl.DataFrame:
        """One row per question, sorted: its keys, its sums, and how many contexts it has."""
        if not self.inner:
            return self.cells.with_columns(contexts=pl.lit(1, dtype=pl.UInt32))
        added = [pl.col(name).sum() for name in self.cells.columns if is_sum(name) and ":" not in name]
        contexts = pl.col("context_id").n_unique() if "context_id" in self.inner else pl.lit(1, dtype=pl.UInt32)
        return self.cells.group_by(self.keys, maintain_order=True).agg(*added, contexts=contexts)

    def without(self, column: str) -> "Tally":
        """The tally with the cells of one inner column added up."""
        return _grouped(replace(self, inner=tuple(name for name in self.inner if name != column)))

    def within_contexts(self) -> "Tally":
        """The same cells, each context taken as a question of its own."""
        inner = tuple(name for name in self.inner if name != "context_id")
        return replace(self, keys=(*self.keys, "context_id"), inner=inner)


def tally(
    samples: Samples,
    loss: Loss = "brier",
    *,
    by: Sequence[str] = (),
    length: str | None = None,
    each_sample: bool = False,
    delta: float = DELTA,
) -> Tally:
    """Add up what a loss needs.

    Args:
        samples: the sample table.
        loss: kl also needs sums of logarithms, mode and zero_one the votes of probabilities, coverage outcomes.
        by: columns that split the samples of a question into questions of their own.
        length: a numeric column to add up as well, per sample.
        each_sample: keep every sample as a cell of its own, for what must leave one out.
        delta: the smoothing of KL.

    Raises:
        HotmessError: a row has no question, a response is there twice, no row counts, or shapes differ.
    """
    keys = (*(name for name in samples.keys if name != "question_id" and name not in by), *by, "question_id")
    inner = ("context_id",) if samples.has("context_id") and "context_id" not in by else ()
    if each_sample:
        samples, inner = samples.with_sample_ids(), (*inner, "sample_id")
    where = (*keys, *inner)
    added: Sums = sums(samples, loss, where=where, length=length, delta=delta)
    suites = _suites(samples, by) if samples.kind == "tests" else ()
    made = Tally(samples.kind, added.space, keys, inner, added.units, added.cells.sort(where), added.entries, suites)
    _check(made, samples)
    return made


def crossfitted(made: Tally, samples: Samples, loss: Loss, *, invalid: str, delta: float = DELTA) -> Tally:
    """The tally of stated probabilities with what leaving single samples out costs, in `cells`; see `hotmess.sums.crossfit`.

    It stands for a tally with `each_sample` where the samples shall stay where they are. It does not add.

    Args:
        made: the tally, taken for kl or mode without `each_sample`.
        samples: what it was made of.
        loss: kl or mode.
        invalid: what an answer is that could not be read.
        delta: the smoothing of kl.
    """
    extra = invalid == "class" and bool(made.cells["invalid"].sum() > 0)
    query = Query(samples, loss, made.where, None, delta)
    found = crossfit(query, invalid=invalid, extra=extra, keys=made.keys)
    mean = pl.when(pl.col("left") > 1).then(pl.col("crossfit") / pl.col("left")).otherwise(float("nan"))
    found = found.select(*made.where, mean.alias("crossfit"))
    return replace(made, cells=made.cells.join(found, on=made.where, how="left", nulls_equal=True, maintain_order="left"))


def _suites(samples: Samples, by: Sequence[str]) -> tuple[str, ...]:
    """The columns of which a run has several values: they split its tests, where others split runs."""
    run = [*samples.keys, *(name for name in ("context_id", "sample_id") if samples.has(name))]
    split = [name for name in by if name not in run]
    if not split:
        return ()
    counts = samples.frame.group_by(*run).agg(nw.col(name).n_unique() for name in split)
    most = collect(counts.select(nw.col(name).max() for name in split)).row(0)
    return tuple(name for name, many in zip(split, most, strict=True) if many > 1)


def question_codes(made: Tally) -> Int[ndarray, " cell"]:
    """Number the questions in the order of the cells."""
    if not made.inner:
        return np.arange(made.cells.height)
    counts = made.cells.group_by(made.keys, maintain_order=True).len()["len"].to_numpy()
    return np.repeat(np.arange(len(counts)), counts)


def asked_by(made: Tally) -> list[str]:
    """The columns that name what was asked, whoever was asked and however samples are split."""
    return [name for name in ("task", "question_id", *made.suites) if name in made.keys]


def count_questions(made: Tally) -> int:
    """How many questions a tally has."""
    return made.cells.height if not made.inner else made.cells.select(pl.struct(made.keys).n_unique()).item()


def merge(first: Tally, *others: Tally) -> Tally:
    """Add tallies of the same kind, as if their samples had been in one table.

    Raises:
        BadShape: they do not count the same things.
    """
    every = (first, *others)
    shapes = {(made.kind, made.space, made.keys, made.inner) for made in every}
    if len(shapes) > 1:
        raise BadShape("only tallies of one kind add up; found " + " and ".join(f"{s[1]} by {', '.join(s[2])}" for s in shapes))
    if len({made.entries is None for made in every}) == 2:
        every = tuple(_with_entries(made) for made in every)
    units = tuple(dict.fromkeys(unit for made in every for unit in made.units))
    frames = [made.entries for made in every if made.entries is not None]
    cells = pl.concat([made.cells for made in every], how="diagonal_relaxed")
    entries = pl.concat(frames, how="diagonal_relaxed") if frames else None
    return _grouped(replace(first, units=units, cells=cells, entries=entries))


def _grouped(made: Tally) -> Tally:
    """Group the rows of a tally again and add."""
    names = made.cells.columns
    added = [pl.col(name).sum() for name in names if is_sum(name)]
    ends = [pl.col(name).min() for name in names if name in LOWS] + [pl.col(name).max() for name in names if name in HIGHS]
    cells = made.cells.group_by(made.where).agg(*added, *ends).sort(made.where)
    if made.entries is None:
        return replace(made, cells=cells)
    sums = [name for name in ("total", "outcomes") if name in made.entries.columns]
    return replace(made, cells=cells, entries=made.entries.group_by(*made.where, "unit").agg(pl.col(sums).sum()))


def _with_entries(made: Tally) -> Tally:
    """A tally with a column per unit, as one with a row per cell and unit."""
    if made.entries is not None:
        return made
    columns = {f"total:{unit}": unit for unit in made.units}
    entries = made.cells.select(*made.where, *columns).rename(columns)
    entries = entries.unpivot(on=list(made.units), index=made.where, variable_name="unit", value_name="total")
    return replace(made, units=(), cells=made.cells.drop(*columns), entries=entries.filter(pl.col("total") != 0))


def _check(made: Tally, samples: Samples) -> None:
    cells = made.cells
    if cells.height == 0 or cells["rows"].sum() == 0:
        raise EmptyTable("the table has no rows")
    lost = cells.filter(pl.col("question_id").is_null())["rows"].sum()
    if lost:
        raise MissingValue(
            f"{int(lost)} of {int(cells['rows'].sum())} rows have no question_id",
            why="nobody can tell which answers belong together",
            hint="fill the column, or remove these rows",
        )
    if cells["excluded"].sum() == cells["rows"].sum():
        raise NothingCounts("every row has the status error or missing", hint="--columns status=    (to ignore the column)")
    if samples.has("sample_id") and samples.kind != "tests":
        _check_copies(made, samples)


def _some_questions(cells: pl.DataFrame) -> list[nw.Expr | None]:
    """The questions in ranges of not too many rows, so that the ids of their samples fit into memory; None for all of them."""
    if cells["rows"].sum() <= _IDS:
        return [None]
    rows = cells.group_by("question_id").agg(pl.col("rows").sum()).sort("question_id")
    rows = rows.with_columns(part=(pl.col("rows").cum_sum() / _IDS).ceil())
    ends = rows.group_by("part").agg(pl.col("question_id").max().alias("last"))["last"].sort().to_list()
    question = nw.col("question_id")
    inner = [(question > above) & (question <= end) for above, end in pairwise(ends)]
    return [question <= ends[0], *inner]


def _check_copies(made: Tally, samples: Samples) -> None:
    """Refuse a response that is there twice."""
    cells, where = made.cells, made.where
    if "id_bits" in cells.columns:
        bits = cells["id_bits"].to_numpy()
        whole = (bits < _EXACT).all() and (bits % 1 == 0).all()
        if whole and (np.bitwise_count(bits.astype(np.int64)) == cells["rows"].to_numpy()).all():
            return
    where = tuple(dict.fromkeys((*where, "sample_id")))
    some = _some_questions(cells) if is_polars(samples.frame) else [None]  # other engines spill
    frames = (samples.frame if part is None else samples.frame.filter(part) for part in some)
    counted = (frame.group_by(*where).agg(nw.len().alias("rows")) for frame in frames)
    copies = pl.concat([collect(rows.filter(nw.col("rows") > 1)) for rows in counted])
    if copies.height:
        raise DuplicateSamples(
            f"{copies.height} question(s) have the same sample_id more than once",
            where=first_rows(copies, where),
            why="a response that is counted twice agrees with itself",
            hint="remove the copies; or say what tells them apart: --columns sample_id=NAME (test_id=NAME for unit tests)",
        )
