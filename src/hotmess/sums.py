"""Of what a tally is the sum: one function for each kind of prediction.

Each says, in expressions that any engine behind narwhals can run, which rows count, which could not be read, and which
numbers of a row are added up. A kind whose units are the same for every question (few classes, coordinates) gets a column
per unit; others (free-form answers, unit tests) a row per cell and unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, and_, or_
from typing import Any, Literal

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.errors import BadShape, DuplicateSamples
from hotmess.samples import Samples

__all__ = ["DELTA", "Loss", "Space", "Sums", "sums"]

Loss = Literal["brier", "kl", "mode", "zero_one", "coverage", "squared", "spread"]
Space = Literal["votes", "probabilities", "points"]

DELTA = 1e-12  # smoothing of probabilities under KL, the paper's choice
CLASS_LOSSES = ("brier", "kl", "mode", "zero_one", "spread")
ID_BITS = 45  # sample ids up to this one fit into the exact test for copies
LOWS = ("target_low", "id_low")
HIGHS = ("target_high", "id_high", "options")

_IN_ORDER = 4_000_000  # more rows than this are streamed; sums of fractions may then differ in the last bit
_ADDED = {
    *("rows", "excluded", "samples", "invalid", "bad", "rescaled", "square", "length", "lengths"),
    *("disagree", "off_target", "outcomes", "graded", "id_bits", "clean"),
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What was added up; see `hotmess.tally.Tally` for the fields."""

    space: Space
    cells: pl.DataFrame
    units: tuple[str, ...] = ()
    entries: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class _Query:
    """The question that is put to the engine."""

    samples: Samples
    loss: Loss
    where: tuple[str, ...]
    length: str | None
    delta: float


def sums(samples: Samples, loss: Loss, *, where: tuple[str, ...], length: str | None, delta: float) -> Sums:
    """Add up what `loss` needs of `samples`, for each different value of the columns `where`."""
    query = _Query(samples, loss, where, length, delta)
    if samples.kind == "score":
        return _right_or_wrong(query) if loss in CLASS_LOSSES else _scores(query)
    kinds = {"answers": _answers, "probabilities": _probabilities, "tests": _tests, "vector": _vectors}
    return kinds[samples.kind](query)


def is_sum(name: str) -> bool:
    """Whether a column of a tally adds."""
    return name in _ADDED or name.startswith(("total:", "log:"))


def first_rows(table: pl.DataFrame, columns: Sequence[str], most: int = 3) -> str:
    """The first rows of a table, for a message."""
    rows = table.select(*columns).sort(columns).head(most).rows()
    shown = "; ".join("/".join(str(value) for value in row if value is not None) for row in rows)
    return shown + (" …" if table.height > most else "")


def collect(frame: nw.LazyFrame[Any], *, exact: bool) -> pl.DataFrame:
    """Run a query. Sums of integers may be added in any order (`exact`); others are streamed only where they must be."""
    native = frame.to_native()
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming" if exact else "in-memory")
    found: pl.DataFrame = frame.collect("polars").to_native()
    return found.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


# ---------------------------------------------------------------------------------------------- which rows count


def _excluded(samples: Samples) -> nw.Expr | None:
    """Rows that cannot count: failures of the infrastructure."""
    return nw.col("status").is_in(["error", "missing"]).fill_null(value=False) if samples.has("status") else None


def _unread(samples: Samples, *reasons: nw.Expr) -> nw.Expr:
    """Rows from which no answer could be read."""
    told = [(nw.col("status") == "invalid").fill_null(value=False)] if samples.has("status") else []
    return reduce(or_, [*reasons, *told])


def _counted(excluded: nw.Expr | None, unread: nw.Expr) -> nw.Expr:
    return ~unread if excluded is None else ~unread & ~excluded


def _total(value: nw.Expr, counted: nw.Expr | None) -> nw.Expr:
    return value.sum() if counted is None else nw.when(counted).then(value).sum()


def _common(query: _Query, excluded: nw.Expr | None, unread: nw.Expr | None) -> dict[str, nw.Expr]:
    """The sums that every kind of prediction needs."""
    samples, length = query.samples, query.length
    added: dict[str, nw.Expr] = {"rows": nw.len()}
    if excluded is not None:
        added["excluded"] = excluded.sum()
    if unread is not None:
        added["invalid"] = (unread if excluded is None else unread & ~excluded).sum()
    if length is not None:
        added |= {"length": nw.col(length).sum(), "lengths": (~nw.col(length).is_null()).sum()}
    if samples.has("n_choices"):
        added["options"] = nw.col("n_choices").max()
    if samples.kind == "score":
        added["bad"] = (~((nw.col("score") >= 0.0) & (nw.col("score") <= 1.0))).sum()
        added["graded"] = ((nw.col("score") > 0.0) & (nw.col("score") < 1.0)).sum()
    if samples.has("sample_id") and samples.frame.collect_schema()["sample_id"].is_integer():
        # A sum of different powers of two has as many bits set as it has terms: an exact test for copies, one number wide.
        mine = nw.col("sample_id")
        bits = nw.lit(2.0) ** mine.clip(0, ID_BITS + 1)
        added |= {"id_low": mine.min(), "id_high": mine.max(), "id_bits": bits.sum()}
    return added


def _finished(cells: pl.DataFrame) -> pl.DataFrame:
    """Fill in the sums that were not needed, and count the samples that were read."""
    zero = [pl.lit(0.0).alias(name) for name in ("excluded", "invalid") if name not in cells.columns]
    cells = cells.with_columns(*zero)
    added = [name for name in cells.columns if is_sum(name)]
    cells = cells.with_columns(pl.col(added).cast(pl.Float64).fill_null(0.0))
    return cells.with_columns(samples=pl.col("rows") - pl.col("excluded") - pl.col("invalid"))


def _text(cells: pl.DataFrame, *names: str) -> pl.DataFrame:
    return cells.with_columns(pl.col(name).cast(pl.String) for name in names if name in cells.columns)


def _wide(query: _Query, space: Space, added: dict[str, nw.Expr], units: dict[str, nw.Expr]) -> Sums:
    """A column per unit."""
    named = [value.alias(name) for name, value in (added | units).items()]
    frame = query.samples.frame
    exact = space == "votes" or int(frame.select(nw.len()).collect("polars").item()) > _IN_ORDER
    cells = collect(frame.group_by(*query.where).agg(*named), exact=exact)
    names = tuple(name.removeprefix("total:") for name in units if name.startswith("total:"))
    return Sums(space, _text(_finished(cells), "target_low", "target_high"), names)


# ---------------------------------------------------------------------------------------------- answers


def _answers(query: _Query) -> Sums:
    samples = query.samples
    excluded = _excluded(samples)
    foreign = [nw.col("answer_not_option")] if samples.has("answer_not_option") else []
    unread = _unread(samples, nw.col("answer").is_null(), *foreign)
    added = _common(query, excluded, unread)
    if samples.has("target") and query.loss != "spread":
        added |= _targets_of_answers(samples)
    # Comparing with an answer that is not there counts nothing, so the common case needs no mask.
    plain = not foreign and not samples.has("status")
    counted = None if plain else _counted(excluded, unread)
    if not samples.classes:
        return _open_answers(query, added, counted)
    units = {f"total:{value}": _total(nw.col("answer") == value, counted) for value in samples.classes}
    found = _wide(query, "votes", added, units)
    return found if _all_counted(found) else _open_answers(query, added, counted)


def _all_counted(found: Sums) -> bool:
    """Whether the classes that were seen in the first rows are all there are."""
    cells = found.cells
    counts = cells.select(pl.sum_horizontal(f"total:{unit}" for unit in found.units).sum()).item()
    targets = set(cells["target_low"].unique().drop_nulls()) if "target_low" in cells.columns else set()
    return bool(counts == cells["samples"].sum()) and targets <= set(found.units)


def _targets_of_answers(samples: Samples) -> dict[str, nw.Expr]:
    target = nw.col("target")
    added = {"target_low": target.min(), "target_high": target.max()}
    if samples.has("target_not_option"):
        added["off_target"] = nw.col("target_not_option").sum()
    if samples.has("score"):
        added["disagree"] = ((nw.col("answer") == target) != (nw.col("score") == 1.0)).sum()
    return added


def _open_answers(query: _Query, added: Mapping[str, nw.Expr], counted: nw.Expr | None) -> Sums:
    """Many different answers: a row per cell and answer, added up again per cell."""
    text = nw.col("answer").cast(nw.String)
    frame = query.samples.frame.with_columns(unit=text if counted is None else nw.when(counted).then(text))
    named = [value.alias(name) for name, value in added.items()]
    rows = collect(frame.group_by(*query.where, "unit").agg(*named), exact=True)
    again = [pl.col(name).sum() for name in added if is_sum(name)]
    again += [pl.col(name).min() for name in added if name in LOWS] + [pl.col(name).max() for name in added if name in HIGHS]
    cells = _text(_finished(rows.group_by(query.where).agg(*again)), "target_low", "target_high")
    read = rows.filter(pl.col("unit").is_not_null())
    return Sums("votes", cells, entries=read.select(*query.where, "unit", total=pl.col("rows").cast(pl.Float64)))


# ---------------------------------------------------------------------------------------------- probabilities and scores


def _probabilities(query: _Query) -> Sums:
    """Stated probabilities; where every one is in order, which is cheap to prove, as they stand."""
    samples = query.samples
    stated = [nw.col(f"prob_{place}") for place in range(len(samples.classes))]
    if not samples.has("status"):
        whole = reduce(add, stated)
        clean = reduce(and_, [p >= 0.0 for p in stated], (whole - 1.0).abs() <= 1e-9)
        added = _common(query, None, None) | {"clean": clean.sum()} | _target_ends(samples)
        found = _wide(query, "probabilities", added, _of_probabilities(query, stated, None))
        if found.cells["clean"].sum() == found.cells["rows"].sum():
            return replace(found, cells=found.cells.drop("clean"))
    return _unclean_probabilities(query, stated)


def _unclean_probabilities(query: _Query, stated: Sequence[nw.Expr]) -> Sums:
    """Probabilities of which some are missing, rescaled or unreadable."""
    samples = query.samples
    whole = reduce(add, [p.fill_null(0.0) for p in stated])
    given = reduce(or_, [~p.is_null() for p in stated])
    negative = reduce(or_, [p.fill_null(0.0) < 0.0 for p in stated])
    readable = (((whole - 1.0).abs() <= 1e-3) | ((whole - 100.0).abs() <= 0.1)) & ~negative & ~whole.is_nan()
    excluded = _excluded(samples)
    unread = _unread(samples, ~readable)
    added = _common(query, excluded, unread) | _target_ends(samples)
    added |= {
        "options": reduce(add, [(~p.is_null()).cast(nw.Int64) for p in stated]).max(),
        "bad": (given & ~readable).sum(),
        "rescaled": (readable & ((whole - 1.0).abs() > 1e-9)).sum(),
    }
    values = [p / whole for p in stated]
    return _wide(query, "probabilities", added, _of_probabilities(query, values, _counted(excluded, unread)))


def _target_ends(samples: Samples) -> dict[str, nw.Expr]:
    return {"target_low": nw.col("target").min(), "target_high": nw.col("target").max()} if samples.has("target") else {}


def _of_probabilities(query: _Query, values: Sequence[nw.Expr], counted: nw.Expr | None) -> dict[str, nw.Expr]:
    """Sums of probabilities (or votes), of their squares, and for kl of their logarithms."""
    values = _votes(values) if query.loss in ("mode", "zero_one") else values
    names = [str(value) for value in query.samples.classes]
    square = reduce(add, [v * v if counted is None else (v * v).fill_null(0.0) for v in values])
    found = {f"total:{name}": _total(value, counted) for name, value in zip(names, values, strict=True)}
    found["square"] = _total(square, counted)
    if query.loss == "kl":
        found |= {f"log:{n}": _total((v + query.delta).log(), counted) for n, v in zip(names, values, strict=True)}
    return found


def _votes(values: Sequence[nw.Expr]) -> list[nw.Expr]:
    """The class of highest probability gets the vote; tied classes share it."""
    most = nw.max_horizontal(*values)
    tied = [nw.when(most - value < 1e-12).then(1.0).otherwise(0.0) for value in values]
    return [tie / reduce(add, tied) for tie in tied]


def _right_or_wrong(query: _Query) -> Sums:
    """A score as one of two classes; only full marks are right."""
    score = nw.col("score")
    verdict = nw.when(~_off_scale()).then(nw.when(score == 1.0).then(nw.lit("right")).otherwise(nw.lit("wrong")))
    frame = query.samples.frame.with_columns(answer=verdict, target=nw.lit("right"), n_choices=nw.lit(2))
    unused = ("score", "answer_not_option", "target_not_option")
    columns = (*(name for name in query.samples.columns if name not in unused), "target", "n_choices")
    shaped = replace(query.samples, frame=frame, columns=columns, classes=("right", "wrong"))
    return _answers(replace(query, samples=shaped))


def _off_scale() -> nw.Expr:
    """Scores that are none: missing, of an answer that could not be read, or outside 0 to 1."""
    score = nw.col("score")
    return (score.is_null() | ~((score >= 0.0) & (score <= 1.0)) | nw.col("unanswered")).fill_null(value=True)


def _scores(query: _Query) -> Sums:
    """A score as a point on a line; the target is 1."""
    samples, score = query.samples, nw.col("score")
    excluded = _excluded(samples)
    unread = _unread(samples, _off_scale())
    counted = _counted(excluded, unread)
    added = _common(query, excluded, unread)
    added |= {"square": _total(score * score, counted)}
    return _wide(query, "points", added, {"total:score": _total(score, counted)})


# ---------------------------------------------------------------------------------------------- tests


def _tests(query: _Query) -> Sums:
    """Outcomes of unit tests; a test without an outcome in some run has failed there."""
    samples, where, score = query.samples, query.where, nw.col("score")
    failed = _excluded(samples)
    told = nw.lit(value=False) if failed is None else failed
    frame = samples.frame.with_columns(excluded=told, unit=nw.col("test_id").cast(nw.String))
    length = {} if query.length is None else {"length": nw.col(query.length).mean()}
    per_run = {"excluded": nw.col("excluded").cast(nw.Int64).max(), "outcomes": (~nw.col("unit").is_null()).sum()} | length
    runs_in = frame.group_by(*dict.fromkeys((*where, "sample_id"))).agg(*(v.alias(n) for n, v in per_run.items()))
    runs = collect(runs_in, exact=False)
    nothing = (pl.col("outcomes") == 0) & (pl.col("excluded") == 0)
    counts = {"rows": pl.len(), "excluded": pl.col("excluded").sum(), "invalid": nothing.sum()}
    if length:
        counts |= {"length": pl.col("length").sum(), "lengths": pl.col("length").is_not_null().sum()}
    cells = _finished(runs.group_by(where).agg(**counts))
    outcome = {"n": nw.len(), "total": score.sum(), "square": (score * score).sum(), "bad": ((score < 0) | (score > 1)).sum()}
    tests = frame.filter(~nw.col("excluded") & ~nw.col("unit").is_null())
    entries = collect(tests.group_by(*where, "unit").agg(*(v.alias(n) for n, v in outcome.items())), exact=False)
    added = entries.group_by(where).agg(pl.col("square", "bad").sum(), outcomes=pl.col("n").sum(), most=pl.col("n").max())
    cells = cells.join(added, on=where, how="left", nulls_equal=True)
    _refuse_two_outcomes(cells, where)
    cells = _finished(cells.drop("most"))
    return Sums("points", cells, entries=entries.select(*where, "unit", pl.col("total").cast(pl.Float64), outcomes="n"))


def _refuse_two_outcomes(cells: pl.DataFrame, where: Sequence[str]) -> None:
    twice = cells.filter(pl.col("most") > pl.col("samples"))
    if twice.height:
        raise DuplicateSamples(
            f"{twice.height} question(s) have a test with more than one outcome in a run",
            where=first_rows(twice, where),
            why="a run counts once",
            hint="give each run its own sample_id",
        )


# ---------------------------------------------------------------------------------------------- vectors


def _vectors(query: _Query) -> Sums:
    """Points, as residuals to their target where there is one."""
    samples, where = query.samples, query.where
    aimed = samples.has_target and query.loss != "spread"
    failed = _excluded(samples)
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
    return Sums("points", _finished(cells), tuple(map(str, range(f.shape[1]))))


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
