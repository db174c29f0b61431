"""How much more it takes to decide: samples of each question, contexts, or questions, if the figure is what it seems."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from hotmess.decide.arms import Arm
from hotmess.infer import Interval
from hotmess.infer.sequences import sequence_factor, tightness

__all__ = ["Doubtful", "needs"]

_AGAIN = 0.84  # standard errors: so that four of five runs decide, not every second
_UNTOLD = 10_000  # times as many questions, beyond which nobody will ask
_INTERVAL, _SAMPLES = "an interval: more questions with errors", "samples: some questions have too few to say how many"
_FEW = 10  # questions, below which nothing is foretold


@dataclass(frozen=True, slots=True)
class Doubtful:
    """What a decision rests on.

    Attributes:
        arm: the model.
        noise: the standard error of the figure over new samples of the same questions; NaN where it is not known.
        about: whether questions were drawn by chance, or are exactly these.
        peeking: after how many questions one expects to decide, if someone looks at every one.
        nested: whether the samples of a question are in several contexts.
    """

    arm: Arm
    noise: float
    about: str
    peeking: int | None
    nested: bool


def needs(found: Interval, most: float, doubtful: Doubtful) -> str:
    """What would decide in four of five runs, if the figure is what it seems; `statistics` 6.1 of the design, simplified.

    The squared standard error is that of questions and that of their samples: the first shrinks like 1/n with more questions, the
    second also like 1/K with more samples of each (in new contexts, where there are contexts).
    """
    arm, questions = doubtful.arm, len(doubtful.arm.error)
    half, gap = (found.high - found.low) / 2, abs(found.value - most)
    if questions < _FEW:
        return f"more questions: {questions} are too few to say how many"
    if not np.isfinite(half) or half <= 0:
        return (
            "an interval: more questions with errors"
            if doubtful.about == "population"
            else "samples: some questions have too few"
        )
    if gap <= half / np.sqrt(_UNTOLD):
        return "more than can be asked: it is at its limit"
    unit = "questions" if arm.clusters is None else f"clusters of questions like the {len(set(arm.clusters)):,} here"
    if doubtful.peeking:
        many = _looks(half, gap, questions, doubtful.peeking, found.level)
        return f"~{many - questions:,} more {unit}" if many else "more than can be asked: it is near its limit"
    units = questions if arm.clusters is None else len(set(arm.clusters))
    population = doubtful.about == "population"
    quantile = float(stdtrit(units - 1, 0.5 + found.level / 2) if population else ndtri(0.5 + found.level / 2))
    aim = gap / (1 + _AGAIN / quantile)
    whole, own = (half / quantile) ** 2, doubtful.noise**2
    room = (aim / quantile) ** 2 - (max(whole - own, 0.0) if population else 0.0)
    parts = []
    if room > 0 and own > 0:
        times = (own if population else whole) / room - 1
        each = float(arm.samples.mean())
        more = max(int(np.ceil(each * times)), 1)
        parts.append(f"~{more:,} more samples per question" + (", in new contexts" if doubtful.nested else ""))
    if population:
        parts.append(f"~{max(int(np.ceil(units * ((half / aim) ** 2 - 1))), 1):,} more {unit}")
    return " or ".join(parts) or _SAMPLES


def _looks(half: float, gap: float, questions: int, expected: int, level: float) -> int:
    """After how many questions a sequence would be as narrow as the gap; 0 where that is out of reach."""
    rho2 = tightness(expected, level=level)
    spread = half / sequence_factor(questions, rho2, level=level)
    many = questions
    while many < questions * _UNTOLD:
        many = int(many * 1.02) + 1
        if sequence_factor(many, rho2, level=level) * spread <= gap:
            return many
    return 0
