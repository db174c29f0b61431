"""The same slope between arms and within them: what was asked for, beside what happened.

A model is asked in several ways (arms), and in each way its samples differ. With x the mean over questions of log length, and y a
ratio of sums over questions (incoherence) or a mean (accuracy)::

    between   b = sum_a (x_a - x) (y_a - y) / sum_a (x_a - x)^2              least squares over arms
    within    b = sum_a (y_a,long - y_a,short) (x_a,long - x_a,short) / sum_a (x_a,long - x_a,short)^2

the latter being least squares over halves with a level of its own for each arm. Both are functions of sums over questions, so
that one question at a time is left out of all arms and halves at once; the difference is paired.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.infer.effects import Effect, effect, left_out, sums_by_unit

__all__ = ["Slopes", "between_and_within"]

PerArm = Float[ndarray, "arm question"]
PerHalf = Float[ndarray, "arm half question"]
Clusters = Shaped[ndarray, " question"]

_NOTHING = 1e-12  # differences below are rounding


class Slopes(NamedTuple):
    """Slopes per unit of x, and how far they are apart."""

    between: Effect
    within: Effect
    apart: Effect


def between_and_within(
    top: tuple[PerArm, PerHalf],
    bottom: tuple[PerArm, PerHalf],
    x: tuple[PerArm, PerHalf],
    *,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Slopes:
    """Slope of sum top / sum bottom in mean x, jackknife over questions with Student's t.

    Args:
        top: variance (or accuracy) of each question in each arm; and in the shorter and the longer half of each arm, NaN where
            a question has no halves there.
        bottom: error (or one) of each question, likewise.
        x: log length of each question, likewise.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    arms = _between(top[0], bottom[0], x[0], clusters)
    some = np.isfinite(top[1] + bottom[1] + x[1]).any()
    halves = _within(top[1], bottom[1], x[1], clusters) if some else np.full(len(arms), np.nan)
    df = float(len(arms) - 2)
    found = (effect(float(each[0]), each[1:], df=df, level=level) for each in (arms, halves, arms - halves))
    return Slopes(*(each if np.isfinite(each.value) else Effect(np.nan, np.nan, np.nan, np.nan, level) for each in found))


def _between(top: PerArm, bottom: PerArm, x: PerArm, clusters: Clusters | None) -> Float[ndarray, " fit"]:
    y, x = _means(top, bottom, x, np.ones(x.shape), clusters)
    x, y = x - x.mean(0), y - y.mean(0)
    return _over((x * y).sum(0), (x**2).sum(0))


def _within(top: PerHalf, bottom: PerHalf, x: PerHalf, clusters: Clusters | None) -> Float[ndarray, " fit"]:
    known = np.isfinite(top + bottom + x).all(1, keepdims=True)
    used = known.any(2)[:, 0]
    parts = [np.where(known, part, 0.0)[used] for part in (top, bottom, x, np.ones(top.shape))]
    arms, halves, questions = parts[0].shape
    top, bottom, x, count = (part.reshape(arms * halves, questions) for part in parts)
    y, place = _means(top, bottom, x, count, clusters)
    y, place = y.reshape(arms, halves, -1), place.reshape(arms, halves, -1)
    x_apart, y_apart = place[:, 1] - place[:, 0], y[:, 1] - y[:, 0]
    return _over((x_apart * y_apart).sum(0), (x_apart**2).sum(0))


def _means(
    top: PerArm, bottom: PerArm, x: PerArm, count: PerArm, clusters: Clusters | None
) -> tuple[Float[ndarray, "arm fit"], Float[ndarray, "arm fit"]]:
    """The ratio of sums, and the mean of x, in each arm: of all questions, then without one (cluster) each."""
    rows = np.stack([top, bottom, x, count])
    units = sums_by_unit(rows.reshape(-1, top.shape[1]), clusters)
    both = np.concatenate([units.sum(1, keepdims=True), left_out(units)], axis=1).reshape(4, len(top), -1)
    return _over(both[0], both[1]), _over(both[2], both[3])


def _over(a: Float[ndarray, "*n"], b: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    known = np.abs(b) > _NOTHING
    return np.where(known, a, np.nan) / np.where(known, b, 1.0)
