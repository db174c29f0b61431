"""Do models find the same questions long, and people's hard questions longer (paper, figures 5, 12, 22)?

If length says how hard a question is, models should agree on which questions are long, and long questions should be those that
people call hard. Lengths of a question are means over its samples; noise in them, with few samples, lowers every correlation.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.difficulty import Difficulty, by_column
from hotmess.analyses.points import ends, frame, kept, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import NothingToCompare, Notice
from hotmess.groups import Group
from hotmess.infer import Effect, Interval, correlation, holm, mean_interval
from hotmess.measure import measurement
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.tally import asked_by

__all__ = ["length_agreement", "length_by_difficulty"]

_GROUPS = 6  # of questions, where difficulty is a number of many values
_FEWEST = 4  # questions for a correlation
_OF_ERRORS = ("few-samples", "few-effective", "no-errors", "no-interval", "kl-scale", "no-incoherence", "plugin", "crossed")

PerQuestion = Float[ndarray, " question"]


def length_agreement(samples: Samples | Any, *, rules: Rules = Rules()) -> Result:
    """Correlation of the questions' mean lengths between models (or settings), for every two of them.

    Args:
        samples: a sample table with a length, of two models at least, or of one model in two settings.
        rules: how to measure; `rules.length` says which length.

    Returns:
        Points: `a`, `b` (models, with their setting where that tells them apart; those that agree most with the others first),
        questions (shared ones), `spearman` and `pearson` (of the logs of length) with their ends, and p of no rank correlation,
        `p_holm` corrected for all pairs. Tests: the median over pairs, without an interval.

    Raises:
        NoLength: the table has no length.
        NothingToCompare: there is one model, or no two share four questions.
    """
    asked = _asked(samples, rules)
    measured = measurement(asked)
    groups = [group for _, group in kept(asked, measured.rows)]
    points: list[dict[str, Any]] = []
    for task, parts in _by_task(groups).items():
        points += [dict(task) | pair for pair in _pairs(asked, parts)]
    if not points:
        found = f"there are {len(groups)} model(s), and no two of them have lengths of {_FEWEST} questions in common"
        raise NothingToCompare(found if len(groups) > 1 else "there is one model, so nothing can agree with it")
    table = frame(points)
    p = table["p"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if len(points) > 1:
        table = table.with_columns(p_holm=pl.Series(holm(p)).fill_nan(None))
    tests = frame(_medians(table, [name for name in ("task",) if name in table.columns]))
    interval = "jackknife over questions, Fisher's scale"
    notices = (*_about_lengths(measured.notices), *_unmeasured(asked, groups))
    return Result("length_agreement", table, tests, asked.method, notices, asked.samples.source, interval, lossless=True)


def _asked(samples: Samples | Any, rules: Rules) -> Asked:
    """Lengths need no target."""
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    rules = rules if rules.loss or samples.has_target else replace(rules, loss="spread")
    return ask(samples, rules, lengths=True)


def _about_lengths(notices: tuple[Notice, ...]) -> Iterator[Notice]:
    """The notices without those of figures that are not shown."""
    return (notice for notice in notices if notice.code not in _OF_ERRORS)


def _log_length(asked: Asked) -> PerQuestion:
    length = asked.length()
    return np.log(np.where(length > 0, length, np.nan))


def _by_task(groups: list[Group]) -> dict[tuple[tuple[str, Any], ...], list[Group]]:
    found: dict[tuple[tuple[str, Any], ...], list[Group]] = {}
    for group in groups:
        found.setdefault(tuple((name, group.name[name]) for name in ("task",) if name in group.name), []).append(group)
    return found


def _labels(groups: list[Group]) -> list[str]:
    """The model of each group, with its setting where that is needed to tell groups apart."""
    models = [str(group.name.get("model", "")) for group in groups]
    if len(set(models)) == len(models):
        return models
    settings = [str(group.name.get("setting") or "-") for group in groups]
    alone = len(set(models)) == 1
    return settings if alone else [f"{model} · {setting}" for model, setting in zip(models, settings, strict=True)]


def _pairs(asked: Asked, groups: list[Group]) -> Iterator[dict[str, Any]]:
    """Every two that share questions; those that agree most with the others first."""
    keys = asked_by(asked.tally)
    code = asked.table.table.select(pl.struct(keys).rank("dense")).to_series().cast(pl.Int64).to_numpy() - 1
    length = _log_length(asked)
    matrix = np.stack([_by_question(length[group.members], code[group.members], int(code.max()) + 1) for group in groups])
    labels_of = None if asked.table.clusters is None else _cluster_of(asked.table.clusters, code)
    level, two = asked.method.level, combinations(range(len(groups)), 2)
    found = {(a, b): _pair(matrix[a], matrix[b], level, labels_of) for a, b in two}
    agreed: list[list[float]] = [[] for _ in groups]
    for pair, point in found.items():
        if point is not None and point["spearman"] is not None:
            for each in pair:
                agreed[each].append(point["spearman"])
    order = sorted(range(len(groups)), key=lambda place: -np.mean(agreed[place]) if agreed[place] else 2.0)
    labels = _labels(groups)
    for a, b in combinations(order, 2):
        said = found[min(a, b), max(a, b)]
        if said is not None:
            yield {"a": labels[a], "b": labels[b]} | said


def _by_question(values: PerQuestion, code: Int[ndarray, " question"], count: int) -> Float[ndarray, " place"]:
    """The mean of the values that are known of each question; NaN where there is none."""
    known = np.isfinite(values)
    total, number = np.bincount(code[known], values[known], count), np.bincount(code[known], minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _cluster_of(clusters: ndarray, code: Int[ndarray, " question"]) -> Int[ndarray, " place"]:
    """The cluster of each question, by its code."""
    found = np.zeros(int(code.max()) + 1, dtype=np.int64)
    found[code] = np.unique(clusters, return_inverse=True)[1]
    return found


def _pair(a: PerQuestion, b: PerQuestion, level: float, clusters: Int[ndarray, " place"] | None) -> dict[str, Any] | None:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < _FEWEST:
        return None
    labels = None if clusters is None else clusters[both]
    ranks, logs = (correlation(a[both], b[both], ranks=which, level=level, clusters=labels) for which in (True, False))
    p = None if np.isnan(ranks.p) else ranks.p
    return {"questions": int(both.sum())} | ends("spearman", ranks) | ends("pearson", logs) | {"p": p}


def _medians(points: pl.DataFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    for part in points.partition_by(names, maintain_order=True) if names else [points]:
        values = part["spearman"].drop_nulls().to_numpy()
        middle = Effect(float(np.median(values)) if len(values) else np.nan, np.nan, np.nan, np.nan)
        name = {name: part[name][0] for name in names}
        yield statement(name, "spearman", f"median of {len(values)} pairs", middle, "rank correlation of mean lengths")


def _unmeasured(asked: Asked, groups: list[Group]) -> Iterator[Notice]:
    known = np.isfinite(_log_length(asked))
    without = sum(not known[group.members].any() for group in groups)
    if without:
        found = f"{without} of {len(groups)} models (or settings) have no {asked.length_column} at all, and are left out"
        yield Notice("no-length", found, "--length with another column, such as output_chars")


# ---------------------------------------------------------------------------------------------- by difficulty


def length_by_difficulty(samples: Samples | Any, *, difficulty: str = "difficulty", rules: Rules = Rules()) -> Result:
    """Mean length of the questions that people call easy or hard, by model.

    Args:
        samples: a sample table with a length and a column that says how hard a question is.
        difficulty: that column: at most six labels, or numbers (more than six different ones are put into six groups of equally
            many questions).
        rules: how to measure; `rules.length` says which length.

    Returns:
        Points: `difficulty` (from easy to hard; of groups of numbers also `lowest` and `highest`), questions, and `length`, the
        geometric mean over questions, with its ends. Tests: Spearman's correlation of difficulty and length for each model;
        none where nothing says which label is harder, since they are then put in the order of length.

    Raises:
        NoLength: the table has no length.
        NoSuchColumn: there is no such column.
        UsageError: it differs inside a question, or has more than six labels.
        NothingToCompare: all questions are of one difficulty.
    """
    asked = _asked(samples, rules)
    hard = by_column(asked, difficulty, _GROUPS)
    if len(hard.names) < 2:
        raise NothingToCompare(f"all questions have the {difficulty} `{hard.names[0]}`", hint="--difficulty COLUMN")
    measured = measurement(asked)
    groups = [group for _, group in kept(asked, measured.rows)]
    log = _log_length(asked)
    hard = hard if hard.ordered else _by_length(hard, log)
    points = [point for group in groups for point in _points(asked, hard, group, log)]
    tests: list[dict[str, Any]] = []
    for group in groups if hard.ordered else []:
        chosen = group.members[np.isfinite(log[group.members]) & (hard.group[group.members] >= 0)]
        labels = asked.clusters(chosen)
        found = correlation(hard.value[chosen], log[chosen], ranks=True, level=asked.method.level, clusters=labels)
        said = statement(group.name, "length", f"rank correlation with {hard.by}", found, "Spearman, jackknife over questions")
        tests.append(said | {"questions": len(chosen)})
    notices = (*_about_lengths(measured.notices), *_unmeasured(asked, groups), *_of_labels(hard))
    interval = "Student's, of the mean log over questions"
    source = asked.samples.source
    return Result(
        "length_by_difficulty", frame(points), with_holm(frame(tests)), asked.method, notices, source, interval, lossless=True
    )


def _by_length(hard: Difficulty, log: PerQuestion) -> Difficulty:
    """Labels that have no order of their own, in that of length."""
    known = np.isfinite(log)
    mean = [
        log[known & (hard.group == place)].mean() for place in range(len(hard.names)) if (known & (hard.group == place)).any()
    ]
    if len(mean) < len(hard.names):
        return hard
    order = np.argsort(mean, kind="stable")
    place: Int[ndarray, " group"] = np.append(np.argsort(order), -1)
    return replace(hard, names=tuple(hard.names[number] for number in order), group=place[hard.group])


def _points(asked: Asked, hard: Difficulty, group: Group, log: PerQuestion) -> Iterator[dict[str, Any]]:
    for place, name in enumerate(hard.names):
        chosen = group.members[(hard.group[group.members] == place) & np.isfinite(log[group.members])]
        if len(chosen):
            found = mean_interval(log[chosen], level=asked.method.level, clusters=asked.clusters(chosen))
            length = Interval(float(np.exp(found.value)), float(np.exp(found.low)), float(np.exp(found.high)), found.level)
            span = hard.span(chosen) if len(hard.names) < len(np.unique(hard.value[hard.group >= 0])) else {}
            yield dict(group.name) | {"difficulty": name} | span | {"questions": len(chosen)} | ends("length", length)


def _of_labels(hard: Difficulty) -> Iterator[Notice]:
    if not hard.ordered:
        found = f"nothing says which of these is harder: {', '.join(hard.names)}"
        yield Notice("no-order", f"{found}; they stand in the order of their mean length, and no correlation is tested")
    without = int((hard.group < 0).sum())
    if without:
        yield Notice("no-difficulty", f"{without:,} of {len(hard.group):,} questions have no {hard.by} and are in no group")
