"""How often does an answer change when the same is asked again? Figure 20 of the paper.

"It changed at least once among K" grows with K, so the rate is given for a fixed number of draws. Draws in one context change by
sampling; draws each in a context of its own by sampling and by the prompt.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.analyses.points import ends, frame, measured_groups, of_questions, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.blocks import blocks
from hotmess.errors import LossMismatch, NothingToCompare, UsageError
from hotmess.groups import Group
from hotmess.infer import difference_of_means, mean_interval
from hotmess.measure import measurement
from hotmess.repeats import Changes, change_rate, changes
from hotmess.result import Result
from hotmess.samples import Samples

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
        questions, `rate` with its ends. Tests: what contexts add, paired over questions.

    Raises:
        NothingToCompare: no question has so many samples in a context, nor so many contexts.
    """
    if draws is not None and draws < 2:
        raise UsageError(f"{draws} draw(s) cannot differ", hint="draws=2 or more")
    spread = replace(rules, loss="spread", estimator="unbiased", paper=False)
    asked = ask(samples, spread, by=[difficulty] if difficulty else [])
    if asked.tally.space == "points":
        raise LossMismatch(f"{asked.samples.kind} have no classes that could change", hint="--label answer")
    if asked.tally.space == "probabilities":
        asked = ask(samples, replace(rules, loss="mode", paper=False), by=[difficulty] if difficulty else [])
    measured = measurement(asked)
    groups = [(group, *_counts(asked, group)) for group in measured_groups(asked, measured.rows)]
    m = draws or _possible(groups)
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for group, counts, clusters in groups:
        found = _rates(counts, m)
        for source, rate in found._asdict().items():
            known = np.isfinite(rate)
            if known.any():
                share = mean_interval(rate[known], level=rules.level, clusters=None if clusters is None else clusters[known])
                rows.append(group.name | {"source": source, "draws": m, "questions": int(known.sum())} | ends("rate", share))
        both = np.isfinite(found.both) & np.isfinite(found.sampling)
        if both.sum() > 1:
            labels = None if clusters is None else clusters[both]
            apart = difference_of_means(found.both[both], found.sampling[both], level=rules.level, clusters=labels)
            tests.append(statement(group.name, "rate", "both - sampling", apart, "paired jackknife over questions"))
    if not rows:
        raise NothingToCompare(
            f"no question has {m} samples in one context, nor {m} contexts", hint="fewer draws, or more samples of each question"
        )
    notices = (*measured.notices, *of_questions(asked))
    interval = "Student's t over questions"
    return Result(
        "answer_changes",
        frame(rows),
        with_holm(frame(tests)),
        asked.method,
        notices,
        asked.samples.source,
        interval,
        lossless=True,
    )


Counts = Float[ndarray, "question context unit"]


def _counts(asked: Asked, group: Group) -> tuple[Counts, ndarray | None]:
    """How many samples of each context gave each answer; questions of other shapes are filled up with nothing."""
    made = asked.tally.without("sample_id") if "sample_id" in asked.tally.inner else asked.tally
    stacks = []
    for b in blocks(made, invalid=asked.method.invalid):
        here = np.isin(b.question, group.members)
        if here.any():
            stacks.append((b.question[here], b.total[here]))
    contexts = max(total.shape[1] for _, total in stacks)
    units = max(total.shape[2] for _, total in stacks)
    whole = [np.pad(t, ((0, 0), (0, contexts - t.shape[1]), (0, units - t.shape[2]))) for _, t in stacks]
    question = np.concatenate([q for q, _ in stacks])
    return np.concatenate(whole), asked.clusters(question)


def _possible(groups: list[tuple[Group, Counts, ndarray | None]]) -> int:
    """Three draws where some question has them, in a context or in different ones, for every source that has two."""
    inside = max(int(counts.sum(2).max()) for _, counts, _ in groups)
    across = max(int((counts.sum(2) > 0).sum(1).max()) for _, counts, _ in groups)
    return min(_MOST, *(most for most in (inside, across) if most >= 2)) if max(inside, across) >= 2 else 2


def _rates(counts: Counts, m: int) -> Changes:
    if counts.shape[1] > 1:
        return changes(counts, m)
    rate = change_rate(counts[:, 0], m)
    none = np.full(len(rate), np.nan)
    return Changes(rate, none, none)
