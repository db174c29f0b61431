"""What a plan will cost: calls that are missing, tokens, dollars; known from what is there, else guessed, and then said so."""

from dataclasses import dataclass
from typing import Any

from hotmess.collect.held import Done
from hotmess.collect.plan import Cell, Plan

__all__ = ["ASSUMED", "Cost", "cost_of", "questions_of"]

ASSUMED = 1_000  # output tokens of a sample, as long as nothing is known of a cell
_LOOKED = 200  # questions whose length is looked at
_LETTERS = 4  # of English, to a token
_ASKING = 60  # tokens of what is said beside the question


@dataclass(frozen=True, slots=True)
class Cost:
    """What is missing of a cell.

    Attributes:
        samples: that are to be collected.
        input_tokens: of them all.
        output_tokens: of them all, with reasoning.
        dollars: at the price of the plan; nothing without one.
        guessed: whether the output is a mere assumption.
    """

    samples: int
    input_tokens: float
    output_tokens: float
    dollars: float | None
    guessed: bool


def questions_of(plan: Plan, task: Any) -> int:
    """How many questions are asked."""
    return min(plan.limit or len(task.dataset), len(task.dataset))


def cost_of(plan: Plan, cell: Cell, have: Done, task: Any, *, samples: int | None = None) -> Cost:
    """What it takes to complete a cell of which there is so much; or to bring it to so many samples in each context."""
    epochs = (task.epochs or 1) if samples is None else samples * int((task.metadata or {}).get("contexts", 1))
    questions = max(questions_of(plan, task), have.questions)  # a lower limit takes none away
    samples = max(questions * epochs - have.samples, 0)
    each = _tokens(cell, have, task)
    dollars = (
        None if plan.price is None else sum(samples * rate * tokens / 1e6 for rate, tokens in zip(plan.price, each, strict=True))
    )
    guessed = samples > 0 and not have.samples and not cell.budget.isdecimal()
    return Cost(samples, samples * each[0], samples * each[1], dollars, guessed)


def _tokens(cell: Cell, have: Done, task: Any) -> tuple[float, float]:
    """Tokens in and out of a sample: the mean of those that there are; before, a guess from the length of the questions."""
    if have.samples:
        return have.input_tokens / have.samples, have.output_tokens / have.samples
    looked = [task.dataset[place] for place in range(min(len(task.dataset), _LOOKED))]
    letters = sum(len(str(one.input)) + sum(map(len, one.choices or ())) for one in looked) / len(looked)
    shown = 1 + (task.metadata or {}).get("examples", 0)
    return _ASKING + shown * letters / _LETTERS, float(cell.budget) if cell.budget.isdecimal() else ASSUMED
