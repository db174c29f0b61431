"""Sums of predictions that are points in space: embeddings and coordinates, as residuals to their target where there is one."""

from collections.abc import Sequence
from functools import reduce
from math import inf
from operator import add, and_

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.errors import BadShape
from hotmess.frames import collect, is_polars, polars
from hotmess.lists import WIDEST, at
from hotmess.sums.query import Query, Sums, common_sums, excluded_rows, finished, unread_rows


def vectors(query: Query) -> Sums:
    """Points, as residuals to their target where there is one."""
    samples, where = query.samples, query.where
    aimed = samples.has_target and query.loss != "spread"
    failed = excluded_rows(samples)
    if not is_polars(samples.frame) and _widest(query) <= WIDEST:
        return _elsewhere(query, aimed=aimed)
    names = dict.fromkeys((*where, "vector", *(["target_vector"] if aimed else []), *([query.length] if query.length else [])))
    flags = {"excluded": nw.lit(value=False) if failed is None else failed, "told": unread_rows(samples, nw.lit(value=False))}
    table = polars(samples.frame.select(*names, **flags)).collect()
    read_rows = _finite("vector") & ~pl.col("excluded") & ~pl.col("told")
    table = table.with_columns(read=read_rows).sort(where, maintain_order=True)
    read = table.filter("read")
    f = _matrix(read["vector"], "vector")
    if aimed:
        f = f - _targets(read, f.shape[1])
    counts = {"rows": pl.len(), "excluded": pl.col("excluded").sum()}
    counts["invalid"] = (~pl.col("read") & ~pl.col("excluded")).sum()
    if query.length:
        length = pl.col(query.length).filter(~pl.col("excluded"))
        counts |= {"length": length.sum(), "lengths": length.count()}
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


# ---------------------------------------------------------------------------------------------- on another engine


def _widest(query: Query) -> int:
    return int(collect(query.samples.frame.select(nw.col("vector").list.len().max())).item() or 0)


def _elsewhere(query: Query, *, aimed: bool) -> Sums:
    """The same sums, a column for each coordinate."""
    samples = query.samples
    excluded = excluded_rows(samples)
    failed = nw.lit(value=False) if excluded is None else excluded
    told = unread_rows(samples, nw.lit(value=False))
    absent = failed | told | (nw.col("vector").list.len().fill_null(0) == 0)
    width = _one_width(query, "vector", absent)
    if aimed and (other := _one_width(query, "target_vector", absent)) != width:
        raise BadShape(f"`vector` has {width} numbers and `target_vector` {other}")
    f = [at("vector", place) for place in range(width)]
    finite = reduce(and_, [(v.is_finite() & (v > -inf) & (v < inf)).fill_null(value=False) for v in f])
    frame = samples.frame.with_columns(_read=finite & ~failed & ~told)
    nan = float("nan")  # of a target with a hole its question has no figure
    r = [v - at("target_vector", place).fill_null(nan) for place, v in enumerate(f)] if aimed else f
    read = nw.col("_read")
    units = {f"total:{place}": nw.when(read).then(v).sum() for place, v in enumerate(r)}
    added = common_sums(query, excluded, ~read) | {"square": nw.when(read).then(reduce(add, [v * v for v in r])).sum()}
    sums = [value.alias(name) for name, value in (added | units).items()]
    return Sums("points", finished(collect(frame.group_by(*query.where).agg(*sums))), tuple(map(str, range(width))))


def _one_width(query: Query, name: str, without: nw.Expr) -> int:
    """How many numbers all vectors have.

    Raises:
        BadShape: some have more than others.
    """
    size = nw.when(~without).then(nw.col(name).list.len().fill_null(0))
    ends = collect(query.samples.frame.select(size.min().alias("low"), size.max().alias("high"))).to_dicts()[0]
    if not ends["high"] or ends["low"] != ends["high"]:
        found = " and ".join(str(int(size or 0) or "no") for size in dict.fromkeys((ends["low"], ends["high"])))
        raise BadShape(f"`{name}` holds vectors of {found} numbers", why="they must all live in one space")
    return int(ends["high"])
