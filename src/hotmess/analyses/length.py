"""Does longer reasoning go with more incoherence? Questions by their mean length (paper, figures 2, 8, 9, 10, 18, 23, 25).

Buckets are for the eye: each holds equally many questions and has its own interval. What is tested is the trend over all
questions, V = (a + b x) E with x the logarithm of the mean length, so that b is incoherence per doubling.

Sorting questions by the length of the very samples that are scored can make a trend out of nothing. With `leave_pair_out`,
each pair of samples is put into a bucket by the *other* samples of its question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.accuracy import accuracy
from hotmess.analyses.points import (
    additive,
    ends,
    figures,
    frame,
    kept,
    measured_groups,
    of_questions,
    squared_only,
    statement,
    with_holm,
)
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import NoSuchColumn, NothingToCompare, Notice
from hotmess.groups import Group
from hotmess.infer import difference_of_ratios, mean_trend, permuted_trend, ratio_interval, ratio_trend, share_interval
from hotmess.measure import measurement
from hotmess.pairs import leave_pair_out as pairs_by_others
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.rows import Row
from hotmess.samples import Samples, added
from hotmess.singles import singles
from hotmess.tally import Tally

__all__ = ["by_length", "by_wait_ratio"]

_DRAWS = 2000


def by_length(
    samples: Samples | Any, *, buckets: int = 8, leave_pair_out: bool = False, seed: int = 0, rules: Rules = Rules()
) -> Result:
    """Error, bias², variance, incoherence and accuracy in buckets of questions by mean length, and their trends.

    Args:
        samples: a sample table with a length; `rules.length` says which, such as output_tokens, output_chars or actions.
        buckets: how many buckets of equally many questions.
        leave_pair_out: choose the bucket of each pair of samples by the length of the others of its question (squared losses;
            three samples a question at least). It weakens a trend that is there a little, and removes one that is not.
        seed: of the permutations that check the trend.
        rules: how to measure.

    Returns:
        Points: `bucket` (1 is the shortest), `of`, `length` (mean, in the unit of the column), `shortest`, `longest`, questions,
        samples, and error, bias2, variance, incoherence, accuracy with their ends. Tests: the trend of each
        per doubling of length; for incoherence also the p-value of a studentised permutation.

    Raises:
        NoLength: the table has no length.
    """
    asked = additive(ask(samples, rules, by=[f"{rules.length or 'length'}:{buckets}"]))
    with np.errstate(divide="ignore", invalid="ignore"):
        doublings = np.log2(asked.length())
    if leave_pair_out:
        return _by_the_others(asked)
    return _curve("by_length", asked, doublings, f"doubling of {asked.length_column}", seed)


def by_wait_ratio(samples: Samples | Any, *, buckets: int = 8, seed: int = 0, rules: Rules = Rules()) -> Result:
    """Incoherence by how often a trace says "Wait", per thousand units of length (paper, figure 18).

    Args:
        samples: a sample table with `wait_count` and a length.
        buckets: how many buckets of equally many questions.
        seed: of the permutations that check the trend.
        rules: how to measure.

    Returns:
        As `by_length`, with `length` the mean ratio of a question; trends are per one Wait more in a thousand.

    Raises:
        NoSuchColumn: nobody counted.
        NoLength: there is no length to set the count against.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    if not samples.has("wait_count"):
        hint = "--text counts them in the transcripts of a log"
        raise NoSuchColumn("the table has no column `wait_count`: nobody counted how often a trace says Wait", hint=hint)
    length = ask(samples, rules, lengths=True).length_column
    ratio = nw.when(nw.col(length) > 0).then(1000 * nw.col("wait_count") / nw.col(length))
    frame = samples.frame.with_columns(ratio.alias("wait_ratio"))
    shaped = replace(samples, frame=frame, columns=added(samples.columns, "wait_ratio"))
    asked = additive(ask(shaped, replace(rules, length=None), by=[f"wait_ratio:{buckets}"]))
    return _curve("by_wait_ratio", asked, asked.length(), f"one Wait more in a thousand of {length}", seed)


def _curve(name: str, asked: Asked, x: Float[ndarray, " question"], unit: str, seed: int) -> Result:
    """Figures in each bucket, and trends over all questions."""
    measured = measurement(asked)
    right = accuracy(asked)
    shown = list(kept(asked, measured.rows))
    points = frame(_point(asked, row, group, right) for row, group in shown)
    rng = np.random.default_rng(seed)
    tests = []
    for whole in measured_groups(asked, measured.rows):
        tests += list(_trends(asked, whole, _members(asked, whole, [group for _, group in shown]), (x, right), unit, rng))
    zero = int(np.isneginf(x).sum())
    lost = [Notice("zero-length", f"{zero:,} question(s) have a length of 0, which no doubling reaches, and are in no trend")]
    notices = (*measured.notices, *of_questions(asked), *(lost if zero else []))
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    return Result(name, points, with_holm(frame(tests)), asked.method, notices, asked.samples.source, interval)


def _members(asked: Asked, whole: Group, groups: Sequence[Group]) -> Int[ndarray, " member"]:
    """The questions of a model that are in the buckets that are shown."""
    parts = [asked.usable(group) for group in groups if whole.name.items() <= group.name.items()]
    return np.sort(np.concatenate(parts))


def _span(asked: Asked, group: Mapping[str, Any]) -> dict[str, Any]:
    """The name of a bucket, unfolded."""
    name = asked.bucket.name if asked.bucket else ""
    outer = {key: value for key, value in group.items() if key != name}
    span = group[name]
    place = {"bucket": span["bucket"], "of": span["of"]}
    return {**outer, **place, "length": span["mean"], "shortest": span["low"], "longest": span["high"]}


def _point(asked: Asked, row: Row, group: Group, right: Float[ndarray, " question"] | None) -> dict[str, Any]:
    chosen = asked.usable(group)
    shown = _span(asked, row.group) | figures(row)
    if right is None:
        return shown
    return shown | ends("accuracy", share_interval(right[chosen], level=row.error.level, clusters=asked.clusters(chosen)))


def _trends(
    asked: Asked,
    whole: Group,
    chosen: Int[ndarray, " member"],
    figures: tuple[Float[ndarray, " question"], Float[ndarray, " question"] | None],
    unit: str,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """Statements about all the questions of a model, from where they stand and how often they are right."""
    x, right = figures
    chosen = chosen[np.isfinite(x[chosen])]
    terms, at, level = asked.table.terms, x[chosen], asked.method.level
    variance, error = terms.variance[chosen], terms.error[chosen]
    clusters = asked.clusters(chosen)
    trend = ratio_trend(variance, error, at, level=level, clusters=clusters)
    said = statement(whole.name, "incoherence", unit, trend, "ratio regression, jackknife over questions")
    alone = clusters is None  # questions of one cluster cannot swap their lengths with others
    shuffled = permuted_trend(variance, error, at, draws=_DRAWS, rng=rng) if alone else np.nan
    yield said | {"p_permuted": None if np.isnan(shuffled) else shuffled, "questions": len(chosen)}
    apart = {"bias2": terms.bias[chosen], "variance": variance, "error": error}
    apart |= {} if right is None else {"accuracy": right[chosen]}
    for name, values in apart.items():
        slope = mean_trend(values, at, level=level, clusters=clusters)
        yield statement(whole.name, name, unit, slope, "regression, jackknife over questions") | {"questions": len(chosen)}


# ---------------------------------------------------------------------------------------------- pairs by the others


def _by_the_others(asked: Asked) -> Result:
    """The same buckets, filled by pairs of samples that did not decide which one they fall into.

    Raises:
        NothingToCompare: no question has three samples.
    """
    squared_only(asked, "leave_pair_out")
    measured = measurement(asked)
    shown = [group for _, group in kept(asked, measured.rows)]
    made, level = asked.each_sample(), asked.method.level
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    few = 0
    for whole in measured_groups(asked, measured.rows):
        spans = [_span(asked, group.name) for group in shown if whole.name.items() <= group.name.items()]
        edges = np.array([(a["longest"] + b["shortest"]) / 2 for a, b in pairwise(spans)])
        chosen = _members(asked, whole, shown)
        variance, error, question = _spread_over(asked, made, chosen, edges)
        few += len(chosen) - len(question)
        if not len(question):
            continue
        clusters = asked.clusters(question)
        for b, span in enumerate(spans):
            found = ratio_interval(variance[:, b], error[:, b], level=level, clusters=clusters)
            rows.append(span | {"questions": len(question)} | ends("incoherence", found))
        if len(spans) > 1:
            sides = (variance[:, -1], error[:, -1], variance[:, 0], error[:, 0])
            apart = difference_of_ratios(*sides, level=level, clusters=clusters)
            how = "leave-pair-out, paired jackknife over questions"
            tests.append(statement(whole.name, "incoherence", "longest bucket - shortest bucket", apart, how))
    if not rows:
        raise NothingToCompare(
            "no question has three samples (or three contexts)",
            why="the others choose the bucket of a pair",
            hint="three samples",
        )
    said = [*(notice for notice in measured.notices if notice.code != "same-samples"), *of_questions(asked)]
    if few:
        said.append(Notice("few-samples", f"{few:,} question(s) have no sample (or context) beside a pair, and are in no bucket"))
    interval = "jackknife over questions, pairs in the bucket of the other samples"
    tested = with_holm(frame(tests))
    return Result("by_length", frame(rows), tested, asked.method, tuple(said), asked.samples.source, interval)


def _spread_over(
    asked: Asked, made: Tally, chosen: Int[ndarray, " member"], edges: Float[ndarray, " edge"]
) -> tuple[Float[ndarray, "question bucket"], Float[ndarray, "question bucket"], Int[ndarray, " question"]]:
    """Variance and error of each question, spread over buckets, and which it is; of questions of three samples or more."""
    stacks = list(singles(made, asked.method.loss, invalid=asked.method.invalid, chosen=chosen))
    parts = [(*pairs_by_others(s, edges), s.question) for s in stacks]
    variance, error, question = (np.concatenate(list(column)) for column in zip(*parts, strict=True))
    known = np.isfinite(error).all(1)
    return variance[known], error[known], question[known]
