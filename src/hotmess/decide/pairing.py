"""Who is compared with whom: pairs of arms that answered the same questions.

Two models that answered the same questions share what is hard about them. A pair keeps the questions that both answered, in one
order, and counts the others; nothing is compared across different questions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hotmess.decide.arms import Arm, subset
from hotmess.errors import NothingSelected, NothingToCompare, UsageError, safe

__all__ = ["Pair", "named_apart", "paired", "pairs_of"]

_FEW = 2  # shared questions, below which nothing can be left out
_SHOWN = 3  # names in a message


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two arms, brought to the questions that both answered.

    Attributes:
        first: what is compared with.
        second: what is compared; differences are second - first.
        only_first: the questions that only the first one answered (often enough).
        only_second: those that only the second one answered.
        other: how many shared questions have another target in one arm, and are left out.
    """

    first: Arm
    second: Arm
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    other: int = 0


def pairs_of(arms: Sequence[Arm], runs: Sequence[str] = (), against: str | None = None) -> list[tuple[Arm, Arm]]:
    """Which arms are compared.

    Of two runs, each arm with the same model and setting of the other run; where none is the same, every arm with the only one of
    the other run. Of one run, models with each other that were asked in the same way, and settings of one model with each other;
    an arm that differs from all others in more than one thing, with all. Tasks are never compared with one another.

    Args:
        arms: those of all tasks.
        runs: the names of two runs, the first one first.
        against: a model (or setting) with which all others are compared.

    Raises:
        UsageError: `against` was given for two runs.
        NothingSelected: there is no such model or setting.
        NothingToCompare: no pair can be made.
    """
    tasks = list(dict.fromkeys(arm.group.get("task") for arm in arms))
    each = [[arm for arm in arms if arm.group.get("task") == task] for task in tasks]
    pairs = [pair for own in each for pair in (_of_runs(own, runs) if runs else _of_arms(own))]
    if against is not None:
        if runs:
            raise UsageError(
                "`against` is for one table: of two runs, each model stands beside itself", hint="leave one of the two out"
            )
        if not any(against in _words(arm) for arm in arms):
            there = ", ".join(sorted({safe(word) for arm in arms for word in _words(arm) if word}))
            raise NothingSelected(f"no model or setting is called `{safe(against)}`", hint=f"--against one of: {there}")
        turned = [(two, one) if against in _words(two) else (one, two) for one, two in pairs]
        pairs = [(one, two) for one, two in turned if against in _words(one) and against not in _words(two)]
    if not pairs:
        raise _nothing(arms, runs)
    return pairs


def _words(arm: Arm) -> set[str]:
    return {str(arm.group[name]) for name in ("model", "setting") if arm.group.get(name) is not None}


def _of_runs(arms: list[Arm], runs: Sequence[str]) -> Iterator[tuple[Arm, Arm]]:
    old, new = ([arm for arm in arms if arm.run == run] for run in runs)
    same = [(one, two) for one in old for two in new if one.key == two.key]
    if same or min(len(old), len(new)) != 1:
        return iter(same)
    return ((one, two) for one in old for two in new)


def _of_arms(arms: list[Arm]) -> list[tuple[Arm, Arm]]:
    every = list(combinations(arms, 2))
    close = [(one, two) for one, two in every if sum(a != b for a, b in zip(one.key, two.key, strict=True)) == 1]
    near = {id(arm) for pair in close for arm in pair}
    return [pair for pair in every if pair in close or not all(id(arm) in near for arm in pair)]


def _nothing(arms: Sequence[Arm], runs: Sequence[str]) -> NothingToCompare:
    if not runs:
        return NothingToCompare(
            f"{len(arms)} model(s) and setting(s) were measured, none twice in one task",
            why="a difference needs two models, or two runs, on the same questions",
            hint="hotmess compare OLD NEW; hotmess check shows what is there",
        )
    named = {run: sorted({" ".join(safe(str(part)) for part in (arm.group.get("task"), *arm.key) if part)
                          for arm in arms if arm.run == run})[:_SHOWN] for run in runs}  # fmt: skip
    found = "; ".join(f"{safe(run)} has {', '.join(names) or 'nothing that can be measured'}" for run, names in named.items())
    return NothingToCompare(
        f"no task, model and setting is in both runs: {found}",
        why="only what was asked the same questions can be compared",
        hint="--task T and --model M keep one of each",
    )


def paired(first: Arm, second: Arm) -> Pair:
    """Two arms on the questions that both have, with the same target, in the order of the first.

    Raises:
        NothingToCompare: they share fewer than two.
    """
    place = {name: at for at, name in enumerate(second.questions)}
    both = [(one, place[name]) for one, name in enumerate(first.questions) if name in place]
    at = [(one, two) for one, two in both if _same_target(first, one, second, two)]
    known = set(first.questions)
    lost = (
        tuple(name for name in first.questions if name not in place),
        tuple(name for name in second.questions if name not in known),
    )
    if len(at) < _FEW:
        raise _too_few(first, second, lost, len(both), len(at))
    places = np.array(at)
    return Pair(subset(first, places[:, 0]), subset(second, places[:, 1]), *lost, other=len(both) - len(at))


def _same_target(first: Arm, one: int, second: Arm, two: int) -> bool:
    """Whether nothing says that a question has two targets."""
    if first.targets is None or second.targets is None:
        return True
    here, there = first.targets[one], second.targets[two]
    return here is None or there is None or here == there


def _too_few(first: Arm, second: Arm, lost: tuple[tuple[str, ...], tuple[str, ...]], both: int, alike: int) -> NothingToCompare:
    if both > alike:
        return NothingToCompare(
            f"{both:,} questions are in both, and {both - alike:,} of them have another target in the second",
            why="these are other questions under the same ids, or the key was mended between the runs",
            hint="look at the target of one of them in both",
        )
    shown = [", ".join(safe(name) for name in names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "") for names in lost]
    return NothingToCompare(
        f"{alike} questions are in both: the first has {len(first.questions):,} ({shown[0]}), "
        f"the second {len(second.questions):,} ({shown[1]})",
        why="only the same questions can be compared",
        hint="check that question_id means the same in both; --columns question_id=NAME",
    )


def named_apart(first: Arm, second: Arm) -> tuple[str, str]:
    """What to call two arms: by what tells them apart, or by all there is."""
    return _beside(first, second) or "first", _beside(second, first) or "second"


def _beside(arm: Arm, other: Arm) -> str:
    """What an arm has that the other has not: its run, its model, and those parts of its setting."""
    own, theirs = (str(one.group.get("setting") or "").split(";") for one in (arm, other))
    words = [arm.run] if arm.run else []
    words += [str(arm.group.get("model"))] if arm.group.get("model") != other.group.get("model") else []
    words += [";".join(part for part in own if part not in theirs) or "-"] if own != theirs else []
    return " · ".join(words)
