"""Is one of k attempts right, or are all of them? pass@k and pass^k, and how much of the spread lies between questions.

Not in the paper; people who ship agents ask for them. The gap between the two is the variance of being right: pass@2 - pass^2 is
the chance that of two attempts one is right and one is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.analyses.accuracy import accuracy
from hotmess.analyses.points import ends, frame, measured_groups, of_questions, statement, without_rows
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import LossMismatch, NothingToCompare, Notice
from hotmess.groups import Group
from hotmess.infer import Effect, share_interval
from hotmess.measure import measurement
from hotmess.prepare import prepare
from hotmess.repeats import icc, pass_at, pass_hat
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["pass_k"]


def pass_k(samples: Samples | Any, *, sizes: Sequence[int] | None = None, rules: Rules = Rules()) -> Result:
    """pass@k (one of k is right) and pass^k (all are), and the intraclass correlation of being right.

    Both are unbiased where there are no contexts. With contexts, the attempts of all are put together: what several attempts at
    the same prompt give, or at different ones, is told by `some_right` of `by_ensemble`.

    Args:
        samples: a sample table; an answer is right where it is the target, a score at full marks, a run where all tests pass.
        sizes: which k; by default 1, 2, 3, 5, 8, … up to what nine in ten questions have.
        rules: how to measure; the loss plays no part.

    Returns:
        Points: `k`, questions, `pass_at` and `pass_hat` with their ends. Tests: the intraclass correlation: 1 where a question
        is always or never solved, 0 where all questions are solved equally often.

    Raises:
        LossMismatch: vectors are neither right nor wrong.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    asked, mixed = _asked(samples, rules)
    measured = measurement(asked)
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    short = 0
    for group in measured_groups(asked, measured.rows):
        right, count, clusters = _right(asked, group)
        if not len(count):
            continue
        most = max(int(np.quantile(count, 0.1)), 1)
        enough = count >= max(sizes or (most,))
        short += int((~enough).sum())
        for k in sizes or _up_to(most):
            shown: dict[str, Any] = {"k": k, "questions": int(enough.sum())}
            for name, chance in (("pass_at", pass_at), ("pass_hat", pass_hat)):
                values, labels = chance(right[enough], count[enough], k), None if clusters is None else clusters[enough]
                shown |= ends(name, share_interval(values, level=rules.level, clusters=labels))
            rows.append(group.name | shown)
        found = icc(right, right, count, rules.level, clusters=clusters)
        effect = Effect(found.value, found.low, found.high, np.nan, rules.level)
        said = statement(group.name, "intraclass correlation", "being right", effect, "one-way, jackknife over questions")
        tests.append(said | {"questions": len(count)})
    if not any(row["questions"] for row in rows):
        raise NothingToCompare(f"no question has {max(sizes or (1,))} samples", hint="smaller sizes")
    notices = [*without_rows(measured.notices), *of_questions(asked)]
    if short:
        notices.append(Notice("few-attempts", f"{short:,} questions have fewer attempts than the largest k and are left out"))
    if mixed:
        notices.append(Notice("mixed-contexts", "attempts of different contexts are put together"))
    interval = "Wilson, over questions"
    return Result(
        "pass_k", frame(rows), frame(tests), asked.method, tuple(notices), asked.samples.source, interval, lossless=True
    )


def _asked(samples: Samples, rules: Rules) -> tuple[Asked, bool]:
    """Right and wrong as two classes, unit tests as they are; and whether contexts were put together.

    What could not be read is not right, whatever `invalid` is.
    """
    plain = replace(rules, loss=None, estimator="unbiased", invalid="class", paper=False)
    asked = ask(samples, plain)
    kind, mixed = asked.samples.kind, any(group.nested for group in asked.wholes)
    if kind == "vector" or not asked.samples.has_target:
        raise LossMismatch("without a target nothing is right or wrong", hint="a column `target` or `score`")
    if kind == "tests" or (kind == "answers" and not asked.samples.has("context_id")):
        return asked, mixed
    return ask(asked.samples.without_contexts(), replace(plain, loss="brier" if kind == "answers" else "mode")), mixed


def _right(
    asked: Asked, group: Group
) -> tuple[Float[ndarray, " question"], Float[ndarray, " question"], Shaped[ndarray, " question"] | None]:
    """How many attempts at each question are right, how many there were, and which questions belong together."""
    share, count = accuracy(asked), asked.table.terms.samples[group.members]
    if share is None:
        return np.zeros(0), np.zeros(0), None
    known = np.isfinite(share[group.members]) & (count > 0)
    return np.rint(share[group.members][known] * count[known]), count[known], asked.clusters(group.members[known])


def _up_to(most: int) -> Iterator[int]:
    """1, 2, 3, 5, 8, … and the last."""
    a, b = 1, 2
    while a < most:
        yield a
        a, b = b, a + b
    yield most
