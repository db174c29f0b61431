"""How rollouts depart from where they should be: error = bias² + variance in the A-norm, along the steps.

With X[t, g, r] the state at step t of task g and replicate r, and |e|² = e' A e::

    error = mean_r |X - y|²        bias² = |mean_r X - y|² - variance / R        variance = sum_r |X - mean_r X|² / (R - 1)

They are the squared family of `hotmess.decompose`, in coordinates in which A is 1. The incoherence of a step is the sum of the
variance over tasks by the sum of the error (the paper's equation 2).

There are two targets y. The optimum is the paper's. Against it, whatever converges and then jitters becomes incoherent, and so
does the exact expert: its own curve is drawn beside every other. The other target is the expert's state, from the same start
after as many steps. Some error is left to every model then, since it sees and writes rounded numbers, and near the minimum two
descents that differ by little go apart; so the expert is led through tokens too, and that is the curve beside.

There are five sorts of replicates:

    jittered   starts within one step norm of each other: the same task, as everywhere else in the paper. The default
    seeds      the same start, models of other training seeds. The classical one
    starts     all starts as one task: the paper's words. Around the minimum they cancel, so that there is no bias to begin with
    orthant    those starts that lie on one side of the minimum in all coordinates
    sampled    the same start, decoded at a temperature. One exponent that is drawn badly moves a state by a hundred steps
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from hotmess.blocks import Block
from hotmess.decompose import squared
from hotmess.synthetic.setting import Preset

__all__ = ["Along", "Led", "along", "by_sort", "norms", "over_seeds", "stuck"]

States = Float[ndarray, "point task replicate dim"]

_FAR = 10.0**2  # ten times as far as it should be, squared: stuck


@dataclass(frozen=True, slots=True)
class Along:
    """Error and variance of each task at each point; what is left of the error is bias²."""

    error: Float[ndarray, "point task"]
    variance: Float[ndarray, "point task"]

    @property
    def bias(self) -> Float[ndarray, "point task"]:
        """The part that repeats; unbiased, so that it may fall below 0 for a task."""
        return self.error - self.variance

    def end(self) -> "Along":
        """The mean over the last sixteenth of the points."""
        last = max(1, (len(self.error) - 1) // 16)
        return Along(*(values[-last:].mean(0, keepdims=True) for values in (self.error, self.variance)))


@dataclass(frozen=True, slots=True)
class Led:
    """Where a model, or the expert, led the starts, by the sort of replicates.

    Attributes:
        name: of its shape, such as 2x32; of the expert, that.
        seed: of its training; the expert has none.
        size: the number of its weights; the expert has none.
        held_out: its loss on each trajectory that was held out, in nats a token; the expert has none.
    """

    name: str
    seed: int | None
    size: int | None
    states: Mapping[str, States]
    held_out: Float[ndarray, " trajectory"]


def by_sort(states: Float[ndarray, "point start dim"], preset: Preset, minimum: Float[ndarray, " dim"]) -> dict[str, States]:
    """The rollouts of each sort but seeds; those of which too few starts are there, not at all."""
    asked, (points, _, dim) = preset.rollouts, states.shape
    near = asked.groups * asked.jittered
    alone = states[:, near : near + asked.starts]
    found = {
        "jittered": states[:, :near].reshape(points, asked.groups, asked.jittered, dim),
        "starts": alone[:, None],
        "orthant": alone[:, None, (alone[0] > minimum).all(1)],
        "sampled": states[:, near + asked.starts :].reshape(points, asked.sampled, asked.jittered, dim),
    }
    return {name: part for name, part in found.items() if part.shape[1] and part.shape[2] > 1}


def over_seeds(models: list[Led]) -> States:
    """The rollouts of several models of one size as replicates of each start."""
    return np.stack([model.states["starts"][:, 0] for model in models], axis=2)


def along(away: States, metric: Float[ndarray, "dim dim"]) -> Along:
    """Split what is between states and their target, for each point and task.

    Args:
        away: states less their target.
        metric: A.
    """
    points, tasks, replicates, dim = away.shape
    flat = (away @ np.linalg.cholesky(metric)).reshape(points * tasks, replicates, dim)
    count = len(flat)
    split = squared(
        Block(
            question=np.arange(count),
            cell=np.arange(count)[:, None],
            samples=np.full((count, 1), float(replicates)),
            total=flat.sum(1, keepdims=True),
            square=(flat * flat).sum((1, 2))[:, None],
            target=np.zeros((count, dim)),
            weight=np.ones((count, dim)),
            log=None,
            guesses=np.zeros((count, 1)),
            votes=False,
        )
    )
    return Along(split.error.reshape(points, tasks), split.variance.reshape(points, tasks))


def norms(away: Float[ndarray, "*n dim"], metric: Float[ndarray, "dim dim"]) -> Float[ndarray, "*n"]:
    """Squared A-norms."""
    return ((away @ metric) * away).sum(-1)


def stuck(error: Float[ndarray, " rollout"], expert: Float[ndarray, " rollout"], floor: float) -> Bool[ndarray, " rollout"]:
    """Which rollouts ended more than ten times as far from the optimum, in the A-norm, as the expert from the same start.

    Args:
        error: squared A-norm of each rollout at its end.
        expert: the same of the expert.
        floor: what one step can make of it; less than that is no distance.
    """
    return error > _FAR * np.maximum(expert, floor)
