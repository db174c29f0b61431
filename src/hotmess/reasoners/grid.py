"""Questions × contexts × samples: which examples stand before a question, and which seed a sample has."""

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from hotmess.errors import UsageError
from hotmess.reasoners.chains import Dials, Question, examples, prompt, question

__all__ = ["Asked", "Grid"]


@dataclass(frozen=True, slots=True)
class Grid:
    """How many questions, contexts of each, and samples in each context; `seed` is that of all of them."""

    questions: int = 200
    contexts: int = 10
    samples: int = 3
    seed: int = 0
    dials: Dials = field(default_factory=lambda: Dials(examples=(2, 2)))

    def __post_init__(self) -> None:
        """Refuse an empty one, and contexts that are none."""
        if min(self.questions, self.contexts, self.samples) < 1:
            found = f"{self.questions} questions, {self.contexts} contexts, {self.samples} samples"
            raise UsageError(found, hint="at least one of each")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}; it may not be below 0")
        if self.contexts > 1 and self.dials.examples == (0, 0):
            raise UsageError(
                f"{self.contexts} contexts without an example",
                why="examples are what contexts differ in, so all would be the same",
                hint="one context, or some examples",
            )

    def asked(self) -> list[Question]:
        """The questions."""
        return [self.question(number) for number in range(self.questions)]

    def question(self, number: int) -> Question:
        """One of them."""
        return question(number, seed=self.seed, dials=self.dials)

    def told(self, one: Question, place: int, model: str) -> "Asked":
        """What a model is told at a place among the samples of a question: round the contexts, so that more can be added.

        The seed is of the model too: the same numbers for two models would make their samples alike.
        """
        draw, context = divmod(place, self.contexts)
        shown = examples(one.ident, context, seed=self.seed, dials=self.dials)
        entropy = [self.seed, crc32(one.ident.encode()), crc32(model.rpartition("/")[2].encode()), context, draw]
        seed = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)
        return Asked(f"{one.ident}.{context}", draw, shown, prompt(one, shown), seed)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a question is put for one sample.

    Attributes:
        context: of this question alone; other questions have examples of their own.
        draw: the sample, within the context.
        shown: the answered questions that stand before it.
        prompt: all that the model is told.
        seed: of what it says.
    """

    context: str
    draw: int
    shown: tuple[Question, ...]
    prompt: str
    seed: int
