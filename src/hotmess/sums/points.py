"""Sums of predictions that are points on a line: scores, and outcomes of unit tests."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import DuplicateSamples
from hotmess.frames import collect, is_polars, number
from hotmess.sums.query import (
    Query,
    Sums,
    common_sums,
    counted_rows,
    excluded_rows,
    finished,
    first_rows,
    off_scale,
    total,
    unread_rows,
    wide,
)


def scores(query: Query) -> Sums:
    """A score as a point on a line; the target is 1."""
    samples, score = query.samples, nw.col("score")
    excluded = excluded_rows(samples)
    unread = unread_rows(samples, off_scale())
    counted = counted_rows(excluded, unread)
    added = common_sums(query, excluded, unread)
    added |= {"square": total(score * score, counted)}
    return wide(query, "points", added, {"total:score": total(score, counted)})


def tests(query: Query) -> Sums:
    """Outcomes of unit tests; a test without an outcome in some run has failed there."""
    where, run = query.where, list(dict.fromkeys((*query.where, "sample_id")))
    rows = _outcomes(query, run)
    # What is true of one row of a run is true of the run.
    rows = rows.with_columns(excluded=nw.col("excluded").max().over(*run), told=nw.col("told").max().over(*run))
    spoken = ~nw.col("unit").is_null() & ~nw.col("score").is_null()
    rows = rows.with_columns(happened=spoken & (nw.col("told") == 0) & (nw.col("excluded") == 0))
    outcomes = number(nw.col("happened")).alias("outcomes")
    runs = rows.group_by(*run).agg(nw.col("excluded").max(), outcomes, nw.col("length").mean())
    cells = collect(runs.group_by(*where).agg(*_of_runs()), streaming=False)
    score = nw.col("score")
    added = [score.sum().alias("total"), (score * score).sum().alias("square"), nw.len().alias("outcomes")]
    added.append(number((score < 0) | (score > 1)).alias("bad"))
    entries = collect(rows.filter(nw.col("happened")).group_by(*where, "unit").agg(*added), streaming=False).sort(*where, "unit")
    squares = entries.group_by(where).agg(pl.col("square", "bad").sum())
    cells = finished(cells.join(squares, on=where, how="left", nulls_equal=True))
    return Sums("points", cells, entries=entries.select(*where, "unit", "total", "outcomes"))


def _of_runs() -> list[nw.Expr]:
    """What is added up over the runs of a cell."""
    counts = nw.col("excluded") == 0
    length = nw.when(counts).then(nw.col("length"))
    unread = number((nw.col("outcomes") == 0) & counts)
    sums = [nw.len().alias("rows"), nw.col("excluded").sum(), unread.alias("invalid"), nw.col("outcomes").sum()]
    return [*sums, length.sum().alias("length"), length.count().alias("lengths")]


def _outcomes(query: Query, run: Sequence[str]) -> nw.LazyFrame[Any]:
    """One row per run and test."""
    samples = query.samples
    excluded = excluded_rows(samples)
    flags = {
        "excluded": nw.lit(value=False) if excluded is None else excluded,
        "told": unread_rows(samples, nw.lit(value=False)),
        "unit": nw.col("test_id").cast(nw.String),
        "length": nw.lit(None, dtype=nw.Float64) if query.length is None else nw.col(query.length).cast(nw.Float64),
    }
    frame = samples.frame.with_columns(score=nw.col("score").cast(nw.Float64), **flags)
    added = [nw.len().alias("n"), nw.col("score").max(), nw.col("length").mean()]
    added += [nw.col(name).cast(nw.Int64).max() for name in ("excluded", "told")]
    rows = frame.group_by(*run, "unit").agg(*added)
    if is_polars(rows):  # what follows asks for them three times, and other engines keep them by themselves
        rows = nw.from_native(collect(rows, streaming=False).sort(*run, "unit").lazy())
    twice = collect(rows.filter(~nw.col("unit").is_null() & (nw.col("n") > 1)))
    if twice.height:
        raise DuplicateSamples(
            f"{twice.height} test(s) have more than one outcome in a run",
            where=first_rows(twice, [*run, "unit"]),
            why="a run counts once",
            hint="give each run its own sample_id",
        )
    return rows
