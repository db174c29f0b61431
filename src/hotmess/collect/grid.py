"""Which context and which seed a sample has: both follow from its epoch, so that any number of samples can be added later.

Inspect numbers the samples of a question 1, 2, 3, … and calls that the epoch. Here epoch 1 is the first sample in the first
context, epoch 2 the first in the second, and so on round the contexts, so that with each round all of them gain a sample::

    context = (epoch - 1) mod contexts        draw = (epoch - 1) div contexts

Contexts are nested in questions: each question has examples of its own. Crossed, they are the same for all questions.
"""

from dataclasses import dataclass
from math import perm
from zlib import crc32

import numpy as np

from hotmess.collect.questions import Bank, Question
from hotmess.errors import NoRandomness, UsageError

__all__ = ["Grid", "Place", "random_enough", "seed_of"]

_STEP = 0x5851F42D  # odd, so that multiples of it modulo a power of two are all different
_SEEDS = 2**31  # what every provider takes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sample stands: in which context, and as which draw of it."""

    context: int
    draw: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Contexts of a question, and how they are drawn.

    Attributes:
        contexts: how many.
        examples: answered questions in each.
        crossed: whether all questions share them.
        seed: of everything that is drawn here.
    """

    contexts: int = 10
    examples: int = 5
    crossed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a grid without contexts, or with contexts that cannot differ."""
        if self.contexts < 1 or self.examples < 0 or self.seed < 0:
            raise UsageError(
                f"contexts={self.contexts}, examples={self.examples}, seed={self.seed}",
                hint="at least 1, 0 and 0, such as contexts=10",
            )
        if self.contexts > 1 and not self.examples:
            raise UsageError(
                f"{self.contexts} contexts without examples",
                why="examples are what contexts differ in, so all would be the same",
                hint="contexts=1, or some examples",
            )

    def place(self, epoch: int) -> Place:
        """Where the sample of an epoch stands."""
        draw, context = divmod(epoch - 1, self.contexts)
        return Place(context, draw)

    def context_id(self, ident: str, place: Place) -> str:
        """The name of a context: of its question's own, or of one that all share."""
        name = f"s{self.seed}.c{place.context}" if self.seed else f"c{place.context}"
        return name if self.crossed else f"{ident}.{name}"

    def shown(self, bank: Bank, one: Question, place: Place) -> tuple[Question, ...]:
        """The examples of a context, in random order; contexts that all questions share have examples of any kind.

        Raises:
            UsageError: there is none to show, or there are too few for contexts that differ.
        """
        if not self.examples:
            return ()
        among = bank.examples(None if self.crossed else one)
        if not among:
            raise UsageError(
                f"`{one.ident}` has no example to be shown before it: there is no other answered question of its kind",
                hint="examples=0 and contexts=1, or a split `examples` among your questions",
            )
        count = min(self.examples, len(among))
        if perm(len(among), count) < self.contexts:
            raise UsageError(
                f"`{one.ident}` has {len(among)} examples to draw from: not enough for {self.contexts} contexts that differ",
                hint="fewer contexts, or more examples",
            )
        entropy = [self.seed, place.context, *(() if self.crossed else (crc32(one.ident.encode()),))]
        order = np.random.default_rng(entropy).permutation(len(among))
        return tuple(among[number] for number in order[:count])

    def held_out(self, bank: Bank) -> Bank:
        """The same bank; where contexts are crossed and it has no pool, with some of its questions set aside to be shown.

        Raises:
            UsageError: it has too few.
        """
        if not (self.crossed and self.examples) or bank.pool:
            return bank
        apart = max(2 * self.examples, 20)
        if len(bank.questions) < 2 * apart:
            raise UsageError(
                f"{len(bank.questions)} questions are too few to set {apart} aside for contexts that all share",
                hint="contexts of their own for each question: leave crossed out",
            )
        order = np.random.default_rng(self.seed).permutation(len(bank.questions))
        aside = set(order[:apart].tolist())
        every = list(enumerate(bank.questions))
        return Bank(
            tuple(one for place, one in every if place not in aside),
            tuple(one for place, one in every if place in aside),
            bank.origin,
        )


def seed_of(seed: int, ident: str, asked: str, epoch: int) -> int:
    """The seed that is sent with a sample: different for every epoch of a question, whatever their number.

    Args:
        seed: of the run.
        ident: the question.
        asked: the model and what was asked of it; else the same numbers would make the samples of two models alike.
        epoch: which sample.
    """
    entropy = [seed, crc32(ident.encode()), crc32(asked.encode())]
    first = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    return (first + epoch * _STEP) % _SEEDS


def random_enough(temperature: float | None, seed: int | None, top_k: int | None = None, top_p: float | None = None) -> None:
    """Refuse a way to ask that would make all samples of a context copies of one another.

    Raises:
        NoRandomness: it is one.
    """
    hints = {
        "temperature 0": (temperature == 0, "a temperature above 0, or none"),
        f"seed {seed} for every sample": (seed is not None, "leave it out; each sample gets a seed of its own"),
        "top_k 1": (top_k == 1, "a larger top_k, or none"),
        "top_p 0": (top_p == 0, "a larger top_p, or none"),
    }
    for found, (asked, hint) in hints.items():
        if asked:
            why = "repeats would be copies: their variance of 0 would say nothing about the model"
            raise NoRandomness(f"{found} was asked for", why=why, hint=hint)
