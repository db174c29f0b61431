"""A gate: is a run within its limits, beyond them, or can nobody tell yet?

A figure passes where its whole interval lies within its limit, fails where the whole lies beyond, and is unsure between: with few
samples, two verdicts would be a lie. The gate passes where everything passes. It fails where anything fails; since one of many
would do so by chance, failing takes the interval at the level that holds for all of them together (Bonferroni), so that a gate
whose every figure is within its limit fails wrongly in at most 2.5 % of runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from hotmess.analyses.points import additive, frame
from hotmess.asked import Asked, Rules, ask
from hotmess.decide.arms import Arm, arms_of, two_runs
from hotmess.decide.baseline import Baseline
from hotmess.decide.compare import DRAWS, RUNS, Compared, Comparison, compared
from hotmess.decide.decided import Decided, Outcome, alone, missing, together
from hotmess.decide.limits import Limit, Limits
from hotmess.decide.turned import turned
from hotmess.errors import Notice, UsageError, safe
from hotmess.groups import Group
from hotmess.measure import measurement
from hotmess.measurement import Measurement, as_json, how_made
from hotmess.prepare import prepare
from hotmess.rows import Method
from hotmess.samples import Samples
from hotmess.show import as_text, made
from hotmess.tabular import as_table

__all__ = ["Gate", "gate", "kept"]

_NAMED = 8  # questions on a line
_TURNED = ("messy", "systematic")


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate decided, and about what.

    Attributes:
        decided: each limit of each model.
        turned: questions that turned messy or systematic since the baseline: the question, and what it turned.
        method: how the figures were made.
        notices: what must be known about them.
        source: where the samples came from.
        interval: how the intervals were made.
    """

    decided: tuple[Decided, ...]
    turned: tuple[tuple[str, str], ...]
    method: Method
    notices: tuple[Notice, ...]
    source: str
    interval: str

    @property
    def outcome(self) -> Outcome:
        """Fail where anything fails; pass where everything passes."""
        each = {one.outcome for one in self.decided}
        return "fail" if "fail" in each else "unsure" if "unsure" in each else "pass"

    def table(self) -> pl.DataFrame:
        """A row for each limit of each model."""
        return frame(one.as_dict() for one in self.decided)

    def to_json(self) -> str:
        """One JSON object; the same samples give the same bytes."""
        figures: dict[str, Any] = {"outcome": self.outcome, "decided": self.table().to_dicts()}
        figures["turned"] = [{"question": question, "into": into} for question, into in self.turned]
        return as_json(figures | how_made(self.method) | {"interval": self.interval}, self.source, self.notices)

    def said(self) -> str:
        """What was decided, in a sentence."""
        counts = {name: sum(one.outcome == name for one in self.decided) for name in ("fail", "unsure", "pass")}
        words = {"fail": "beyond", "unsure": "unsure", "pass": "within"}
        parts = [f"{count} {words[name]}" for name, count in counts.items() if count]
        return f"{self.outcome.upper()}: of {len(self.decided)} limits {', '.join(parts)}"

    def show(self, width: int = 160) -> Any:
        """The table for a terminal, what was decided, and how the figures were made."""
        from rich.console import Group as Shown
        from rich.text import Text

        del width
        named = [[question for question, word in self.turned if word == into] for into in _TURNED]
        lines = [
            f"{len(names)} questions turned {into}: {' '.join(map(safe, names[:_NAMED]))}{' …' if len(names) > _NAMED else ''}"
            for into, names in zip(_TURNED, named, strict=True)
            if names
        ]
        colour = {"pass": "green", "fail": "bold red", "unsure": "yellow"}[self.outcome]
        told = [*(Text(line) for line in lines), Text(self.said(), style=colour)]
        return Shown(as_table(self.table()), *told, Text(made(self.method, self.source, [self.interval]), style="dim"))

    def __str__(self) -> str:
        """Return the table as the command line shows it, without colour."""
        return as_text(self.show())


def gate(
    samples: Samples | Any,
    limits: Limits,
    *,
    baseline: Samples | Baseline | Any | None = None,
    peeking: int | None = None,
    rules: Rules = Rules(),
    draws: int = DRAWS,
    seed: int = 0,
) -> Gate:
    """Hold a run to its limits.

    Args:
        samples: a sample table.
        limits: the most that each figure may be, or may have risen by.
        baseline: the run with which it is compared: its samples, or what was kept of it.
        peeking: if someone looks while questions still come in, in random order: after how many one expects to decide. Intervals
            then hold at every look.
        rules: how to measure. `about="benchmark"` is for exactly these questions, such as a suite that never changes.
        draws: how many deals test whether a question turned; 0 for none.
        seed: of the deals.

    Raises:
        UsageError: no limit is set, or one is about a rise and there is no baseline.
        NothingToCompare: the baseline shares no questions.
    """
    if peeking is not None and (rules.about == "benchmark" or rules.cluster):
        raise UsageError("who peeks sees questions come in one by one", hint="without --about benchmark and --cluster")
    now = samples if isinstance(samples, Samples) else prepare(samples)
    runs = ("baseline", "")
    if baseline is None or isinstance(baseline, Baseline):
        asked = additive(ask(now, rules))
    else:
        old = baseline if isinstance(baseline, Samples) else prepare(baseline)
        asked, runs = additive(ask(two_runs(old, now, RUNS, rules.pool), rules)), RUNS
    wanted = limits.each(asked.method.loss)
    if baseline is None and any(limit.increase for limit in wanted):
        raise UsageError(f"`{next(limit for limit in wanted if limit.increase)}` needs a baseline", hint="--baseline LOGS | FILE")
    measured = measurement(asked)
    every = arms_of(asked, measured.rows, runs, noise=True)
    arms = [(arm, group) for arm, group in every if arm.run != runs[0]]
    made = _beside(asked, measured, every, runs, baseline)
    level = 1 - (1 - rules.level) / max(1, _many(wanted, arms, made.pairs))
    found = [*_alone(asked, arms, wanted, level, peeking), *_together(asked, made, wanted, level, peeking)]
    changed = [word for one in made.pairs for word in _turned(asked, one, draws, seed)] if draws else []
    how = "; ".join(dict.fromkeys(one.how for one in found))
    return Gate(tuple(found), tuple(changed), asked.method, (*made.measured, *made.notices), now.source, how)


def kept(samples: Samples | Any, rules: Rules = Rules()) -> Baseline:
    """What a later run will be compared with: the terms of every question of this one."""
    now = samples if isinstance(samples, Samples) else prepare(samples)
    asked = additive(ask(now, rules))
    arms = [arm for arm, _ in arms_of(asked, measurement(asked).rows, noise=True)]
    return Baseline.of(arms, asked.method, now.source)


def _beside(
    asked: Asked, measured: Measurement, arms: Sequence[tuple[Arm, Group]], runs: tuple[str, str], baseline: Any
) -> Comparison:
    """Each arm beside its baseline, where there is one; and what must be known."""
    if baseline is None:
        return Comparison((), (), measured.notices)
    if isinstance(baseline, Baseline):
        baseline.fits(asked.method)
        return compared(asked, measured, arms, runs=runs, kept_arms=[replace(arm, run=runs[0]) for arm in baseline.arms])
    return compared(asked, measured, arms, runs=runs)


def _many(wanted: Sequence[Limit], arms: Sequence[Any], pairs: Sequence[Compared]) -> int:
    """How many decisions the gate takes."""
    return sum(len(pairs) if limit.increase else len(arms) for limit in wanted)


def _alone(
    asked: Asked, arms: Sequence[tuple[Arm, Group]], wanted: Sequence[Limit], level: float, peeking: int | None
) -> Iterator[Decided]:
    """The limits of what a run is by itself."""
    both = [replace(asked, method=replace(asked.method, level=one)) for one in (asked.method.level, level)]
    for arm, group in arms:
        for limit in (limit for limit in wanted if not limit.increase):
            yield alone(both, arm, group, limit, peeking)


def _together(asked: Asked, made: Comparison, wanted: Sequence[Limit], level: float, peeking: int | None) -> Iterator[Decided]:
    """The limits of how far it rose; what is in one run only cannot be told."""
    methods = [replace(asked.method, level=one) for one in (asked.method.level, level)]
    rises = [limit for limit in wanted if limit.increase]
    for one in made.pairs:
        nested = one.groups is not None and any(group.nested for group in one.groups)
        for limit in rises:
            yield together(methods, one.pair, limit, peeking, nested=nested)
    for arm in made.alone:
        yield from (missing(arm, limit) for limit in rises)


def _turned(asked: Asked, one: Compared, draws: int, seed: int) -> Iterator[tuple[str, str]]:
    """The questions of a pair that turned for the worse."""
    if one.groups is None:
        return
    found = turned(asked, *one.groups, set(one.pair.first.questions), draws=draws, seed=seed)
    yield from ((found.question[place], into) for place, into in found.named() if into in _TURNED)
