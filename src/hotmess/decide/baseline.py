"""A baseline: the terms of every question of a run, small enough to be committed, so that a later run can be paired with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hotmess.decide.arms import Arm
from hotmess.errors import LossMismatch, NotATable, OtherVersion
from hotmess.rows import Method

__all__ = ["Baseline", "is_baseline"]

_VERSION = 1
_MADE = ("loss", "estimator", "invalid", "label", "delta")  # in which two runs must agree


@dataclass(frozen=True, slots=True)
class Baseline:
    """Arms that were kept, and how their terms were made."""

    arms: tuple[Arm, ...]
    made: dict[str, Any]
    source: str

    @classmethod
    def of(cls, arms: Sequence[Arm], method: Method, source: str) -> "Baseline":
        """What is to be kept of a run."""
        kept = tuple(replace(arm, run="", left=None, clusters=None) for arm in arms)  # names of contexts mean nothing elsewhere
        return cls(kept, {name: getattr(method, name) for name in _MADE}, source)

    def to_json(self) -> str:
        """As text, a line for each question, so that a change shows in a few lines."""
        head = {"hotmess_baseline": _VERSION, "source": self.source, **self.made}
        parts = [json.dumps(head, ensure_ascii=False)[1:-1]]
        arms = ",\n".join(_written(arm) for arm in self.arms)
        return "{" + parts[0] + ', "arms": [\n' + arms + "\n]}\n"

    @classmethod
    def read(cls, path: Path) -> "Baseline":
        """Read one that was kept.

        Raises:
            OtherVersion: another hotmess made it.
            NotATable: it is damaged.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            version = found["hotmess_baseline"]
            if version != _VERSION:
                raise OtherVersion(
                    f"`{path}` is a baseline of version {version}; this hotmess reads version {_VERSION}",
                    hint="make it again: hotmess gate LOGS --save-baseline FILE",
                )
            arms = tuple(_arm(one) for one in found["arms"])
            return cls(arms, {name: found[name] for name in _MADE}, str(found["source"]))
        except (ValueError, KeyError, TypeError) as problem:
            raise NotATable(
                f"`{path}` is a damaged baseline: {type(problem).__name__} {problem}",
                hint="make it again: hotmess gate LOGS --save-baseline FILE",
            ) from problem

    def fits(self, method: Method) -> None:
        """Refuse to compare terms that were made in another way.

        Raises:
            LossMismatch: with what differs.
        """
        other = [name for name in _MADE if self.made[name] != getattr(method, name)]
        if other:
            shown = "; ".join(f"{name}: {self.made[name]} in the baseline, {getattr(method, name)} now" for name in other)
            raise LossMismatch(f"the baseline was measured in another way: {shown}", hint="the same options for both")


def is_baseline(path: Path) -> bool:
    """Whether a file is one, from its first bytes."""
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as stream:
        return b'"hotmess_baseline"' in stream.read(40)


def _written(arm: Arm) -> str:
    noise = np.full((3, len(arm.questions)), np.nan) if arm.noise is None else arm.noise
    targets = arm.targets or (None,) * len(arm.questions)
    columns = (arm.questions, targets, arm.samples, arm.error, arm.variance, *noise)
    rows = [[*row[:2], int(row[2]), *(_plain(value) for value in row[3:])] for row in zip(*columns, strict=True)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    columns_ = ["question", "target", "samples", "error", "variance", "noise_variance", "noise_error", "noise_both"]
    head = json.dumps({"group": dict(arm.group), "columns": columns_}, ensure_ascii=False, default=str)[:-1]
    return f'{head}, "questions": [\n{lines}\n]}}'


def _plain(value: float) -> float | None:
    """In full: a run beside its own baseline must not differ."""
    return None if np.isnan(value) else float(value)


def _arm(found: dict[str, Any]) -> Arm:
    rows = found["questions"]
    numbers = np.array([[np.nan if value is None else float(value) for value in row[2:]] for row in rows]).reshape(-1, 6).T
    samples, error, variance = numbers[:3]
    noise = None if np.isnan(numbers[3:]).all() else numbers[3:]
    names = tuple(str(row[0]) for row in rows)
    if len(set(names)) != len(names) or not np.isfinite(numbers[:3]).all():
        raise ValueError("a question is there twice, or has no figures")
    targets = tuple(None if row[1] is None else str(row[1]) for row in rows)
    return Arm(found["group"], "", names, samples, error, variance, noise, targets=targets)
