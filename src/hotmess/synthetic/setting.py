"""What is asked: a quadratic problem, the course of training, the rollouts, and the presets that choose them all.

The paper states dimension, condition number, step norm, numbers of trajectories and steps, digits, batch and optimizer.
What it does not state is in `ASSUMED`, and printed with whatever is made of it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from math import floor, isfinite, log10
from typing import Any

from hotmess.errors import UsageError, one_of

__all__ = ["ASSUMED", "PRESETS", "Course", "Preset", "Problem", "Rollouts", "Size", "preset"]

_DIGITS = 5  # after the comma, at most
VERSION = 1  # of the tokens, the weights and the folder: what was made by another one is not gone on with

ASSUMED = (
    "eigenvalues: evenly spaced in their logarithms between 1 and the condition number, in a random basis",
    "starts: uniform in a ball around the minimum; its radius is ours, as is where the minimum lies",
    "tokens: an exponent has tokens of its own; numbers below 1e-9 lose digits, numbers from 10 up are cut off",
    "transformer: causal, pre-norm, learned positions, exact GELU, no biases, one matrix for both ends",
    "AdamW: betas 0.9 and 0.98, weight decay 0.01; rate 6e-3 * min(1, sqrt(32 / width)), up over 5 %, then down to 0 in a line",
    "loss: of the tokens of the step, not of those of the state",
    "replicates: jittered starts; the paper's words fit all starts of one task as well, which are measured beside",
)


def _refuse(found: str, why: str = "", hint: str = "") -> None:
    raise UsageError(found, why=why, hint=hint)


@dataclass(frozen=True, slots=True)
class Problem:
    """A quadratic function f(x) = (x - b)' A (x - b) / 2, and the steepest descent on it, written in tokens.

    Attributes:
        dimension: of x.
        condition: the largest eigenvalue of A; the smallest is 1.
        radius: of the ball around b in which descents start.
        spread: b is drawn from [-spread, spread] in each coordinate.
        step_norm: Euclidean length of every step of the expert.
        digits: of a number, after the comma.
        problem: the seed of A and b.
    """

    dimension: int = 4
    condition: float = 50.0
    radius: float = 5.0
    spread: float = 1.0
    step_norm: float = 0.005
    digits: int = 4
    problem: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no descent, or what tokens cannot say."""
        lengths = {"condition number": self.condition, "radius": self.radius, "spread": self.spread, "step norm": self.step_norm}
        for name, length in lengths.items():
            if not isfinite(length):
                _refuse(f"{name} {length}", "only numbers that have an end can be computed with", "-T condition=50")
        if self.dimension < 1:
            _refuse(f"dimension {self.dimension}", "there is nothing to descend", "-T dimension=4")
        if not self.condition >= 1:
            why = "it is the largest eigenvalue by the smallest, so that 1 is the least"
            _refuse(f"condition number {self.condition:g}", why, "-T condition=50")
        if self.problem < 0 or self.spread < 0 or not self.radius > 0 or not self.step_norm > 0:
            _refuse(
                f"radius {self.radius:g}, spread {self.spread:g}, step norm {self.step_norm:g}, seed {self.problem}",
                "lengths are above 0, and spread and seed not below",
                "-T radius=5 -T step_norm=0.005",
            )
        if not 0 <= self.digits <= _DIGITS:
            _refuse(f"{self.digits} digits after the comma", "single precision holds six digits in all", "-T digits=4")
        self._holds()

    def _holds(self) -> None:
        """Refuse tokens that cannot say where a descent is, or what its steps are."""
        largest = self.radius + self.spread
        if largest >= 10:
            _refuse(
                f"starts reach {largest:g} from 0 (radius {self.radius:g}, spread {self.spread:g})",
                "an exponent from 0 to 9 says numbers below 10",
                "-T radius=5 -T spread=1",
            )
        apart = 10.0 ** (floor(log10(largest)) - self.digits)
        if apart > self.step_norm:
            enough = self.digits + floor(log10(apart / self.step_norm) - 1e-9) + 1
            _refuse(
                f"{self.digits} digits after the comma tell numbers near {largest:.3g} apart by {apart:g}, and a step of norm "
                f"{self.step_norm:g} is less",
                "the model could not see that a step was taken",
                f"-T digits={enough}, or -T step_norm={apart:g}" if enough <= _DIGITS else f"-T step_norm={apart:g}",
            )
        if not 1e-7 <= self.step_norm < 10:
            _refuse(f"a step norm of {self.step_norm:g}", "tokens say numbers from 1e-9 to below 10", "-T step_norm=0.005")


@dataclass(frozen=True, slots=True)
class Course:
    """How a model is taught: teacher forcing on steps of the expert.

    Attributes:
        trajectories: descents of the expert, from different starts.
        horizon: steps of each.
        held_out: the share of trajectories that is never taught.
        batch: steps of the expert in one update.
        updates: of the weights.
        rate: the highest learning rate at width 32 and below; beyond, it falls with the square root of the width. It is
            reached on a line over the first 5 % of the updates, and left on a line to 0.
    """

    trajectories: int = 20_000
    horizon: int = 4096
    held_out: float = 0.1
    batch: int = 1024
    updates: int = 65_000
    rate: float = 6e-3

    def __post_init__(self) -> None:
        """Refuse what teaches nothing."""
        if min(self.trajectories, self.horizon, self.batch, self.updates) < 1 or not 0 < self.rate < float("inf"):
            _refuse("trajectories, horizon, batch, updates and rate must be above 0")
        if not 0 < self.held_out < 1 or not 1 <= round(self.held_out * self.trajectories) < self.trajectories:
            _refuse(
                f"{self.held_out:g} of {self.trajectories} trajectories held out",
                "one at least is needed to teach, and one to test",
                "-T held_out=0.1",
            )


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What a model is led to do. Three sorts of rollouts, each beside the expert's from the same start.

    Attributes:
        steps: of the optimizer, in every rollout.
        points: at how many of these steps the state is kept, evenly spread.
        groups: tasks of jittered starts: each is a point and
        jittered: starts about it, within one step norm of each other.
        starts: all over the ball, one rollout each.
        sampled: starts from which as many rollouts as `jittered` are decoded at the
        temperature: instead of greedily.
    """

    steps: int = 2048
    points: int = 128
    groups: int = 256
    jittered: int = 8
    starts: int = 4096
    sampled: int = 32
    temperature: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be split."""
        if not 1 <= self.points <= self.steps or self.steps % self.points:
            _refuse(f"{self.points} points of {self.steps} steps", "they are to be spread evenly", "-T points=64")
        if self.groups < 2 or self.jittered < 2:
            _refuse(
                f"{self.groups} groups of {self.jittered} jittered starts",
                "two starts at least tell a variance, and two groups an interval",
                "-T groups=32 -T jittered=16",
            )
        if self.starts < 2 or self.sampled < 0 or self.sampled == 1:
            _refuse(
                f"{self.starts} starts, {self.sampled} sampled ones", "two are needed; no sampled ones are none", "-T sampled=0"
            )
        if not 0 < self.temperature < float("inf"):
            _refuse(f"temperature {self.temperature:g}", "at 0 nothing is sampled", "-T temperature=0.5")


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a transformer, written 4x32: layers by width."""

    layers: int
    width: int

    @classmethod
    def of(cls, text: str) -> "Size":
        """Parse 4x32.

        Raises:
            UsageError: it is no such shape.
        """
        layers, _, width = text.strip().partition("x")
        if not (layers.isdecimal() and width.isdecimal() and int(layers) and int(width)):
            _refuse(f"`{text}` is no size", "a size is layers by width", "-T sizes=2x16,2x32")
        size = cls(int(layers), int(width))
        if size.width % size.head:
            _refuse(f"a width of {width}", "heads are 16 wide, or 32 from a width of 256 up", "-T sizes=2x16,2x32")
        return size

    @property
    def head(self) -> int:
        """How wide a head of attention is."""
        return 32 if self.width >= 256 else 16

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.width // self.head

    def parameters(self, problem: Problem) -> int:
        """How many weights a transformer of this size has."""
        places = 2 * problem.dimension * (problem.digits + 3)
        return 12 * self.layers * self.width**2 + (places + 22 + 2 * self.layers + 1) * self.width

    def __str__(self) -> str:
        """Return layers x width."""
        return f"{self.layers}x{self.width}"


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything that decides what comes out, but for the machine.

    Attributes:
        name: of the preset that it started as.
        sizes: of the models, smallest first.
        seeds: trainings of each size, with other weights and batches on the same problem.
    """

    name: str
    sizes: tuple[Size, ...]
    seeds: int = 1
    problem: Problem = field(default_factory=Problem)
    course: Course = field(default_factory=Course)
    rollouts: Rollouts = field(default_factory=Rollouts)

    def __post_init__(self) -> None:
        """Refuse what trains nothing, or the same twice."""
        if not self.sizes or len(set(self.sizes)) < len(self.sizes) or self.seeds < 1:
            _refuse(f"{len(self.sizes)} sizes, {self.seeds} seeds", "one of each at least, and no size twice", "-T seeds=3")

    def changed(self, given: Mapping[str, Any]) -> "Preset":
        """The preset with other values, by their names.

        Raises:
            UsageError: there is no such name, or it cannot have this value.
        """
        places = {one.name: part for part in ("problem", "course", "rollouts") for one in fields(getattr(self, part))}
        changed = self
        parts: dict[str, dict[str, Any]] = {}
        for name, value in given.items():
            one_of("-T", name, ("sizes", "seeds", *places))
            if name == "sizes":
                changed = replace(changed, sizes=tuple(sorted(map(Size.of, str(value).split(",")), key=_scale)))
            elif name == "seeds":
                changed = replace(changed, seeds=_number(name, value, 1))
            else:
                part = places[name]
                parts.setdefault(part, {})[name] = _number(name, value, getattr(getattr(self, part), name))
        return replace(changed, **{part: replace(getattr(self, part), **values) for part, values in parts.items()})

    def as_json(self) -> dict[str, Any]:
        """What is written into the folder, and must be the same to go on."""
        return {"version": VERSION, **json.loads(json.dumps(asdict(self))), "sizes": [str(size) for size in self.sizes]}

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> "Preset":
        """The preset that was written."""
        return cls(
            read["name"],
            tuple(Size.of(size) for size in read["sizes"]),
            read["seeds"],
            Problem(**read["problem"]),
            Course(**read["course"]),
            Rollouts(**read["rollouts"]),
        )


def _scale(size: Size) -> int:
    return size.layers * size.width**2


def _number(name: str, value: Any, like: float) -> Any:
    """The value as a number of the kind that stands there."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number) or (isinstance(like, int) and number != int(number)):
        _refuse(f"`-T {name}={value}`", f"{name} is a {'whole ' if isinstance(like, int) else ''}number", f"-T {name}={like}")
    return int(number) if isinstance(like, int) else number


def _sizes(text: str) -> tuple[Size, ...]:
    return tuple(map(Size.of, text.split()))


PRESETS = {
    "quick": Preset(
        "quick",
        _sizes("1x16 2x16 2x32"),
        seeds=3,
        problem=Problem(dimension=2, radius=0.85, spread=0.1, digits=2),
        course=Course(trajectories=4000, horizon=256, batch=128, updates=1600),
        rollouts=Rollouts(steps=256, points=64, groups=64, jittered=4, starts=96, sampled=0),
    ),
    "middle": Preset(
        "middle",
        _sizes("1x16 2x16 2x32 2x64 4x64"),
        seeds=4,
        problem=Problem(dimension=2, radius=0.85, spread=0.1, digits=2),
        course=Course(trajectories=4000, horizon=256, batch=128, updates=3200),
        rollouts=Rollouts(steps=256, points=128, groups=128, jittered=8, starts=512, sampled=16),
    ),
    "paper": Preset("paper", _sizes("4x32 4x64 4x96 4x128 6x128 6x256")),
}


def preset(name: str, given: Mapping[str, Any] | None = None) -> Preset:
    """A preset by its name, with other values where some are given.

    Raises:
        UsageError: there is no such preset or value.
    """
    return PRESETS[one_of("preset", name, tuple(PRESETS))].changed(given or {})
