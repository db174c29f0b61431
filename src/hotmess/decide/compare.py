"""Two models, or two runs, on the same questions: how far apart they are, and which questions turned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hotmess.analyses.points import additive, frame, statement, with_holm, without_rows
from hotmess.asked import Asked, Rules, ask
from hotmess.decide.arms import Arm, arms_of, subset, two_runs
from hotmess.decide.differences import FIGURES, Difference, difference
from hotmess.decide.pairing import Pair, named_apart, paired, pairs_of
from hotmess.decide.turned import FALSE, Turned, tested_loss, turned
from hotmess.doubt import shared_contexts
from hotmess.errors import NothingToCompare, Notice, safe
from hotmess.groups import Group
from hotmess.infer import Effect, effective_questions
from hotmess.measure import measurement
from hotmess.measurement import Measurement
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.samples import GROUPS, Samples

__all__ = ["DRAWS", "RUNS", "Compared", "Comparison", "compare", "compared"]

DRAWS = 9999
RUNS = ("first", "second")
_SHOWN = 5  # names of questions in a message
_UNEVEN = 1.5  # times as many samples, from which on rare errors mislead
_RARE = 30  # questions that carry the error, below which they are rare
_UNTOLD = ("mixed-settings",)  # two runs stand in two settings on purpose


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A pair of arms, and how far apart they are.

    Attributes:
        pair: the arms, on shared questions.
        groups: their groups of questions; none for an arm that was kept in a file.
        differences: of every figure, in the order of `FIGURES`.
        few: how many shared questions are left out since they have too few samples for this interval.
    """

    pair: Pair
    groups: tuple[Group, Group] | None
    differences: tuple[Difference, ...]
    few: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Every pair that could be made.

    Attributes:
        pairs: these.
        alone: arms that stand beside no other.
        measured: what must be known of the arms.
        notices: what must be known of the pairs.
    """

    pairs: tuple[Compared, ...]
    alone: tuple[Arm, ...]
    measured: tuple[Notice, ...]
    notices: tuple[Notice, ...] = ()


def compare(
    samples: Samples | Any,
    other: Samples | Any | None = None,
    *,
    against: str | None = None,
    names: tuple[str, str] = RUNS,
    rules: Rules = Rules(),
    draws: int = DRAWS,
    seed: int = 0,
) -> Result:
    """Compare models, or two runs, on the questions that both answered.

    Args:
        samples: a sample table; of several models (or settings), where there is no `other`.
        other: a second table, to be compared with the first: differences are second - first.
        against: the model or setting with which all others are compared; by default each with each.
        names: what to call the two tables.
        rules: how to measure. The unbiased estimators allow different numbers of samples; the plug-in does not.
        draws: how many deals test whether a question turned; 0 to leave single questions out.
        seed: of the deals.

    Returns:
        Points: a row for each pair and figure: task, `first`, `second`, `what` (error, bias2, variance, incoherence), the figure
        of each, their `difference` with its ends, `p` (of no difference) and `p_holm` (corrected for the other pairs).
        Tests: the questions that turned: `into` what, and the change of their variance or bias² with its p-value; of the
        questions that are named, one in twenty is expected to be there by chance.

    Raises:
        NothingToCompare: there are no two models or runs, or they share no questions.
        NothingSelected: `against` is not there.
    """
    first = samples if isinstance(samples, Samples) else prepare(samples)
    second = other if other is None or isinstance(other, Samples) else prepare(other)
    whole = first if second is None else two_runs(first, second, names, rules.pool)
    asked = additive(ask(whole, rules))
    measured, runs = measurement(asked), () if second is None else names
    arms = arms_of(asked, measured.rows, runs, noise=rules.about == "benchmark")
    made = compared(asked, measured, arms, runs=runs, against=against)
    found, notices = made.pairs, (*without_rows(made.measured), *made.notices)
    tests, dealt = [], []
    if draws:
        for one in found:
            if one.groups is not None:
                changed = turned(asked, *one.groups, set(one.pair.first.questions), draws=draws, seed=seed)
                tests += list(_turned(one, changed, tested_loss(asked.method.loss)))
                dealt.append(_Count.of(one, changed))
        notices = (*notices, *_about_turned(dealt))
    points = [row for one in found for row in _points(one)]
    how = "; ".join(dict.fromkeys(one.how for each in found for one in each.differences))
    return Result("compare", with_holm(frame(points), ("what",)), frame(tests), asked.method, notices, whole.source, how)


def compared(
    asked: Asked,
    measured: Measurement,
    here: Sequence[tuple[Arm, Group]],
    *,
    runs: Sequence[str] = (),
    against: str | None = None,
    kept_arms: Sequence[Arm] = (),
) -> Comparison:
    """Every pair of arms that can be made, how far apart they are, and what must be known.

    Args:
        asked: the terms of all arms.
        measured: their figures.
        here: the arms, with noise where the intervals are for exactly these questions.
        runs: the names of two runs, if there are two.
        against: a model or setting with which all others are compared.
        kept_arms: arms of the first run that were kept in a file.

    Raises:
        NothingToCompare: no pair shares two questions.
    """
    benchmark = asked.method.about == "benchmark"
    groups = {id(arm): group for arm, group in here}
    arms = [*kept_arms, *(arm for arm, _ in here)]
    pairs = pairs_of(arms, runs, against)
    found, refused = [], []
    for one, two in pairs:
        both = (groups[id(one)], groups[id(two)]) if id(one) in groups and id(two) in groups else None
        try:
            pair = paired(one, two)
            pair, few = _with_noise(pair) if benchmark else (pair, 0)
        except NothingToCompare as problem:
            refused.append(problem)
            continue
        found.append(Compared(pair, both, tuple(difference(pair, figure, asked.method) for figure in FIGURES), few))
    if not found:
        raise refused[0]
    there = {id(arm) for pair in pairs for arm in pair}
    alone = () if against is not None else tuple(arm for arm in arms if id(arm) not in there)
    said = tuple(notice for notice in measured.notices if not (runs and notice.code in _UNTOLD))
    return Comparison(tuple(found), alone, said, tuple(_notices(found, refused, alone, asked)))


def _with_noise(pair: Pair) -> tuple[Pair, int]:
    """The questions of which both have samples enough to tell what others would change, and how many have not."""
    known = np.ones(len(pair.first.questions), dtype=bool)
    for arm in (pair.first, pair.second):
        known &= np.isfinite(arm.noise).all(0) if arm.noise is not None else False
    at = np.flatnonzero(known)
    if not len(at):
        return pair, 0  # the intervals say that there is none
    return replace(pair, first=subset(pair.first, at), second=subset(pair.second, at)), int((~known).sum())


# ---------------------------------------------------------------------------------------------- tables


def _named(one: Compared) -> dict[str, Any]:
    """What names a pair."""
    group = one.pair.second.group
    first, second = named_apart(one.pair.first, one.pair.second)
    alike = {name for name in GROUPS if one.pair.first.group.get(name) == group.get(name)}
    shared = {name: group[name] if name in alike else None for name in GROUPS if name in group}
    return {**shared, "first": first, "second": second}


def _points(one: Compared) -> Iterator[dict[str, Any]]:
    for figure, found in zip(FIGURES, one.differences, strict=True):
        values = {"of_first": found.first, "of_second": found.second}
        said = statement({}, figure, "difference", found.effect, found.how)
        ends = {f"difference{name.removeprefix('value')}": said[name] for name in ("value", "value_low", "value_high")}
        known = {name: None if np.isnan(value) else value for name, value in values.items()}
        yield {**_named(one), "what": figure, **known, **ends, "p": said["p"], "questions": len(one.pair.first.questions)}


def _turned(one: Compared, changed: Turned, loss: str) -> Iterator[dict[str, Any]]:
    for place, into in changed.named():
        by_variance = "messy" in into
        change, before = (changed.variance, changed.first_variance) if by_variance else (changed.bias, changed.first_bias)
        values = {"of_first": float(before[place]), "of_second": float(before[place] + change[place])}
        name = {**_named(one), "question": changed.question[place], "into": into, **values}
        effect = Effect(float(change[place]), np.nan, np.nan, float(changed.p[place]))
        how = f"{changed.dealt} dealt anew: p of answers that are alike; loss {loss}"
        yield statement(name, "variance" if by_variance else "bias2", "question", effect, how)


@dataclass(frozen=True, slots=True)
class _Count:
    """How many shared questions a pair has, how many were tested, how many turned, and whether one alone could be named."""

    shared: int
    tested: int
    turned: int
    dealt: str
    blind: bool

    @classmethod
    def of(cls, one: Compared, changed: Turned) -> "_Count":
        """Count one pair."""
        tested = len(changed.question)
        count = len(list(changed.named()))
        return cls(
            len(one.pair.first.questions), tested, count, changed.dealt, not count and changed.least > FALSE / max(tested, 1)
        )


# ---------------------------------------------------------------------------------------------- notices


def _notices(
    found: Sequence[Compared], refused: Sequence[NothingToCompare], alone: Sequence[Arm], asked: Asked
) -> Iterator[Notice]:
    lost = [one for one in found if one.pair.only_first or one.pair.only_second]
    if lost:
        one = max(lost, key=lambda each: len(each.pair.only_first) + len(each.pair.only_second))
        names = [safe(name) for name in (*one.pair.only_first, *one.pair.only_second)]
        shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
        text = f"in {len(lost)} of {len(found)} pairs not all questions were answered (often enough) by both; at most"
        counts = f"{len(one.pair.only_first):,} by the first only and {len(one.pair.only_second):,} by the second only"
        yield Notice("unmatched", f"{text} {counts}, beside {len(one.pair.first.questions):,} shared: {shown}")
    torn = max(one.pair.other for one in found)
    if torn:
        what = "tests" if asked.method.label == "tests" else "target"
        yield Notice("other-target", f"{torn:,} questions have another {what} in one of the two, and are left out")
    few = max(one.few for one in found)
    if few:
        yield Notice("few-samples", f"{few:,} shared questions have fewer than three samples (or contexts), and are left out")
    if refused:
        every = len(refused) + len(found)
        yield Notice("not-shared", f"{len(refused)} of {every} pairs cannot be compared: {refused[0].found}")
    if alone:
        names = [" ".join(safe(str(part)) for part in (arm.run, *arm.group.values()) if part) for arm in alone]
        shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
        yield Notice("unpaired", f"{len(alone)} models or settings stand beside no other, and are not compared: {shown}")
    yield from _about_samples(found, asked)


def _about_samples(found: Sequence[Compared], asked: Asked) -> Iterator[Notice]:
    """What unlike numbers of samples, few errors and shared contexts do to differences."""
    ratio = [one.pair.second.samples.mean() / one.pair.first.samples.mean() for one in found]
    uneven = [one for one, of in zip(found, ratio, strict=True) if of != 1.0]
    if uneven and asked.method.estimator == "plugin":
        text = f"in {len(uneven)} of {len(found)} pairs the two have unlike numbers of samples, which alone moves plug-in figures"
        yield Notice("plugin-tests", text, "--estimator unbiased")
    thin = sum(
        not 1 / _UNEVEN <= of <= _UNEVEN and min(map(effective_questions, (one.pair.first.error, one.pair.second.error))) < _RARE
        for one, of in zip(found, ratio, strict=True)
    )
    if thin:
        text = f"in {thin} of {len(found)} pairs few questions carry the error, and the two have very unlike numbers of samples"
        yield Notice("few-effective", f"{text}: p-values of bias² and incoherence are too small there")
    bare = any(one.pair.first.left is None or one.pair.second.left is None for one in found)
    if bare and any(shared_contexts(asked.table, whole.members) for whole in asked.wholes):
        yield Notice("questions-only", "differences leave questions out; they do not allow for the choice of contexts")


def _about_turned(counts: Sequence[_Count]) -> Iterator[Notice]:
    if not counts:
        return
    tested, without = sum(one.tested for one in counts), sum(one.shared - one.tested for one in counts)
    dealt = " and ".join(dict.fromkeys(one.dealt for one in counts))
    found = f"{sum(one.turned for one in counts):,} of {tested:,} questions turned, by {dealt} dealt anew (5 % false discoveries)"
    found += f"; {without:,} have too few {dealt} to be tested" if without else ""
    blind = sum(one.blind for one in counts)
    if blind:
        found += (
            f"; in {blind} of {len(counts)} pairs there are too few {dealt} or deals, for so many questions, to name a single one"
        )
    hint = f"some ten {dealt} of each question on both sides, and --draws of twenty times the questions, tell single ones apart"
    yield Notice("turned", found, hint if blind else "")
