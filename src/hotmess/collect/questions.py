"""What is asked: questions whose options have one order for ever, and the answered ones that may stand before them."""

from dataclasses import dataclass
from string import ascii_uppercase
from zlib import crc32

import numpy as np

__all__ = ["Bank", "Question", "letter", "shuffled"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        ident: its name; the same in every run.
        text: what is asked, without options.
        options: in the order in which they are always shown; none for an open question.
        answer: the right option, or the right text; nothing where nothing is right.
        kind: its subject; examples are of the same kind.
        difficulty: a label by people, the higher the harder.
    """

    ident: str
    text: str
    options: tuple[str, ...] = ()
    answer: str | None = None
    kind: str = ""
    difficulty: float | None = None


@dataclass(frozen=True, slots=True)
class Bank:
    """Questions to ask, and questions to show.

    Attributes:
        questions: those that are asked.
        pool: answered questions that are only shown; without any, examples are drawn from the questions themselves.
        origin: where they are from, for the log: address, revision, SHA-256.
    """

    questions: tuple[Question, ...]
    pool: tuple[Question, ...]
    origin: dict[str, str]

    def examples(self, one: Question | None) -> list[Question]:
        """The answered questions that may be shown before one: others of its kind; without one, of any kind."""
        among = [other for other in self.pool or self.questions if other.answer is not None]
        if one is not None:
            among = [other for other in among if other.kind == one.kind and other.ident != one.ident and other.text != one.text]
        return among


def shuffled(ident: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The options in an order that follows from the name of the question alone."""
    order = np.random.default_rng(crc32(ident.encode())).permutation(len(options))
    return tuple(options[place] for place in order)


def letter(place: int) -> str:
    """The letter of an option: A for the first."""
    return ascii_uppercase[place]
