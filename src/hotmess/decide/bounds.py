"""Intervals that a decision may rest on: where the questions seen are all alike, or nearly, they do not promise that all are.

An interval that is made of the spread of what was seen is too narrow where rare, large errors have not been seen yet. So one more
question is added, the worst that the loss allows: it costs little where there are many questions, and keeps a gate from passing
what a handful of perfect answers show. A run with a slip is then never better off than one without.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import stdtrit

from hotmess.asked import Asked
from hotmess.decide.arms import Arm
from hotmess.decide.differences import TERMS, Figure, difference
from hotmess.decide.limits import MOST
from hotmess.decide.pairing import Pair
from hotmess.figures import row_of
from hotmess.groups import Group
from hotmess.infer import Effect, Interval, mean_interval
from hotmess.infer.sequences import apart_sequence, mean_sequence, ratio_sequence
from hotmess.rows import Method

__all__ = ["of_figure", "of_rise"]

_NOTHING = 1e-9  # of the largest error: a spread below it is rounding


def of_figure(asked: Asked, arm: Arm, group: Group, figure: Figure, peeking: int | None) -> Interval:
    """The interval of a figure of one model; NaN or infinite where none can be had.

    Args:
        asked: the terms, and the level.
        arm: the model.
        group: its questions.
        figure: which.
        peeking: after how many questions one expects to decide, if someone looks at every one.
    """
    level = asked.method.level
    if figure == "incoherence":
        if peeking:
            return ratio_sequence(arm.variance, arm.error, expected=peeking, level=level)
        return row_of(asked, group).incoherence
    terms = TERMS[figure](arm)
    found: Any = mean_sequence(terms, expected=peeking, level=level) if peeking else getattr(row_of(asked, group), figure)
    return _guarded(found, terms, _worst(figure, asked.method), arm, asked.method, peeking)


def of_rise(pair: Pair, figure: Figure, method: Method, peeking: int | None) -> Interval:
    """The interval of how far a figure rose; NaN or infinite where none can be had.

    Args:
        pair: the baseline and the run.
        figure: which.
        method: how it is measured, and the level.
        peeking: see `of_figure`.
    """
    first, second = pair.first, pair.second
    found: Effect | Interval
    if peeking and figure == "incoherence":
        terms = (second.variance, second.error, first.variance, first.error)
        found = apart_sequence(*terms, expected=peeking, level=method.level)
    elif peeking:
        found = mean_sequence(TERMS[figure](second) - TERMS[figure](first), expected=peeking, level=method.level)
    else:
        found = difference(pair, figure, method).effect
    whole = Interval(found.value, found.low, found.high, method.level)
    if figure == "incoherence":
        return whole
    return _guarded(whole, TERMS[figure](second) - TERMS[figure](first), _worst(figure, method), second, method, peeking)


def _worst(figure: Figure, method: Method) -> float:
    """The largest term that a question can have; infinite where there is none."""
    most = MOST.get(method.loss, np.inf)
    return min(1.0, most) if figure == "variance" else most


def _guarded(
    found: Interval, terms: Float[ndarray, " question"], worst: float, arm: Arm, method: Method, peeking: int | None
) -> Interval:
    """The interval, its upper end no lower than with one question more, the worst; both ends, where all questions are alike."""
    if not np.isfinite(worst):
        return found
    alike = bool(len(terms)) and float(np.ptp(terms)) <= _NOTHING * worst
    if not alike and np.isnan(found.high):
        return found  # something else is wrong, such as a single cluster
    high = _with(terms, worst, arm, method, peeking)
    low = 2 * found.value - high if alike else found.low
    return Interval(found.value, low, max(high, found.high) if np.isfinite(found.high) else high, method.level)


def _with(terms: Float[ndarray, " question"], worst: float, arm: Arm, method: Method, peeking: int | None) -> float:
    """The upper end with one question more; for exactly these questions, with as few bad samples as none of so many tells."""
    if method.about == "benchmark":
        samples = float(arm.samples.sum())
        square = float(stdtrit(samples - 1, 0.5 + method.level / 2)) ** 2
        return float(terms.mean() + worst * square / (samples + square))  # Wilson's end of a share that none of so many has
    more = np.append(terms, worst)
    if peeking:
        return mean_sequence(more, expected=peeking, level=method.level).high
    clusters = None if arm.clusters is None else np.array([*arm.clusters, "\x1fone more"])
    return mean_interval(more, level=method.level, clusters=clusters).high
