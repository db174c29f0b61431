"""How often does an answer change when the same is asked again? Figure 20 of the paper.

"It changed at least once among K" grows with K, so the rate is given for a fixed number of draws. Draws in one context change by
sampling; draws each in a context of its own by sampling and by the prompt.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.points import ends, frame, kept, of_questions, statement, with_holm, without_rows
from hotmess.asked import Asked, Rules, ask
from hotmess.blocks import Invalid, blocks
from hotmess.errors import LossMismatch, NothingToCompare, UsageError
from hotmess.groups import Group
from hotmess.infer import difference_of_means, mean_interval, share_interval
from hotmess.measure import measurement
from hotmess.repeats import Changes, change_rate, changes
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.singles import singles

__all__ = ["answer_changes"]

_MOST = 3  # draws that most designs allow


def answer_changes(
    samples: Samples | Any, *, draws: int | None = None, difficulty: str | None = None, rules: Rules = Rules()
) -> Result:
    """The chance that several draws are not all the same answer: by sampling, by context, by both.

    Args:
        samples: a sample table of answers, probabilities (their most probable option) or scores (right or wrong); no target is
            needed.
        draws: how many draws; by default three, or two where questions have fewer samples.
        difficulty: a column to split by.
        rules: how to measure; the loss plays no part.

    Returns:
        Points: `source` (sampling: in one context; both: each in a context of its own; context: what contexts add), `draws`,
        questions, `rate` with its ends, and `invalid_rate`: answers that could not be read are one class, and so agree. Tests:
        what contexts add, paired over questions.

    Raises:
        NothingToCompare: no question has so many samples in a context, nor so many contexts.
    """
    if draws is not None and draws < 2:
        raise UsageError(f"{draws} draw(s) cannot differ", hint="draws=2 or more")
    # A guess among the options is no answer that could change; all that could not be read is one class.
    invalid: Invalid = "drop" if rules.invalid == "drop" else "class"
    spread = replace(rules, loss="spread", estimator="unbiased", paper=False, invalid=invalid)
    asked = ask(samples, spread, by=[difficulty] if difficulty else [])
    if asked.tally.space == "points":
        raise LossMismatch(f"{asked.samples.kind} have no classes that could change", hint="--label answer")
    if asked.tally.space == "probabilities":
        asked = ask(samples, replace(spread, loss="mode"), by=[difficulty] if difficulty else [])
    measured = measurement(asked)
    groups = [(row, group, *_counts(asked, group)) for row, group in kept(asked, measured.rows)]
    m = draws or _possible([counts for _, _, counts, _ in groups])
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for row, group, counts, clusters in groups:
        found = _rates(counts, m)
        place = {"draws": m, "invalid_rate": row.invalid_rate}
        rows += [group.name | point | place for point in _points(found, clusters, rules.level)]
        both = np.isfinite(found.both) & np.isfinite(found.sampling)
        if both.sum() > 1:
            labels = None if clusters is None else clusters[both]
            apart = difference_of_means(found.both[both], found.sampling[both], level=rules.level, clusters=labels)
            tests.append(statement(group.name, "rate", "both - sampling", apart, "paired jackknife over questions"))
    if not rows:
        raise NothingToCompare(
            f"no question has {m} samples in one context, nor {m} contexts", hint="fewer draws, or more samples of each question"
        )
    notices = (*without_rows(measured.notices), *of_questions(asked))
    interval = "over questions: Wilson's for rates, Student's t for what contexts add"
    tested, source = with_holm(frame(tests)), asked.samples.source
    return Result("answer_changes", frame(rows), tested, asked.method, notices, source, interval, lossless=True)


def _points(found: Changes, clusters: ndarray | None, level: float) -> Iterator[dict[str, Any]]:
    """The mean rate of each source."""
    for source, rate in found._asdict().items():
        known = np.isfinite(rate)
        if known.any():
            labels = None if clusters is None else clusters[known]
            of = mean_interval if source == "context" else share_interval  # what contexts add may be below 0
            share = ends("rate", of(rate[known], level=level, clusters=labels))
            yield {"source": source, "questions": int(known.sum())} | share


Counts = Float[ndarray, "question context unit"]


def _counts(asked: Asked, group: Group) -> tuple[Counts, ndarray | None]:
    """How many samples of each context gave each answer; questions of other shapes are filled up with nothing."""
    stacks = list(_favourites(asked, group) if asked.tally.space == "probabilities" else _votes(asked, group))
    shape = tuple(max(counts.shape[axis] for _, counts in stacks) for axis in (1, 2))
    whole = [np.pad(c, ((0, 0), (0, shape[0] - c.shape[1]), (0, shape[1] - c.shape[2]))) for _, c in stacks]
    return np.concatenate(whole), asked.clusters(np.concatenate([question for question, _ in stacks]))


def _votes(asked: Asked, group: Group) -> Iterator[tuple[Int[ndarray, " question"], Counts]]:
    made = asked.tally.without("sample_id") if "sample_id" in asked.tally.inner else asked.tally
    for b in blocks(made, invalid=asked.method.invalid):
        here = np.isin(b.question, group.members)
        if here.any():
            yield b.question[here], b.total[here]


def _favourites(asked: Asked, group: Group) -> Iterator[tuple[Int[ndarray, " question"], Counts]]:
    """The most probable option of each sample, the first of those that tie."""
    nested = "context_id" in asked.tally.inner
    for s in singles(asked.each_sample(), "spread", invalid=asked.method.invalid, chosen=group.members):
        votes = np.eye(s.residual.shape[2])[s.prediction.argmax(2)]
        place = np.zeros(s.context.shape, dtype=np.int64)
        if nested:  # the number of a context inside its question
            order = np.argsort(s.context, axis=1, kind="stable")
            steps = np.diff(np.take_along_axis(s.context, order, axis=1), axis=1, prepend=s.context.min()) != 0
            steps[:, 0] = False
            np.put_along_axis(place, order, np.cumsum(steps, axis=1), axis=1)
        yield s.question, np.stack([(votes * (place == g)[..., None]).sum(1) for g in range(int(place.max()) + 1)], axis=1)


def _possible(groups: list[Counts]) -> int:
    """Three draws where some question has them, in a context or in different ones, for every source that has two."""
    inside = max(int(counts.sum(2).max()) for counts in groups)
    across = max(int((counts.sum(2) > 0).sum(1).max()) for counts in groups)
    return min(_MOST, *(most for most in (inside, across) if most >= 2)) if max(inside, across) >= 2 else 2


def _rates(counts: Counts, m: int) -> Changes:
    if counts.shape[1] > 1:
        return changes(counts, m)
    rate = change_rate(counts[:, 0], m)
    none = np.full(len(rate), np.nan)
    return Changes(rate, none, none)
