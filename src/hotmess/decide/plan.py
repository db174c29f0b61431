"""The cheapest questions, contexts and samples from which a figure will be known to plus or minus so much.

A pilot (or a guess) says what questions, contexts and samples each add to the variance of an estimate (`hotmess.infer.design`).
So the half-width of any other design is known beforehand, and for each number of contexts and samples the least of questions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import polars as pl

from hotmess.analyses.points import additive, frame, squared_only, without_rows
from hotmess.asked import Rules, ask
from hotmess.decide.designs import Goal, designs, state
from hotmess.decide.guesses import QUESTIONS, Guess, guessed_moments
from hotmess.decide.pilot import LEAST, Of, Pilot, fewest_for, pilots_of
from hotmess.decide.prices import ANY_SIZE, FREE, Most, Prices
from hotmess.errors import LossMismatch, NothingToCompare, Notice, UsageError, one_of, safe
from hotmess.infer import components
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.rows import Method
from hotmess.samples import Samples

__all__ = ["plan"]

_DRAWS = 400  # of the pilot's questions
_CONTEXTS = 4  # that all questions share, below which their part is hardly known
_MISFIT = 1.5  # measured half-width by the predicted one, from which the model does not fit the pilot
_TRUST = 50  # questions of a pilot, below which it is hardly to be trusted


def plan(
    samples: Samples | Guess | Any,
    *,
    half_width: float = 0.05,
    of: Of = "incoherence",
    against: str | None = None,
    prices: Prices = FREE,
    most: Most = ANY_SIZE,
    rules: Rules = Rules(),
    seed: int = 0,
) -> Result:
    """The cheapest designs whose 95 % interval is no wider than plus or minus `half_width`.

    Args:
        samples: a pilot: a sample table of 50 questions or more, best with four contexts of two samples each; or a `Guess`.
        half_width: half the width of the interval that is wanted: 0.05 for ± 5 points of incoherence. Of the error, in its units.
        of: what is to be known: incoherence, error, or the difference of two models' incoherence on the same questions.
        against: for a difference, the model (or setting) with which others are compared; by default each with each.
        prices: what is paid for; without prices, cost is the number of samples.
        most: how large a design may be.
        rules: how to measure; a squared loss. `rules.about` says whether new questions may be asked (population), or exactly
            those of the pilot are meant (benchmark).
        seed: of the draws of the pilot's questions, and of a guess.

    Returns:
        Points: a row for each number of contexts and samples: `questions` (of the benchmark: those that there are), contexts,
        `samples_each` (in each context; without contexts, of a question), `total` samples, output `tokens` where they are known,
        `cost` in its `unit`, the `half_width` to be expected, `questions_high` (`cost_high`) at the upper end of the pilot's own
        80 % interval, `rank` 1 to 3 of the cheapest, and how a design `fails` the limits. For a difference also `detectable`:
        what is found with a power of 80 %. Tests: the half-width of the pilot, measured and by the model; what is missing; and
        the components of N SE^2.

    Raises:
        LossMismatch: the loss is not squared.
        NothingToCompare: the pilot has too few questions, no errors, or no two models.
        UsageError: a number cannot be meant; or errors are too rare to plan an incoherence by.
    """
    most_wide = np.inf if of == "error" else 1.0
    if not 0 < half_width < most_wide:
        raise UsageError(f"a half-width of {half_width:g}; it lies between 0 and {most_wide:g}", hint=_WIDTHS[of == "error"])
    goal = Goal(half_width, one_of("quantity", of, get_args(Of)), rules.about, rules.level, prices, most)
    if isinstance(samples, Guess):
        pilots, method, notices, source = _guessed(samples, goal, against, seed)
    else:
        pilots, method, notices, source = _piloted(samples, goal, rules, against, seed)
    points = frame(row for pilot in pilots for row in designs(pilot, goal))
    tests = frame(row for pilot in pilots for row in state(pilot, goal))
    notices = [*notices, *_notices(pilots, points, goal), *_misfits(pilots, tests)]
    said = f"half-width ± {half_width:g} of {_named(goal.of)}, by components of variance"
    return Result("plan", points, tests, method, tuple(notices), source, said)


_WIDTHS = ("half_width=0.05 for ± 5 points", "half_width=0.05, in the unit of the loss")


def _named(of: Of) -> str:
    return "the difference of incoherence" if of == "difference" else of


# ---------------------------------------------------------------------------------------------- pilots


def _guessed(guess: Guess, goal: Goal, against: str | None, seed: int) -> tuple[list[Pilot], Method, list[Notice], str]:
    """One pilot, of a guess."""
    if against is not None:
        raise UsageError(f"a guess has no model `{against}` to compare with", hint="without --against; or a pilot")
    if goal.fixed:
        raise UsageError("a guess has no questions of its own", why="about=benchmark is about those of a pilot", hint="a pilot")
    pooled = guessed_moments(guess, seed).pooled(np.ones((1, QUESTIONS)))
    parts = components(pooled, "error" if goal.of == "error" else "incoherence")
    models = 2 if goal.of == "difference" else 1
    parts = parts.beside(parts) if models == 2 else parts
    method = Method("coverage", "unbiased", "class", "score", goal.about, goal.level, Rules().delta)
    found = "the plan follows from a guess, of right and wrong answers; a pilot of 50 questions tells more"
    found += "; two models are taken to share nothing, so their difference is known better than this" if models == 2 else ""
    fewest = 0 if goal.of == "error" else fewest_for(guess.error, guess.incoherence)
    pilot = Pilot({}, parts, 0, guess.input is not None, fewest=fewest, models=models)
    return [pilot], method, [Notice("guessed", found)], str(guess)


def _piloted(
    samples: Samples | Any, goal: Goal, rules: Rules, against: str | None, seed: int
) -> tuple[list[Pilot], Method, list[Notice], str]:
    """The pilots that a plan can be made of, and what must be known of them."""
    asked = ask(samples, rules)
    if asked.method.loss in ("kl", "mode"):
        raise LossMismatch(
            f"no plan can be made for the loss {asked.method.loss}",
            why="its variance does not fall apart into questions, contexts and samples",
            hint="plan by --loss brier: samples that are enough for one are about enough for the other",
        )
    asked = squared_only(additive(asked), "plan")
    measured = measurement(asked)
    notices = list(without_rows(measured.notices))
    every = pilots_of(asked, measured.rows, goal.of, against, _DRAWS, seed)
    why = {id(pilot): _unfit(pilot, goal) for pilot in every}
    fit = [pilot for pilot in every if not why[id(pilot)]]
    if not fit:
        rare = next((pilot for pilot in every if pilot.rare and why[id(pilot)] == pilot.rare), None)
        if rare is None:
            raise NothingToCompare(f"no plan can be made: {why[id(every[0])]}", hint=_HINT)
        raise UsageError(f"no plan can be made: {_word(rare)}: {rare.rare}", why=_RARE, hint="a larger pilot, or --of error")
    if len(fit) < len(every):
        left = [f"{_word(pilot)}: {why[id(pilot)]}" for pilot in every if why[id(pilot)]]
        more = f"; and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        notices.append(Notice("not-planned", "; ".join(left[:_SHOWN]) + more))
    return fit, asked.method, notices, asked.samples.source


_HINT = "ask 50 questions, in four contexts with two samples each; or --guess-incoherence 40% --guess-error 30%"
_RARE = "by so few errors nobody can tell which share of them repeats"
_SHOWN = 3


def _unfit(pilot: Pilot, goal: Goal) -> str:
    """Why a pilot tells nothing; empty where it does."""
    if pilot.questions < LEAST:
        return f"the pilot has {pilot.questions} questions with samples enough, and {LEAST} are the least"
    if not np.isfinite(pilot.parts.two[0][0]):
        return "no sample of the pilot was wrong, so there is no error that variance could be a share of"
    if pilot.rare:
        return pilot.rare
    if goal.fixed and not np.isfinite(pilot.parts.four[0]):
        unit = "contexts" if pilot.nested else "samples"
        return f"no question has four {unit}, from which alone it can be told what other {unit} of exactly these would change"
    return ""


def _word(pilot: Pilot) -> str:
    return " · ".join(safe(value) for value in pilot.name.values() if value) or "the pilot"


# ---------------------------------------------------------------------------------------------- what must be known


def _notices(pilots: Sequence[Pilot], points: pl.DataFrame, goal: Goal) -> Iterator[Notice]:
    few = [pilot for pilot in pilots if 0 < pilot.questions < _TRUST]
    if few:
        found = f"the pilot has {min(pilot.questions for pilot in few)} questions; below {_TRUST}, what they add is hardly known"
        yield Notice("few-pilot", found, "read questions_high, at the upper end of what the pilot allows")
    thin = [pilot for pilot in pilots if np.isnan(pilot.parts.four[0])]
    if thin:
        unit = "contexts" if thin[0].nested else "samples"
        found = f"no question of the pilot has four {unit}, so nothing is planned with more {unit} than it has"
        yield Notice("few-pilot-contexts", found, f"four {unit} of each question tell of any number")
    crossed = min((pilot.contexts for pilot in pilots if pilot.crossed), default=_CONTEXTS)
    if crossed < _CONTEXTS:
        found = f"all questions share {crossed} contexts; below {_CONTEXTS}, what these have in common is hardly known"
        yield Notice("few-shared-contexts", found, "a pilot with more contexts; or contexts of its own for each question")
    if any(pilot.shared > 0 for pilot in pilots):
        found = "all questions share their contexts; what these have in common does not shrink with the number of questions"
        yield Notice(
            "shared-in-pilot", found, "more contexts; or contexts of its own for each question, as hotmess collect draws them"
        )
    best = points.filter(pl.col("rank") == 1)
    if best.filter(pl.col("contexts").is_not_null() & (pl.col("samples_each") == 1)).height:
        found = "one sample in each context does not tell what the context changes from what sampling changes"
        yield Notice("no-split", found, "for that, a second sample in a tenth of the contexts")
    if best.height < len(pilots):
        found = f"no design within the limits reaches ± {goal.half_width:g} in {len(pilots) - best.height} of {len(pilots)} rows"
        yield Notice("out-of-reach", found, "a larger half-width, or higher limits; the column `fails` says what can be had")
    if not goal.prices.known:
        yield Notice("no-price", "no price is given, so the cheapest is what needs the fewest samples", "--price IN,OUT")
    yield Notice("stopping", _STOPPING)


def _misfits(pilots: Sequence[Pilot], tests: pl.DataFrame) -> Iterator[Notice]:
    """Where the interval of the pilot is much wider than the one that the plan predicts for it."""
    asked = [pilot for pilot in pilots if pilot.now is not None]
    known = [tests.filter(pl.col("what") == f"half-width, {how}")["value"] for how in ("measured", "predicted")]
    rows = [row for row in zip(asked, *known, strict=True) if row[1] is not None and row[1] > _MISFIT * row[2]]
    if rows:
        each = [f"{_word(pilot)}: ± {measured:.3g} measured, ± {said:.3g} predicted" for pilot, measured, said in rows]
        more = f"; and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
        hint = "a larger pilot; expect intervals to be wider than planned by as much"
        yield Notice("wider-than-predicted", "; ".join(each[:_SHOWN]) + more, hint)


_STOPPING = (
    "to stop early: questions in random order, from 40 on, until the interval is narrow enough; or, of exactly these questions, "
    "whole rounds, one sample more of each (hotmess collect --until-width); "
    "never may a question's own answers decide its number of samples"
)
