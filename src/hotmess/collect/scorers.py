"""Scorers that write down what was answered, not only whether it was right."""

from typing import Any

from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Score, Scorer, Target, accuracy, mean, scorer
from inspect_ai.solver import TaskState

from hotmess.collect.choosing import chosen, concluded, tagged
from hotmess.collect.metrics import incoherence, unread
from hotmess.collect.probabilities import read_probabilities
from hotmess.read.unit_tests import from_explanation, unchanged

__all__ = ["mcq", "open_answer", "probabilities", "tests_vector"]


@scorer(metrics=[accuracy(), incoherence(), unread()])
def mcq() -> Scorer:
    """The option that was chosen, as its text; none where the reply names none."""

    async def score(state: TaskState, target: Target) -> Score:
        options, right = _options(state), _right(state, target.text)
        answer = chosen(state.output.completion, options, cut=_is_cut(state))
        facts = _facts(state, target=right, options=len(options))
        if answer is None:
            return _no_answer(state, "no option was named", facts)
        return Score(value=CORRECT if answer == right else INCORRECT, answer=answer, metadata=facts)

    return score


@scorer(metrics=[accuracy(), incoherence(), unread()])
def probabilities() -> Scorer:
    """The probabilities that were stated for the options; the likeliest is the answer, and it is right if that one is."""

    async def score(state: TaskState, target: Target) -> Score:
        options, right = _options(state), _right(state, target.text)
        found = read_probabilities(concluded(state.output.completion), options)
        facts = _facts(state, options=len(options), place=options.index(right)) | {"repairs": list(found.repairs)}
        if found.probabilities is None:
            return _no_answer(state, found.reason, facts)
        answer = options[max(range(len(options)), key=found.probabilities.__getitem__)]
        said = {"probs": list(found.probabilities)}
        return Score(value=CORRECT if answer == right else INCORRECT, answer=answer, metadata=facts | said)

    return score


@scorer(metrics=[unread()])
def open_answer() -> Scorer:
    """What stands between the answer tags. Nothing is right or wrong in it: the value is the answer itself.

    A target that the question has is kept; an answer that is the same text, but for case and blanks, then is right.
    """

    async def score(state: TaskState, target: Target) -> Score:
        answer, facts = tagged(state.output.completion), _facts(state)
        if answer is None:
            return _no_answer(state, "no <answer> tags", facts if target.text else _facts(state, ungraded=True))
        if not target.text:
            return Score(value=answer, answer=answer, metadata=_facts(state, ungraded=True))
        same = " ".join(answer.casefold().split()) == " ".join(target.text.casefold().split())
        facts = _facts(state, target=target.text)
        return Score(value=CORRECT if same else INCORRECT, answer=target.text if same else answer, metadata=facts)

    return score


@scorer(metrics=[mean(), incoherence()])
def tests_vector(grader: Scorer) -> Scorer:
    """The outcome of every unit test, beside the grade of another scorer, such as that of SWE-bench in Inspect Evals.

    Outcomes are taken from the text in which that one explains its grade. Where its tests did not run, they all failed; where
    the grader itself fails, so does the sample, as an error and not as a wrong answer.
    """

    async def score(state: TaskState, target: Target) -> Score:
        graded = await grader(state, target)
        if graded is None:
            raise RuntimeError("the grader gave no grade")  # an error of the sample, which is tried again
        ran = from_explanation(graded.explanation or "")
        tests = ran or unchanged(state.metadata, broken=True)
        facts = (graded.metadata or {}) | {"tests": tests} | _facts(state, ran=ran is not None)
        image = state.metadata.get("image_name")
        facts |= {"image_name": image} if image else {}
        return Score(value=graded.value, explanation=graded.explanation, metadata=facts)

    return score


def _is_cut(state: TaskState) -> bool:
    return state.output.stop_reason in {"max_tokens", "model_length"}


def _options(state: TaskState) -> list[str]:
    return [choice.value for choice in state.choices]


def _right(state: TaskState, target: str) -> str:
    """The right option: the target is its text, or, in tasks of others, its letter."""
    options = _options(state)
    return target if target in options else chosen(f"ANSWER: {target}", options) or target


def _facts(state: TaskState, **known: Any) -> dict[str, Any]:
    """What the metric must know, which sees neither the options of a sample nor what its solver noted."""
    context = (state.metadata.get("hotmess") or {}).get("context")
    return {"hotmess": known | ({} if context is None else {"context": context})}


def _no_answer(state: TaskState, why: str, facts: dict[str, Any]) -> Score:
    reason = (
        "max_tokens" if _is_cut(state) else "no_response" if not state.output.completion.strip() else "invalid_response_format"
    )
    return Score(value=NOANSWER, answer="", reason=reason, metadata=facts | {"unread": why})
