"""Sums of predictions that are points: scores on a line, outcomes of unit tests, embeddings and coordinates."""

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.errors import BadShape, DuplicateSamples
from hotmess.sums.query import (
    Query,
    Sums,
    collect,
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
    samples, where, score = query.samples, query.where, nw.col("score")
    failed = excluded_rows(samples)
    told = nw.lit(value=False) if failed is None else failed
    frame = samples.frame.with_columns(excluded=told, unit=nw.col("test_id").cast(nw.String))
    length = {} if query.length is None else {"length": nw.col(query.length).mean()}
    happened = ~nw.col("unit").is_null() & ~score.is_null()
    per_run = {"excluded": nw.col("excluded").cast(nw.Int64).max(), "outcomes": happened.sum()} | length
    runs_in = frame.group_by(*dict.fromkeys((*where, "sample_id"))).agg(*(v.alias(n) for n, v in per_run.items()))
    runs = collect(runs_in, exact=False)
    nothing = (pl.col("outcomes") == 0) & (pl.col("excluded") == 0)
    counts = {"rows": pl.len(), "excluded": pl.col("excluded").sum(), "invalid": nothing.sum()}
    if length:
        counts |= {"length": pl.col("length").sum(), "lengths": pl.col("length").is_not_null().sum()}
    cells = finished(runs.group_by(where).agg(**counts))
    outcome = {
        "rows": nw.len(),
        "outcomes": (~score.is_null()).sum(),
        "total": score.sum(),
        "square": (score * score).sum(),
        "bad": ((score < 0) | (score > 1)).sum(),
    }
    tests = frame.filter(~nw.col("excluded") & ~nw.col("unit").is_null())
    entries = collect(tests.group_by(*where, "unit").agg(*(v.alias(n) for n, v in outcome.items())), exact=False)
    added = entries.group_by(where).agg(pl.col("square", "bad", "outcomes").sum(), most=pl.col("rows").max())
    cells = cells.join(added, on=where, how="left", nulls_equal=True)
    _refuse_two_outcomes(cells, where)
    cells = finished(cells.drop("most"))
    return Sums("points", cells, entries=entries.select(*where, "unit", pl.col("total").cast(pl.Float64), "outcomes"))


def _refuse_two_outcomes(cells: pl.DataFrame, where: Sequence[str]) -> None:
    twice = cells.filter(pl.col("most") > pl.col("rows") - pl.col("excluded"))
    if twice.height:
        raise DuplicateSamples(
            f"{twice.height} question(s) have a test with more than one outcome in a run",
            where=first_rows(twice, where),
            why="a run counts once",
            hint="give each run its own sample_id",
        )


def vectors(query: Query) -> Sums:
    """Points, as residuals to their target where there is one."""
    samples, where = query.samples, query.where
    aimed = samples.has_target and query.loss != "spread"
    failed = excluded_rows(samples)
    names = dict.fromkeys((*where, "vector", *(["target_vector"] if aimed else []), *([query.length] if query.length else [])))
    told = nw.lit(value=False) if failed is None else failed
    table = collect(samples.frame.select(*names, told.alias("excluded")), exact=False)
    table = table.with_columns(read=_finite("vector") & ~pl.col("excluded")).sort(where, maintain_order=True)
    read = table.filter("read")
    f = _matrix(read["vector"], "vector")
    if aimed:
        f = f - _targets(read, f.shape[1])
    counts = {"rows": pl.len(), "excluded": pl.col("excluded").sum()}
    counts["invalid"] = (~pl.col("read") & ~pl.col("excluded")).sum()
    if query.length:
        counts |= {"length": pl.col(query.length).sum(), "lengths": pl.col(query.length).is_not_null().sum()}
    cells = table.group_by(where).agg(**counts).join(_added_up(read, f, where), on=where, how="left", nulls_equal=True)
    return Sums("points", finished(cells), tuple(map(str, range(f.shape[1]))))


def _added_up(read: pl.DataFrame, f: Float[ndarray, "row dim"], where: Sequence[str]) -> pl.DataFrame:
    cell = read.select(pl.struct(where).rle_id()).to_series().to_numpy()
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    total, square = np.add.reduceat(f, first, axis=0), np.add.reduceat((f * f).sum(1), first)
    columns = {"square": square} | {f"total:{unit}": total[:, unit] for unit in range(f.shape[1])}
    return read[first].select(*where).with_columns(pl.Series(name, values) for name, values in columns.items())


def _finite(name: str) -> pl.Expr:
    numbers = pl.col(name).list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
    return (numbers & (pl.col(name).list.len() > 0)).fill_null(value=False)


def _targets(read: pl.DataFrame, width: int) -> Float[ndarray, "row dim"]:
    target = _matrix(read["target_vector"], "target_vector")
    if target.shape[1] != width:
        raise BadShape(f"`vector` has {width} numbers and `target_vector` {target.shape[1]}")
    return target


def _matrix(column: pl.Series, name: str) -> Float[ndarray, "row dim"]:
    sizes = sorted(set(column.list.len().to_list()), key=lambda size: size or 0)
    if len(sizes) != 1 or not sizes[0]:
        found = " and ".join(str(size or "no") for size in sizes[:4]) or "no"
        raise BadShape(f"`{name}` holds vectors of {found} numbers", why="they must all live in one space")
    return column.explode().to_numpy().astype(float).reshape(len(column), sizes[0])
