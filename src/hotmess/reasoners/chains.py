"""Chains: questions of several steps, made on the fly, with a written chain of thought and a dial for all that makes them hard.

A question gives a number a name, says what is done with it and what comes out is called, in any order, and asks for one name;
of every number only the last digit counts. Here 4 is `k`; `k` less 7 is `b`; `b` times 3 is `d`; `k` and 2 is `m`, which leads
nowhere::

    b*3d
    4k
    k+2m
    k-7b
    d?

The reasoning goes from name to name, a line a step. Where two ways lead on it tries one, and goes back if it was the wrong one;
the answer is 1::

    4k+2
    6m
    Wait
    4k-7
    7b*3
    1d

So some reasoning is longer by chance. Some also goes back because a step went wrong, or for no reason. And some can hold a
*misconception*, always the same one: that the smaller number is taken from the larger (4-7 is 3, not 7), a mistake that children
make (Brown and Burton, Cognitive Science 1978, "smaller-from-larger").

A question follows from its number, a seed and its split; no whole chain of one split occurs in the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Literal
from zlib import crc32

import numpy as np

from hotmess.errors import UsageError

__all__ = [
    "Dials",
    "Habits",
    "Question",
    "Split",
    "Step",
    "ends",
    "examples",
    "prompt",
    "question",
    "read",
    "reasoning",
]

MODULUS = 10
Split = Literal["train", "test"]
_SPLITS: tuple[Split, ...] = ("train", "test")
_HELD_OUT = 8  # one chain in so many is of the test
_CARE = (0.05, 0.4)  # how often reasoning that checks itself goes back, a step
_EASY, _MEDIUM = 2, 4  # steps


@dataclass(frozen=True, slots=True)
class Dials:
    """What makes a question hard; ranges with both ends.

    Attributes:
        steps: operations between the number that is given and the one that is asked for.
        distractors: lines that do not matter, about half of them wrong ways.
        examples: answered questions that stand before it.
        options: how many answers it offers; 0 offers none, and any of the ten digits may be the answer.
    """

    steps: tuple[int, int] = (1, 6)
    distractors: tuple[int, int] = (0, 3)
    examples: tuple[int, int] = (0, 2)
    options: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for name, (low, high), least, most in (
            ("steps", self.steps, 1, 12),
            ("distractors", self.distractors, 0, 6),
            ("examples", self.examples, 0, 8),
        ):
            if not least <= low <= high <= most:
                raise UsageError(f"{name} {low} to {high}; between {least} and {most}, the smaller first")
        if self.options not in (0, *range(2, MODULUS + 1)):
            raise UsageError(f"{self.options} options; 0 for none, or 2 to 10")


@dataclass(frozen=True, slots=True)
class Habits:
    """How the reasoning of training data goes.

    Attributes:
        checking: share of reasonings that go back now and then without a cause.
        slips: share of steps that come out wrong; each is noticed, at once or later, before the answer.
        misconception: share of reasonings that take the smaller number from the larger.
    """

    checking: float = 0.3
    slips: float = 0.02
    misconception: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name in ("checking", "slips", "misconception"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} {getattr(self, name)}; a share is between 0 and 1")
        if self.slips > 0.5:
            raise UsageError(f"slips {self.slips}; with more than half of the steps wrong, no reasoning would come to an end")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a question: what is done with a name, and what comes out is called."""

    source: str
    operator: Literal["+", "-", "*"]
    number: int
    name: str

    @property
    def operation(self) -> str:
        """The operator and its number."""
        return f"{self.operator}{self.number}"

    def of(self, value: int, *, mistaken: bool = False) -> int:
        """What comes out; `mistaken` takes the smaller number from the larger."""
        if self.operator == "+":
            return (value + self.number) % MODULUS
        if self.operator == "*":
            return value * self.number % MODULUS
        return abs(value - self.number) if mistaken else (value - self.number) % MODULUS


@dataclass(frozen=True, slots=True)
class Question:
    """A chain, and how it is shown.

    Attributes:
        ident: split, seed and number; with the dials, the same everywhere.
        start: the number that is given.
        chain: the steps that lead to what is asked.
        wrong: the steps that do not.
        lines: how all are shown, in which order.
        options: the answers offered, in their order.
    """

    ident: str
    start: int
    chain: tuple[Step, ...]
    wrong: tuple[Step, ...]
    lines: tuple[str, ...]
    options: tuple[int, ...] = ()

    @property
    def asked(self) -> str:
        """The name that is asked for."""
        return self.chain[-1].name

    @property
    def difficulty(self) -> str:
        """By the number of steps: easy (1, 2), medium (3, 4), hard."""
        return "easy" if len(self.chain) <= _EASY else "medium" if len(self.chain) <= _MEDIUM else "hard"

    def value(self, *, mistaken: bool = False) -> int:
        """The number that is asked for; `mistaken`, as the misconception has it."""
        value = self.start
        for step in self.chain:
            value = step.of(value, mistaken=mistaken)
        return value

    @property
    def answer(self) -> str:
        """What a right answer says: the number, or the letter of its option."""
        return self.said(self.value())

    def said(self, value: int) -> str:
        """A number as an answer: itself, or its letter; a number that is not offered stays a number."""
        return ascii_uppercase[self.options.index(value)] if value in self.options else f"{value}"

    @property
    def text(self) -> str:
        """The question as it is shown."""
        offered = (f"{letter}){value}" for letter, value in zip(ascii_uppercase, self.options, strict=False))
        return "\n".join([*self.lines, *offered, f"{self.asked}?"])


def question(number: int, *, split: Split = "test", seed: int = 0, dials: Dials = Dials()) -> Question:
    """The question of this number.

    Raises:
        UsageError: the number or the seed is below 0.
    """
    if min(number, seed) < 0:
        raise UsageError(f"question {number}, seed {seed}; neither may be below 0")
    rng = np.random.default_rng([seed, _SPLITS.index(split), number])
    while True:  # drawn again until the chain is one of this split
        made = _drawn(f"{split}-{seed}-{number}", dials, rng)
        chain = f"{made.start}" + "".join(step.operation for step in made.chain)
        if (crc32(chain.encode()) % _HELD_OUT == 0) == (split == "test"):
            return made


def _drawn(ident: str, dials: Dials, rng: np.random.Generator) -> Question:
    count, besides = _between(dials.steps, rng), _between(dials.distractors, rng)
    letters = [ascii_lowercase[place] for place in rng.permutation(26)]
    names, others = letters[: count + 1], letters[count + 1 :]
    chain = tuple(_step(source, name, rng) for source, name in pairwise(names))
    ways = [names[rng.integers(count)] if rng.random() < 0.5 else others.pop() for _ in range(besides)]
    wrong = tuple(_step(source, others.pop(), rng) for source in ways)
    start = int(rng.integers(MODULUS))
    lines = [f"{start}{names[0]}", *(f"{step.source}{step.operation}{step.name}" for step in (*chain, *wrong))]
    shown = tuple(lines[place] for place in rng.permutation(len(lines)))
    made = Question(ident, start, chain, wrong, shown)
    return replace(made, options=_options(made, dials.options, rng)) if dials.options else made


def _between(ends: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(ends[0], ends[1] + 1))


def _step(source: str, name: str, rng: np.random.Generator) -> Step:
    operators: tuple[Literal["+", "-", "*"], ...] = ("+", "-", "*")
    operator = operators[rng.integers(3)]
    return Step(source, operator, int(rng.integers(2 if operator == "*" else 1, MODULUS)), name)


def _options(made: Question, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """The right answer among others that a mistake on the way would give."""
    right = made.value()
    near = [(right + off) % MODULUS for off in (1, -1, 2, -2)]
    likely = [made.value(mistaken=True), made.chain[-1].number, *(near[place] for place in rng.permutation(4))]
    others = dict.fromkeys([*likely, *(int(value) for value in rng.permutation(MODULUS))])
    offered = [right, *(value for value in others if value != right)][:count]
    return tuple(offered[place] for place in rng.permutation(count))


def examples(ident: str, context: int, *, seed: int = 0, dials: Dials = Dials()) -> tuple[Question, ...]:
    """The answered questions of one context of a question: short ones, from the training split, without distractors."""
    rng = np.random.default_rng([seed, 2, crc32(ident.encode()), context])
    short = Dials(steps=(1, 3), distractors=(0, 0), options=dials.options)
    count = _between(dials.examples, rng)
    return tuple(question(int(rng.integers(2**31)), split="train", seed=seed, dials=short) for _ in range(count))


def ends(text: object) -> tuple[int, int]:
    """Parse a number, 3, or a range, 1-6.

    Raises:
        UsageError: it is neither.
    """
    low, dash, high = str(text).partition("-")
    if not low.strip().isdecimal() or (dash and not high.strip().isdecimal()):
        raise UsageError(f"`{text}` is neither a number nor a range", hint="write 3 or 1-6")
    return int(low), int(high or low)


def read(said: str, options: int = 0) -> str | None:
    """The answer in what a model said at the end: a digit, or the letter of an option; none if it is neither."""
    return said if len(said) == 1 and said in (ascii_uppercase[:options] if options else digits) else None


def prompt(asked: Question, shown: Sequence[Question] = ()) -> str:
    """What a model is told: answered questions, then this one."""
    return "\n\n".join([*(f"{example.text}{example.answer}" for example in shown), asked.text])


def reasoning(asked: Question, habits: Habits, rng: np.random.Generator) -> tuple[str, str]:
    """A chain of thought of training data, and the answer that it comes to."""
    mistaken = bool(rng.random() < habits.misconception)
    care = rng.uniform(*_CARE) if rng.random() < habits.checking else 0.0
    lines: list[str] = []
    trail: list[tuple[str, int]] = [(asked.chain[0].source, asked.start)]
    left = [*asked.chain, *asked.wrong]  # steps that did not turn out to lead nowhere
    slipped: int | None = None  # where on the trail a wrong number stands that was not noticed yet
    while True:
        name, value = trail[-1]
        ways = [step for step in left if step.source == name]
        if not ways:
            lines.append(f"{value}{name}")
        if slipped is not None and (not ways or rng.random() < 0.5):
            back, slipped = slipped, None
        elif not ways and name != asked.asked:
            left = [step for step in left if step.name != name]
            back = len(trail) - 1
        elif slipped is None and len(trail) > 1 and rng.random() < care:
            back = len(trail) - int(rng.integers(1, min(3, len(trail))))
        elif not ways:
            return "\n".join(lines), asked.said(value)
        else:
            back = 0
        if back:
            lines.append("Wait")
            del trail[back:]
            name, value = trail[-1]
            ways = [step for step in left if step.source == name]
        step = ways[rng.integers(len(ways))]
        lines.append(f"{value}{name}{step.operation}")
        found = step.of(value, mistaken=mistaken)
        if rng.random() < habits.slips:
            found = (found + (1, -1, 2, -2)[rng.integers(4)]) % MODULUS
            slipped = len(trail) if slipped is None else slipped
        trail.append((step.name, found))
