"""One figure beside its limit: within it, beyond it, or how much more it takes to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hotmess.analyses.points import ends
from hotmess.asked import Asked
from hotmess.decide.arms import Arm
from hotmess.decide.bounds import of_figure, of_rise
from hotmess.decide.differences import difference, own_error, value
from hotmess.decide.limits import Limit
from hotmess.decide.needs import Doubtful, needs
from hotmess.decide.pairing import Pair
from hotmess.figures import row_of
from hotmess.groups import Group
from hotmess.infer import Interval, effective_questions
from hotmess.rows import Method

__all__ = ["Decided", "Outcome", "alone", "missing", "together"]

Outcome = Literal["pass", "fail", "unsure"]

_FEW = 20  # questions, below which no errors say nothing about their kind
_CARRIERS = 10  # effective questions with errors, below which their kind is not told
_LOOKS = 40  # questions, before which nobody who peeks may decide
_NO_ERROR = "nothing: there is no error to be split"
_SEQUENCE = "confidence sequence over questions, at every look"


@dataclass(frozen=True, slots=True)
class Decided:
    """A limit of one model, and what is known.

    Attributes:
        group: task, model and setting, those that there are.
        limit: what it was held to.
        found: the figure, or how far it rose, with its interval at the level of one decision.
        before: the figure of the baseline; None for a limit of the figure itself.
        now: the figure.
        outcome: pass, fail or unsure.
        needs: what would decide it; empty where it is decided.
        questions: how many questions were counted.
        how: how the interval was made.
    """

    group: Mapping[str, Any]
    limit: Limit
    found: Interval
    before: float | None
    now: float
    outcome: Outcome
    needs: str
    questions: int
    how: str

    def as_dict(self) -> dict[str, Any]:
        """The row of a table; ends that are not known are null."""
        numbers = {"before": self.before, "now": None if np.isnan(self.now) else self.now}
        named = f"{'rise of ' * self.limit.increase}{self.limit.figure}"
        last = {"limit": self.limit.most, "outcome": self.outcome, "needs": self.needs, "questions": self.questions}
        low, high = (end if np.isfinite(end) else np.nan for end in (self.found.low, self.found.high))
        return {**self.group, "what": named, **numbers, **ends("value", Interval(self.found.value, low, high)), **last}


def alone(both: Sequence[Asked], arm: Arm, group: Group, limit: Limit, peeking: int | None) -> Decided:
    """A figure of one model beside its limit.

    Args:
        both: the terms, asked for at the level of one decision, and of all of them together.
        arm: the model.
        group: its questions.
        limit: the most that the figure may be.
        peeking: after how many questions one expects to decide, if someone looks at every one.
    """
    figure: Any = limit.figure
    now, method = value(arm, figure), both[0].method
    one, all_ = (of_figure(asked, arm, group, figure, peeking) for asked in both)
    how = _SEQUENCE if peeking else row_of(both[0], group).interval
    doubtful = Doubtful(arm, own_error(arm, figure), method.about, peeking, nested=group.nested)
    outcome, more = _decided(one, all_, limit, doubtful)
    return Decided(arm.group, limit, one, None, now, outcome, more, len(arm.error), how)


def together(methods: Sequence[Method], pair: Pair, limit: Limit, peeking: int | None, *, nested: bool) -> Decided:
    """How far a figure rose since the baseline, beside the most that it may have.

    Args:
        methods: how it is measured, at the level of one decision, and of all of them together.
        pair: the baseline and the run.
        limit: the most that it may have risen by.
        peeking: see `alone`.
        nested: whether the samples of a question are in several contexts.
    """
    figure: Any = limit.figure
    before, now = value(pair.first, figure), value(pair.second, figure)
    one, all_ = (of_rise(pair, figure, method, peeking) for method in methods)
    how = _SEQUENCE if peeking else difference(pair, figure, methods[0]).how
    noise = float(np.hypot(own_error(pair.first, figure), own_error(pair.second, figure)))
    outcome, more = _decided(one, all_, limit, Doubtful(pair.second, noise, methods[0].about, peeking, nested=nested))
    if figure == "incoherence" and np.isnan(before) and not np.isnan(now):
        more = "errors in the baseline: it has none, so that its incoherence is undefined"
    return Decided(
        pair.second.group, limit, one, None if np.isnan(before) else before, now, outcome, more, len(pair.first.error), how
    )


def missing(arm: Arm, limit: Limit) -> Decided:
    """A model that is in one of two runs only: nobody can tell how far it rose."""
    undefined = Interval(np.nan, np.nan, np.nan)
    where = "the other run too: it is only in one"
    return Decided(arm.group, limit, undefined, None, np.nan, "unsure", where, 0, "none: nothing to pair it with")


def _decided(one: Interval, all_: Interval, limit: Limit, doubtful: Doubtful) -> tuple[Outcome, str]:
    """Pass at the level of one decision, fail at that of all; else what would decide it."""
    arm, questions = doubtful.arm, len(doubtful.arm.error)
    if doubtful.peeking and questions < _LOOKS:
        return "unsure", f"{_LOOKS - questions} more questions: a look at fewer than {_LOOKS} misleads"
    if limit.figure == "incoherence" and np.isnan(one.value):
        if arm.error.sum() > 0:
            return "unsure", "an interval: more questions with errors"
        return ("pass", _NO_ERROR) if questions >= _FEW else ("unsure", f"{_FEW - questions} more questions: these have no error")
    if one.high <= limit.most:
        if limit.figure == "incoherence" and effective_questions(arm.error) < _CARRIERS:
            return "unsure", "more questions with errors: a few carry nearly all of it"
        return "pass", ""
    if all_.low > limit.most:
        return "fail", ""
    return "unsure", needs(all_ if one.value > limit.most else one, limit.most, doubtful)
