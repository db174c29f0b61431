"""Every design that a pilot tells of: how many questions it needs, what it costs, and what is missing from the pilot itself."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import ndtri, stdtrit

from hotmess.analyses.points import statement
from hotmess.asked import About
from hotmess.decide.pilot import Of, Pilot
from hotmess.decide.prices import FEWEST, Most, Prices
from hotmess.infer import Effect

__all__ = ["Goal", "designs", "state"]

_RANKED = 3  # of the cheapest designs are named
_ENDLESS = 10_000_000  # questions
_ROUND = 5  # samples of a question, below which an interval for exactly these questions is not to be stopped by
_ROUNDS = 200  # samples in a context, beyond which nobody goes
_HIGH = 0.9  # the upper end of an interval of 80 %
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted.

    Attributes:
        half_width: of the interval.
        of: what is to be known.
        about: of questions like these, or of exactly these.
        level: the level of confidence.
        prices: what is paid for.
        most: how large a design may be.
    """

    half_width: float
    of: Of
    about: About
    level: float
    prices: Prices
    most: Most

    @property
    def fixed(self) -> bool:
        """Whether it is about exactly these questions."""
        return self.about == "benchmark"

    def half(self, bracket: float, shared: float, contexts: int, questions: int) -> float:
        """The half-width of an interval, by N SE^2 and what one context brings to all questions."""
        own, common = max(bracket, 0.0) / questions, shared / contexts
        whole, tail = own + common, 0.5 + self.level / 2
        if self.fixed:
            quantile = stdtrit(contexts - 1, tail) if common > 0 else ndtri(tail)
        else:
            spread = own**2 / max(questions - 1, 1) + common**2 / (contexts - 1)
            quantile = stdtrit(min(whole**2 / spread, questions - 1) if spread > 0 else np.inf, tail)
        return float(quantile * np.sqrt(whole))

    def needed(self, bracket: float, shared: float, contexts: int, fewest: int) -> int | None:
        """The least number of questions, not below `fewest`; none where no number is enough."""

        def enough(questions: int) -> bool:
            return self.half(bracket, shared, contexts, questions) <= self.half_width

        place = bisect_left(range(FEWEST, _ENDLESS), 1, key=enough)
        return None if place == _ENDLESS - FEWEST else max(FEWEST + place, fewest)


# ---------------------------------------------------------------------------------------------- points


def designs(pilot: Pilot, goal: Goal) -> list[dict[str, Any]]:
    """All designs, the cheapest first; those that fail last."""
    rows = [_point(pilot, goal, contexts, samples) for contexts, samples in _possible(pilot, goal)]
    rows.sort(key=_cheapness)
    for place, row in enumerate(rows):
        row["rank"] = place + 1 if place < _RANKED and row["fails"] is None else None
    return rows


def _cheapness(row: dict[str, Any]) -> tuple[float, ...]:
    unfit = (row["fails"] is not None, row["questions"] is None)
    return (*unfit, row["cost"] or 0, row["total"] or 0, row["half_width"] or 0)


def _possible(pilot: Pilot, goal: Goal) -> list[tuple[int, int]]:
    """The designs of which the pilot tells; of exactly these questions, those that can be measured."""
    parts = pilot.parts
    known = 2 if np.isnan(parts.three[0][0]) else 3 if np.isnan(parts.four[0]) else goal.most.contexts
    single = pilot.nested and pilot.samples == 1
    found = goal.most.designs(contexts=pilot.nested)
    if not pilot.nested:
        known = goal.most.samples or _ENDLESS if known > 3 else known
    found = [(g, m) for g, m in found if g <= known and not (single and m > 1)]
    if not goal.fixed:
        return found
    return [(g, m) for g, m in found if g >= 3 and g * m >= _ROUND] or found[-1:]


def _point(pilot: Pilot, goal: Goal, contexts: int, samples: int) -> dict[str, Any]:
    bracket = pilot.parts.bracket(contexts, samples, fixed=goal.fixed)
    high = float(np.quantile(bracket[1:], _HIGH)) if len(bracket) > 1 else None
    now, shared = float(bracket[0]), pilot.shared
    needed = pilot.questions if goal.fixed else goal.needed(now, shared, contexts, pilot.fewest)
    more = None if high is None or goal.fixed else goal.needed(high, pilot.shared_at(_HIGH), contexts, pilot.fewest)
    half = None if needed is None else goal.half(now, shared, contexts, needed)
    each = contexts * samples * pilot.models
    tokens = goal.prices.output_tokens if goal.prices.output_tokens is not None else pilot.tokens
    own = goal.prices.of_question(contexts if pilot.nested else None, each, pilot.tokens)
    row: dict[str, Any] = {**pilot.name, "contexts": contexts if pilot.nested else None}
    row |= {"samples_each": samples if pilot.nested else contexts, "questions": needed, "questions_high": more}
    row |= {"total": _times(needed, each), "tokens": _times(needed, None if tokens is None else each * tokens)}
    row |= {"cost": _times(needed, own), "cost_high": _times(more, own), "unit": "dollars" if goal.prices.known else "samples"}
    row |= {"half_width": half}
    if goal.of == "difference":
        row["detectable"] = None if half is None else _detectable(half, goal.level)
    return row | {"rank": None, "fails": _fails(pilot, goal, (now, contexts), needed, half)}


def _times(count: int | None, each: float | None) -> Any:
    return None if count is None or each is None else count * each


def _detectable(half: float, level: float) -> float:
    """The difference that is found with a power of 80 %."""
    quantile = float(ndtri(0.5 + level / 2))
    return half * (quantile + float(ndtri(_POWER))) / quantile


def _fails(pilot: Pilot, goal: Goal, design: tuple[float, int], needed: int | None, half: float | None) -> str | None:
    bracket, contexts = design
    if goal.fixed:
        return None if half is not None and half <= goal.half_width else f"± {half:.3g} of these questions"
    if needed is None:
        least = goal.half(bracket, pilot.shared, contexts, _ENDLESS)
        return f"± {least:.3g} by any number of questions, since all share the contexts"
    limit = goal.most.questions
    if limit is None or needed <= limit:
        return None
    if limit < pilot.fewest:
        return f"{limit:,} questions have too few errors; {pilot.fewest:,} are the least"
    return f"± {goal.half(bracket, pilot.shared, contexts, limit):.3g} with {limit:,} questions"


# ---------------------------------------------------------------------------------------------- what there is


def state(pilot: Pilot, goal: Goal) -> Iterator[dict[str, Any]]:
    """How well the pilot knows, how well the model says that it does, and what is missing."""
    if pilot.now is not None:
        yield from _known(pilot, goal)
    contexts = (
        {"contexts": pilot.parts.context, "samples": pilot.parts.sample} if pilot.nested else {"samples": pilot.parts.context}
    )
    rows = {"questions": pilot.parts.question, **contexts}
    if goal.of != "error":
        rows |= {f"pairs of {'contexts' if pilot.nested else 'samples'}": pilot.parts.pairs(max(pilot.samples, 1.0))}
    for name, values in rows.items():
        if np.isfinite(values[0]):
            yield statement(pilot.name, name, "variance, one question", _drawn(values, 0.95), "component of N SE²")


def _known(pilot: Pilot, goal: Goal) -> Iterator[dict[str, Any]]:
    assert pilot.now is not None  # noqa: S101 - looked at by the caller; for the type checker
    each = f"{pilot.contexts} × {pilot.samples:g}" if pilot.nested else f"{pilot.contexts}"
    as_asked = f"{pilot.questions:,} × {each}, as asked"
    if pilot.measured is not None:
        half = (pilot.measured.high - pilot.measured.low) / 2
        yield statement(pilot.name, "half-width, measured", as_asked, _plain(half), "its interval")
    bracket = pilot.now[goal.fixed]
    halves = np.array([goal.half(float(value), pilot.shared, pilot.contexts, pilot.questions) for value in bracket])
    yield statement(pilot.name, "half-width, predicted", as_asked, _drawn(halves, goal.level), "components of variance")
    if goal.of == "difference":
        found = _plain(_detectable(float(halves[0]), goal.level))
        yield statement(pilot.name, "detectable difference", as_asked, found, "power of 80 %")
    if not goal.fixed:
        shared = (pilot.shared, pilot.shared_at(1 - _HIGH), pilot.shared_at(_HIGH))
        values = np.append(bracket[0], _ends(bracket, 0.8))
        needed = [goal.needed(float(v), s, pilot.contexts, pilot.fewest) for v, s in zip(values, shared, strict=True)]
        more = [np.nan if n is None else max(n - pilot.questions, 0) for n in needed]
        how = "asked like these, until ± the half-width; with its 80 % interval"
        yield statement(
            pilot.name, "more questions like these", f"{each} each", Effect(more[0], more[1], more[2], np.nan, 0.8), how
        )
    if np.isfinite(pilot.parts.four[0]):
        yield statement(
            pilot.name,
            "more rounds, these questions only",
            _round_of(pilot),
            _plain(_rounds(pilot, goal)),
            "of exactly these questions",
        )


def _round_of(pilot: Pilot) -> str:
    return "one sample in every context" if pilot.nested else "one sample of every question"


def _rounds(pilot: Pilot, goal: Goal) -> float:
    """How many whole rounds of samples are missing until exactly these questions are known; NaN where none are enough."""
    fixed = replace(goal, about="benchmark")
    start = round(pilot.samples) if pilot.nested else pilot.contexts

    def enough(samples: int) -> bool:
        g, m = (pilot.contexts, samples) if pilot.nested else (samples, 1)
        half = fixed.half(float(pilot.parts.bracket(g, m, fixed=True)[0]), pilot.shared, g, pilot.questions)
        return g * m >= _ROUND and half <= goal.half_width

    found = next((samples for samples in range(start, _ROUNDS + 1) if enough(samples)), None)
    return np.nan if found is None else float(found - start)


def _plain(value: float) -> Effect:
    return Effect(value, np.nan, np.nan, np.nan)


def _drawn(values: Float[ndarray, " draw"], level: float) -> Effect:
    """A figure of the pilot, with the ends of its draws."""
    low, high = _ends(values, level)
    return Effect(float(values[0]), low, high, np.nan, level)


def _ends(values: Float[ndarray, " draw"], level: float) -> tuple[float, float]:
    known = values[1:][np.isfinite(values[1:])]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)
