"""The metrics that Inspect shows in its own table of results; they see every sample, given `Epochs(n, [])`."""

from collections.abc import Iterable
from typing import Any

import polars as pl
from inspect_ai.scorer import Metric, SampleScore, Value, metric, value_to_float

from hotmess.errors import HotmessError
from hotmess.frames import SCHEMA
from hotmess.measure import measure
from hotmess.measurement import Measurement

__all__ = ["incoherence", "unread"]

_NONE = float("nan")
_FIGURES = ("incoherence", "incoherence_low", "incoherence_high", "error", "bias2", "variance")


@metric
def incoherence() -> Metric:
    """Error, bias², variance and incoherence with its 95 % interval, over all samples of all questions.

    What was answered, and what was right, is taken from scores that hold it, as those of our scorers do: their metadata have
    `hotmess`, with the `target`. Else every score counts as right or wrong. NaN where there is no such figure: one sample a
    question (as Inspect's reducers leave, `Epochs(n, [])` does not), or no errors at all.
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
    rows = list(_rows(scores))
    used = {name: SCHEMA[name] for name in (rows[0] if rows else ()) if any(row[name] is not None for row in rows)}
    return measure(pl.DataFrame([{name: row[name] for name in used} for row in rows], schema=used or {"question_id": pl.String}))


def _rows(scores: list[SampleScore]) -> Iterable[dict[str, Any]]:
    """A sample table of scores, all of one kind: of the kinds that all samples have, the one that says most."""
    facts = [_facts(one) for one in scores]
    made = next(make for name, make in _MADE.items() if name is None or all(name in fact for fact in facts))
    for one, fact in zip(scores, facts, strict=True):
        context = fact.get("context")
        row = {"question_id": str(one.sample_id), "context_id": None if context is None else str(context), "status": "ok"}
        yield row | made(one, fact)


def _facts(one: SampleScore) -> dict[str, Any]:
    found = (one.score.metadata or {}).get("hotmess")
    return found if isinstance(found, dict) else {}


def _tests(one: SampleScore, _: dict[str, Any]) -> dict[str, Any]:
    tests = (one.score.metadata or {}).get("tests")
    known = {"tests": list(tests.values()), "test_names": list(tests)} if tests else {"tests": None, "test_names": None}
    return known | {"status": "ok" if tests else "invalid"}


def _probs(one: SampleScore, fact: dict[str, Any]) -> dict[str, Any]:
    """Probabilities, with numbers for options, which is all that a distance needs."""
    probs, options = (one.score.metadata or {}).get("probs"), [str(place) for place in range(fact["options"])]
    return {"probs": probs, "choices": options, "target": str(fact["place"]), "status": "ok" if probs else "invalid"}


def _answer(one: SampleScore, fact: dict[str, Any]) -> dict[str, Any]:
    answer = one.score.answer or None
    status = "ok" if answer else "invalid"
    return {"answer": answer, "target": str(fact["target"]), "n_choices": fact.get("options"), "status": status}


def _score(one: SampleScore, _: dict[str, Any]) -> dict[str, Any]:
    return {"score": value_to_float()(one.score.value)}


_MADE: dict[str | None, Any] = {"ran": _tests, "place": _probs, "target": _answer, None: _score}  # by what their facts hold
