"""Sums of predictions that are classes: answers, stated probabilities, and scores as right or wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add, and_, or_

import narwhals as nw
import polars as pl

from hotmess.frames import collect, number
from hotmess.sums.query import (
    HIGHS,
    LOWS,
    Query,
    Sums,
    as_text,
    common_sums,
    counted_rows,
    excluded_rows,
    finished,
    is_sum,
    off_scale,
    total,
    unread_rows,
    wide,
)


def answers(query: Query) -> Sums:
    """Answers, counted: a column per class where they are few, else a row per cell and answer."""
    samples = query.samples
    excluded = excluded_rows(samples)
    foreign = [nw.col("answer_not_option")] if samples.has("answer_not_option") else []
    unread = unread_rows(samples, nw.col("answer").is_null(), *foreign)
    added = common_sums(query, excluded, unread)
    if foreign:
        added["foreign"] = number(foreign[0])
    if samples.has("target_not_option"):
        added["off_target"] = number(nw.col("target_not_option"))
    if samples.has("target", "score"):
        added["disagree"] = number((nw.col("answer") == nw.col("target")) != (nw.col("score") == 1.0))
    # Comparing with an answer that is not there counts nothing, so the common case needs no mask.
    plain = not foreign and not samples.has("status")
    counted = None if plain else counted_rows(excluded, unread)
    if samples.classes:
        said = {value: nw.col("answer") == value for value in samples.classes}
        units = {f"total:{_name(v)}": number(test if counted is None else test & counted) for v, test in said.items()}
        found = _with_targets(wide(query, "votes", added | _targets_as_counts(query), units))
        if found is not None and _all_counted(found):
            return found
    return _open_answers(query, added | _targets_as_text(query), counted)


def _name(value: object) -> str:
    """A class as text, the way the engine writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _all_counted(found: Sums) -> bool:
    """Whether the classes that were seen in the first rows are all there are."""
    counts = found.cells.select(pl.sum_horizontal(f"total:{unit}" for unit in found.units).sum()).item()
    return bool(counts == found.cells["samples"].sum())


def _targets_as_text(query: Query) -> dict[str, nw.Expr]:
    target = nw.col("target")
    return {"target_low": target.min(), "target_high": target.max()} if _aimed(query) else {}


def _targets_as_counts(query: Query) -> dict[str, nw.Expr]:
    """How often each class is the target: cheaper than the first and last of many texts."""
    return {f"is:{_name(v)}": number(nw.col("target") == v) for v in query.samples.classes} if _aimed(query) else {}


def _aimed(query: Query) -> bool:
    return query.samples.has("target") and query.loss != "spread"


def _with_targets(found: Sums) -> Sums | None:
    """The first and the last target of each cell, from their counts; None where some rows have another target, or none."""
    names = [name for name in found.cells.columns if name.startswith("is:")]
    if not names:
        return found
    counts = found.cells.select(names).to_numpy()
    if (counts.sum(1) != found.cells["rows"].to_numpy()).any():
        return None
    units = pl.Series([name.removeprefix("is:") for name in names])
    low, high = (counts > 0).argmax(1), len(names) - 1 - (counts[:, ::-1] > 0).argmax(1)
    cells = found.cells.drop(names).with_columns(target_low=units.gather(low), target_high=units.gather(high))
    return replace(found, cells=cells)


def _open_answers(query: Query, added: Mapping[str, nw.Expr], counted: nw.Expr | None) -> Sums:
    """Many different answers: a row per cell and answer, added up again per cell."""
    said = nw.col("answer")
    frame = query.samples.frame.with_columns(unit=said if counted is None else nw.when(counted).then(said))
    named = [value.alias(name) for name, value in added.items()]
    rows = as_text(
        collect(frame.group_by(*query.where, "unit").agg(*named)), "unit"
    )  # engines write numbers in ways of their own
    again = [pl.col(name).sum() for name in added if is_sum(name)]
    again += [pl.col(name).min() for name in added if name in LOWS] + [pl.col(name).max() for name in added if name in HIGHS]
    cells = as_text(finished(rows.group_by(query.where).agg(*again)), "target_low", "target_high")
    read = (
        rows.filter(pl.col("unit").is_not_null()).group_by(*query.where, "unit").agg(total=pl.col("rows").sum().cast(pl.Float64))
    )
    return Sums("votes", cells, entries=read)


def probabilities(query: Query) -> Sums:
    """Stated probabilities; where every one is in order, which is cheap to prove, as they stand."""
    samples = query.samples
    stated = [nw.col(f"prob_{place}") for place in range(len(samples.classes))]
    if not samples.has("status"):
        whole = reduce(add, stated)
        clean = reduce(and_, [p >= 0.0 for p in stated], _near(whole, 1.0, 1e-9))
        added = common_sums(query, None, None) | {"clean": number(clean)} | _targets_as_counts(query)
        found = _with_targets(wide(query, "probabilities", added, _of_probabilities(query, stated, None)))
        if found is not None and found.cells["clean"].sum() == found.cells["rows"].sum():
            return replace(found, cells=found.cells.drop("clean").with_columns(options=pl.lit(len(stated))))
    return _unclean_probabilities(query, stated)


def _unclean_probabilities(query: Query, stated: Sequence[nw.Expr]) -> Sums:
    """Probabilities of which some are missing, rescaled or unreadable."""
    samples = query.samples
    whole = reduce(add, [p.fill_null(0.0) for p in stated])
    given = reduce(or_, [~p.is_null() for p in stated])
    clean, excluded = readable(stated), excluded_rows(samples)
    unread = unread_rows(samples, ~clean)
    added = common_sums(query, excluded, unread) | _targets_as_text(query)
    # A place that is empty in the middle has probability 0; empty places at the end are no options.
    last = [nw.when(~p.is_null()).then(place).otherwise(0) for place, p in enumerate(stated, start=1)]
    added |= {
        "options": nw.max_horizontal(*last).max(),
        "bad": number(given & ~clean),
        "rescaled": number(clean & ~_near(whole, 1.0, 1e-9)),
    }
    return wide(query, "probabilities", added, _of_probabilities(query, rescaled(stated), counted_rows(excluded, unread)))


def readable(stated: Sequence[nw.Expr]) -> nw.Expr:
    """Whether probabilities are some: none negative, and 1 in all, or 100."""
    whole = reduce(add, [p.fill_null(0.0) for p in stated])
    negative = reduce(or_, [p.fill_null(0.0) < 0.0 for p in stated])
    return (_near(whole, 1.0, 1e-3) | _near(whole, 100.0, 0.1)) & ~negative


def rescaled(stated: Sequence[nw.Expr]) -> list[nw.Expr]:
    """Probabilities that are 1 in all."""
    whole = reduce(add, [p.fill_null(0.0) for p in stated])
    whole = nw.when(whole > 0.0).then(whole)  # some engines do not divide by zero
    return [p.fill_null(0.0) / whole for p in stated]


def _near(value: nw.Expr, target: float, most: float) -> nw.Expr:
    """Whether a value is not farther from another than this."""
    return (value >= target - most) & (value <= target + most)


def _of_probabilities(query: Query, values: Sequence[nw.Expr], counted: nw.Expr | None) -> dict[str, nw.Expr]:
    """Sums of probabilities (or votes), of their squares, and for kl of their logarithms."""
    values = votes(values) if query.loss in ("mode", "zero_one") else values
    names = [str(value) for value in query.samples.classes]
    square = reduce(add, [v * v for v in values])
    found = {f"total:{name}": total(value, counted) for name, value in zip(names, values, strict=True)}
    found["square"] = total(square, counted)
    if query.loss == "kl":
        found |= {f"log:{n}": total((v + query.delta).log(), counted) for n, v in zip(names, values, strict=True)}
    return found


def votes(values: Sequence[nw.Expr]) -> list[nw.Expr]:
    """The class of highest probability gets the vote; tied classes share it."""
    most = nw.max_horizontal(*values)
    tied = [nw.when(most - value < 1e-12).then(1.0).otherwise(0.0) for value in values]
    return [tie / reduce(add, tied) for tie in tied]


def right_or_wrong(query: Query) -> Sums:
    """A score as one of two classes; only full marks are right."""
    score = nw.col("score")
    verdict = nw.when(~off_scale()).then(nw.when(score == 1.0).then(nw.lit("right")).otherwise(nw.lit("wrong")))
    frame = query.samples.frame.with_columns(answer=verdict, target=nw.lit("right"), n_choices=nw.lit(2))
    unused = ("score", "answer_not_option", "target_not_option")
    columns = (*(name for name in query.samples.columns if name not in unused), "target", "n_choices")
    shaped = replace(query.samples, frame=frame, columns=columns, classes=("right", "wrong"))
    return answers(replace(query, samples=shaped))
