"""Intervals that hold at every look: asymptotic confidence sequences, for someone who decides while questions still come in.

An ordinary interval is right once, for a number of questions that was fixed in advance. Who looks after every batch and stops
when it suits is wrong far more often. A confidence sequence covers at all numbers of questions at once; where it is narrowest is
chosen in advance, and there it is some 1.5 times as wide. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences" (Annals of Statistics, 2024). Questions must come in random order.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.infer.intervals import Interval

__all__ = ["apart_sequence", "mean_sequence", "ratio_sequence", "sequence_factor", "tightness"]

PerQuestion = Float[ndarray, " question"]


def tightness(expected: int, *, level: float = 0.95) -> float:
    """The parameter rho² with which the sequence is narrowest at the number of questions where one expects to decide."""
    log = -2 * np.log(1 - level)
    return float((log + np.log(log + 1)) / expected)


def sequence_factor(questions: int, rho2: float, *, level: float = 0.95) -> float:
    """Half-width of the sequence after so many questions, in standard deviations of one question."""
    spread = questions * rho2 + 1
    return float(np.sqrt(2 * spread / (questions**2 * rho2) * np.log(np.sqrt(spread) / (1 - level))))


def mean_sequence(values: PerQuestion, *, expected: int, level: float = 0.95) -> Interval:
    """The sequence of a mean over questions, at the questions seen so far.

    Args:
        values: a term of each question, in the order in which they came.
        expected: after how many questions one expects to decide.
        level: the level of confidence, for all looks together.
    """
    mean = float(values.mean()) if len(values) else np.nan
    if len(values) < 2:
        return Interval(mean, np.nan, np.nan, level)
    half = sequence_factor(len(values), tightness(expected, level=level), level=level) * float(values.std(ddof=1))
    return Interval(mean, mean - half, mean + half, level)


def ratio_sequence(variance: PerQuestion, error: PerQuestion, *, expected: int, level: float = 0.95) -> Interval:
    """The sequence of sum V / sum E: all r for which the mean of V - r E is not told from 0; `statistics` 6.2 of the design.

    Its ends are infinite where the mean error is not told from 0.

    Args:
        variance: variance of each question.
        error: error of each question.
        expected: after how many questions one expects to decide.
        level: the level of confidence, for all looks together.
    """
    total = error.sum()
    if len(error) < 2 or total <= 0:
        return Interval(float(variance.sum() / total) if total > 0 else np.nan, np.nan, np.nan, level)
    square = sequence_factor(len(error), tightness(expected, level=level), level=level) ** 2
    ((of_v, both), (_, of_e)) = np.cov(variance, error)
    v, e = float(variance.mean()), float(error.mean())
    first, half, last = e * e - square * of_e, v * e - square * both, v * v - square * of_v
    root = half * half - first * last
    if first <= 0:
        return Interval(v / e, -np.inf, np.inf, level)
    apart = float(np.sqrt(max(root, 0.0)))
    return Interval(v / e, float((half - apart) / first), float((half + apart) / first), level)


def apart_sequence(
    variance_a: PerQuestion,
    error_a: PerQuestion,
    variance_b: PerQuestion,
    error_b: PerQuestion,
    *,
    expected: int,
    level: float = 0.95,
) -> Interval:
    """The sequence of R_a - R_b over the same questions, by the influence of each question on it."""
    ratios = [float(v.sum() / e.sum()) if e.sum() > 0 else np.nan for v, e in ((variance_a, error_a), (variance_b, error_b))]
    value = ratios[0] - ratios[1]
    if np.isnan(value):
        return Interval(value, np.nan, np.nan, level)
    influence = (variance_a - ratios[0] * error_a) / error_a.mean() - (variance_b - ratios[1] * error_b) / error_b.mean()
    found = mean_sequence(influence, expected=expected, level=level)
    return Interval(value, value + found.low, value + found.high, level)
