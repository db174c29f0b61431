"""The metrics that Inspect shows in its own table of results; they see every sample, given `Epochs(n, [])`."""

from collections.abc import Iterable
from typing import Any

import polars as pl
from inspect_ai.scorer import Metric, SampleScore, Value, metric, value_to_float

from hotmess.errors import HotmessError
from hotmess.measure import measure
from hotmess.measurement import Measurement

__all__ = ["incoherence", "unread"]

_NONE = float("nan")
_FIGURES = ("incoherence", "incoherence_low", "incoherence_high", "error", "bias2", "variance")


@metric
def incoherence() -> Metric:
    """Error, bias², variance and incoherence with its 95 % interval, over all samples of all questions.

    Right answers, probabilities and outcomes of tests are taken where the scores hold them, as those of our scorers do (`target`,
    `probs`, `tests` in their metadata); else every score counts as right or wrong. NaN where there is no such figure: one sample
    a question (as Inspect's reducers leave, `Epochs(n, [])` does not), or no errors at all.
    """

    def measured(scores: list[SampleScore]) -> Value:
        try:
            found = _measured(scores)
        except HotmessError:
            return dict.fromkeys(_FIGURES, _NONE)
        row = found.rows[0]
        r = row.incoherence
        return dict(zip(_FIGURES, (r.value, r.low, r.high, row.error.value, row.bias2.value, row.variance.value), strict=True))

    return measured


@metric
def unread() -> Metric:
    """The share of samples from which no answer could be read."""

    def share(scores: list[SampleScore]) -> Value:
        return sum(not (one.score.answer or "").strip() for one in scores) / len(scores) if scores else _NONE

    return share


def _measured(scores: list[SampleScore]) -> Measurement:
    return measure(pl.DataFrame(list(_rows(scores)), infer_schema_length=None))


def _rows(scores: list[SampleScore]) -> Iterable[dict[str, Any]]:
    """A sample table of scores, all of one kind: of the kinds that all samples have, the one that says most."""
    facts = [one.score.metadata or {} for one in scores]
    kind = next((name for name in _MADE if any(name in fact for fact in facts)), "score")
    numbers = value_to_float()
    for one, fact in zip(scores, facts, strict=True):
        context = ((one.sample_metadata or {}).get("hotmess") or {}).get("context")
        row = {"question_id": str(one.sample_id), "status": "ok", **({} if context is None else {"context_id": str(context)})}
        yield row | _MADE[kind](one, fact, numbers)


def _tests(_: SampleScore, fact: dict[str, Any], __: Any) -> dict[str, Any]:
    tests = fact.get("tests")
    return {"tests": list(tests.values()), "test_names": list(tests)} if tests else {"tests": None, "status": "invalid"}


def _probs(_: SampleScore, fact: dict[str, Any], __: Any) -> dict[str, Any]:
    """Probabilities, with numbers for options, which is all that a distance needs."""
    probs, options = fact.get("probs"), [str(place) for place in range(fact["options"])]
    return {"probs": probs, "choices": options, "target": str(fact["place"]), "status": "ok" if probs else "invalid"}


def _answer(one: SampleScore, fact: dict[str, Any], __: Any) -> dict[str, Any]:
    answer = one.score.answer or None
    return {
        "answer": answer,
        "target": fact.get("target"),
        "n_choices": fact.get("options"),
        "status": "ok" if answer else "invalid",
    }


def _score(one: SampleScore, _: dict[str, Any], numbers: Any) -> dict[str, Any]:
    return {"score": numbers(one.score.value)}


_MADE = {"tests": _tests, "place": _probs, "target": _answer, "score": _score}  # by what the facts of their scores hold
