"""Are a question's longer answers the messier ones? Its samples, by their own length (paper, figures 3 and 17).

Each question is its own control: its shorter and its longer half are compared, so that hard questions, which are long and often
wrong, do not decide. Ties in length are broken at random and both halves have equally many samples; a split at the median with
tied lengths makes a difference out of nothing. Length is something that happened to a sample, not something that was done to it.

The halves answer another question than the whole. With m the mean prediction of a half::

    V_whole = (V_shorter + V_longer) / 2 + |m_shorter - m_longer|^2 / 4

so that each half can be coherent where the whole is not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.accuracy import accuracy
from hotmess.analyses.halved import HALVES, with_half
from hotmess.analyses.points import additive, ends, figures, frame, kept, of_questions, squared_only, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import EmptyTable, NothingToCompare, Notice, OneSample
from hotmess.groups import Group, equal_counts
from hotmess.infer import difference_of_means, difference_of_ratios, mean_interval, ratio_interval, ratio_trend, share_interval
from hotmess.measure import measurement
from hotmess.pairs import attribution, permuted_halves, ratio_difference, relative_length
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.singles import singles
from hotmess.tally import Tally

__all__ = ["by_overthinking", "by_relative_length"]

Members = Int[ndarray, " member"]
Right = Float[ndarray, " question"] | None

_PAIR = "longer half - shorter half"


def by_overthinking(samples: Samples | Any, *, draws: int = 1000, seed: int = 0, rules: Rules = Rules()) -> Result:
    """The shorter and the longer half of the samples of each question, side by side.

    Args:
        samples: a sample table with a length; four samples a question at least.
        draws: how many times lengths are permuted within questions, for the p-value that assumes nothing (squared losses).
        seed: of tie-breaks and permutations.
        rules: how to measure.

    Returns:
        Points: `half` (shorter, longer, all), mean `length`, questions, samples, and error, bias2, variance, incoherence,
        accuracy with their ends. Tests: longer half - shorter half, paired over questions, of incoherence, error and accuracy;
        and the variance that lies between the halves.

    Raises:
        NoLength: the table has no length.
        NothingToCompare: no question has four samples with a length.
    """
    whole = additive(ask(samples, rules, lengths=True))
    measured = measurement(whole)
    split = _split(whole, np.random.default_rng(seed))
    by_half = measurement(split)
    shown = [row.group for row in measured.rows]
    right = accuracy(split)
    rows = [_point(split, group, figures(row), right) for row, group in kept(split, by_half.rows) if _outer(row.group) in shown]
    right_of_whole = accuracy(whole)
    rows += [_point(whole, group, figures(row), right_of_whole) for row, group in kept(whole, measured.rows)]
    rng = np.random.default_rng(seed)
    permuted = draws and whole.method.loss not in ("kl", "mode") and whole.method.estimator != "plugin"
    made = whole.each_sample() if permuted else None
    tests: list[dict[str, Any]] = []
    lost = 0
    for group in (group for group in whole.wholes if group.name in shown):
        tests += list(_tests(whole, split, group, right, lambda both, apart: _permuted(whole, made, both, apart, draws, rng)))
        lost += len(whole.usable(group)) - (_shared(whole, split, group) or [np.zeros(0)])[0].size
    found = f"{lost:,} question(s) have no pair of samples (of different contexts, where there are any) in one of their halves"
    few = [Notice("few-in-halves", f"{found}, and are in no test")] if lost else []
    notices = (*measured.notices, *of_questions(whole), *few)
    interval = "; ".join(dict.fromkeys(row.interval for row in by_half.rows))
    place = [*HALVES, "all"]
    points = frame(sorted(rows, key=lambda row: (shown.index({name: row[name] for name in shown[0]}), place.index(row["half"]))))
    return Result("by_overthinking", points, with_holm(frame(tests)), whole.method, notices, whole.samples.source, interval)


def _split(whole: Asked, rng: np.random.Generator) -> Asked:
    """The halves as questions of their own, where some question has a pair in each."""
    # What is too little to be read, or no chance at all, was decided for the whole.
    rules = replace(whole.rules, max_invalid=1.0, deterministic=True)
    try:
        split = ask(with_half(whole, rng), rules, by=["half"], lengths=True)
    except (OneSample, EmptyTable):
        split = None
    if split is not None:  # samples of one context say nothing of the variance between contexts, in a half as in the whole
        nested = {tuple(group.name.items()): group.nested for group in whole.wholes}
        groups = tuple(replace(group, nested=nested[tuple(_outer(group.name).items())]) for group in split.wholes)
        split = replace(split, wholes=groups, groups=groups)
    if split is None or not any(len(split.usable(group)) for group in split.wholes):
        raise NothingToCompare(
            "no question has two samples in each half",
            why="a half without a pair (of different contexts, where there are any) has no variance",
            hint="four samples a question",
        )
    return split


def _outer(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "half"}


def _point(asked: Asked, group: Group, found: Mapping[str, Any], right: Right) -> dict[str, Any]:
    chosen = asked.usable(group)
    known = asked.length()[chosen]
    known = known[np.isfinite(known)]
    length = float(known.mean()) if len(known) else None
    place = _outer(group.name) | {"half": group.name.get("half", "all"), "length": length}
    if right is None:
        return place | dict(found)
    share = share_interval(right[chosen], level=asked.method.level, clusters=asked.clusters(chosen))
    return place | dict(found) | ends("accuracy", share)


def _tests(
    whole: Asked, split: Asked, group: Group, right: Right, permuted: Callable[[Members, float], float | None]
) -> Iterator[dict[str, Any]]:
    shared = _shared(whole, split, group)
    if shared is None:
        return
    shorter, longer, both = shared
    terms, level = split.table.terms, whole.method.level
    clusters = whole.clusters(both)
    v, e = terms.variance, terms.error
    apart = difference_of_ratios(v[longer], e[longer], v[shorter], e[shorter], level=level, clusters=clusters)
    how = "paired jackknife over questions"
    shuffled = permuted(both, apart.value)
    yield statement(group.name, "incoherence", _PAIR, apart, how) | {"p_permuted": shuffled, "questions": len(both)}
    pairs = {"error": e, "variance": v} | ({} if right is None else {"accuracy": right})
    for name, values in pairs.items():
        found = difference_of_means(values[longer], values[shorter], level=level, clusters=clusters)
        yield statement(group.name, name, _PAIR, found, how) | {"questions": len(both)}
    if whole.method.estimator == "plugin":
        return  # a half has fewer samples than the whole, and plug-in terms of different numbers cannot be compared
    between = whole.table.terms.variance[both] - (v[shorter] + v[longer]) / 2
    found = difference_of_means(between, np.zeros(len(both)), level=level, clusters=clusters)
    # It is never below 0 in expectation and has a long tail, so that a two-sided test of none rejects too often (.06 to .09).
    untested = replace(found, p=np.nan)
    yield statement(group.name, "variance", "whole - mean of the halves", untested, how) | {"questions": len(both)}


def _shared(whole: Asked, split: Asked, group: Group) -> tuple[Members, Members, Members] | None:
    """The questions that have both halves: as shorter, as longer, and as whole ones, in the same order."""
    parts = [next((g for g in split.wholes if g.name == {**group.name, "half": half}), None) for half in HALVES]
    if parts[0] is None or parts[1] is None:
        return None
    names = list(whole.tally.keys)
    here = whole.table.table.select(names).with_row_index("whole")[whole.usable(group)]
    for part, name in zip((parts[0], parts[1]), HALVES, strict=True):
        there = split.table.table.select(names).with_row_index(name)[split.usable(part)]
        here = here.join(there, on=names, nulls_equal=True, maintain_order="left")
    shorter, longer, both = (here[name].cast(pl.Int64).to_numpy() for name in (*HALVES, "whole"))
    return shorter, longer, both


def _permuted(
    whole: Asked, made: Tally | None, chosen: Members, apart: float, draws: int, rng: np.random.Generator
) -> float | None:
    """The two-sided p-value of R_longer - R_shorter when lengths are permuted within questions; squared losses only."""
    if made is None or np.isnan(apart):
        return None
    drawn = np.zeros((2, 2, draws))
    for s in singles(made, whole.method.loss, invalid=whole.method.invalid, chosen=chosen):
        drawn += permuted_halves(s, draws=draws, rng=rng)
    # A draw without error has no ratio; it counts as one that is as extreme.
    return float((1 + (~(np.abs(ratio_difference(drawn)) < abs(apart) - 1e-12)).sum()) / (1 + draws))


# ---------------------------------------------------------------------------------------------- sample by sample


def by_relative_length(samples: Samples | Any, *, bins: int = 6, rules: Rules = Rules()) -> Result:
    """Incoherence of samples by how long each is beside the others of its question: no half is thrown away.

    A sample's variance is its mean distance to the other samples of its question, and x the log of its length over the
    median of the others; R(bin) = sum of variance / sum of error over the samples of a bin. A right answer that others of its
    question do not share has variance and no error: where one end is nearly always right, its ratio is high, although both are
    small. The halves of `by_overthinking` are compared each with itself and may well say the opposite; read error and variance.

    Args:
        samples: a sample table with a length; three samples a question at least.
        bins: how many bins of equally many samples.
        rules: how to measure; a squared loss.

    Returns:
        Points: `bin`, `ratio` (geometric mean of length / median of the others), samples, questions, error, variance and
        incoherence with their ends. Tests: the trend of incoherence per doubling of the ratio; questions are left out whole.

    Raises:
        NoLength: the table has no length.
    """
    asked = squared_only(additive(ask(samples, rules, lengths=True)), "by_relative_length")
    measured = measurement(asked)
    made = asked.each_sample()
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for group in asked.wholes:
        if group.name not in [row.group for row in measured.rows]:
            continue
        v, e, x, question, weight = _samples_of(asked, group, made)
        if len(x) < bins or not np.ptp(x) > 0:
            continue
        clusters = asked.clusters(question)
        unit = question if clusters is None else clusters
        rows += [group.name | point for point in _bins((v, e, weight), x, question, unit, bins, asked.method.level)]
        trend = ratio_trend(v * weight, e * weight, x, level=asked.method.level, clusters=unit)
        per = "doubling of length / median of the others"
        tests.append(statement(group.name, "incoherence", per, trend, "ratio regression over samples, jackknife over questions"))
    if not rows:
        raise NothingToCompare("no question has samples of different lengths", hint="hotmess check tells what is there")
    notices = (*measured.notices, *of_questions(asked))
    interval = "jackknife over questions, logit scale"
    return Result(
        "by_relative_length", frame(rows), with_holm(frame(tests)), asked.method, notices, asked.samples.source, interval
    )


PerSample = Float[ndarray, " sample"]


def _samples_of(
    asked: Asked, group: Group, made: Tally
) -> tuple[PerSample, PerSample, PerSample, Int[ndarray, " sample"], PerSample]:
    """Variance, error, log2 of relative length, question and weight in it of each sample of a group."""
    parts: list[list[ndarray]] = [[], [], [], [], []]
    for s in singles(made, asked.method.loss, invalid=asked.method.invalid, chosen=asked.usable(group)):
        v, e = attribution(s)
        x = relative_length(s) / np.log(2)
        known = np.isfinite(v) & np.isfinite(x)
        question = np.broadcast_to(s.question[:, None], v.shape)
        for column, values in zip(parts, (v, e, x, question, s.share), strict=True):
            column.append(values[known])
    v, e, x, question, weight = (np.concatenate(column) if column else np.zeros(0) for column in parts)
    return v, e, x, question.astype(np.int64), weight


def _bins(
    terms: tuple[PerSample, PerSample, PerSample],
    x: PerSample,
    question: Int[ndarray, " sample"],
    unit: ndarray,
    bins: int,
    level: float,
) -> Iterator[dict[str, Any]]:
    """Figures, from variance, error and weight, of bins of equally many samples; a unit is what is left out together."""
    variance, error, weight = terms
    place = equal_counts(x, bins)
    for number, at in enumerate(np.unique(place), start=1):
        here = place == at
        _, code = np.unique(unit[here], return_inverse=True)
        point: dict[str, Any] = {"bin": number, "ratio": float(2 ** x[here].mean())}
        point |= {"samples": int(here.sum()), "questions": len(np.unique(question[here]))}
        for name, values in (("error", error), ("variance", variance)):
            point |= ends(name, mean_interval(values[here], level=level, clusters=code, weights=weight[here]))
        v, e = (np.bincount(code, (values * weight)[here]) for values in (variance, error))
        yield point | ends("incoherence", ratio_interval(v, e, level=level))
