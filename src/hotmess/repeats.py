"""Asking again: how often answers change, and how often some or all of several samples are right.

"Some answer among K differed" grows with K, so a rate is only comparable at a fixed number m of draws. With n_c of K samples in
class c, subsets of the samples give what is unbiased at any K >= m::

    change     1 - sum_c C(n_c, m) / C(K, m)        some of m draws differ; m = 2 is the Brier variance of answers
    pass@m     1 - C(K - n, m) / C(K, m)            some of m draws is right
    pass^m     C(n, m) / C(K, m)                    all of m draws are right
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num, Shaped
from numpy import ndarray
from scipy.special import stdtrit

from hotmess.ensembles import all_in, none_right

__all__ = ["Alike", "Changes", "IntraClass", "alike", "change_rate", "changes", "icc", "pass_at", "pass_hat"]

PerQuestion = Float[ndarray, " question"]


def change_rate(counts: Num[ndarray, "question unit"], m: int) -> PerQuestion:
    """The chance that m samples of a question are not all of one class; NaN where it has fewer."""
    whole = np.broadcast_to(counts.sum(1, keepdims=True), counts.shape)
    return 1.0 - all_in(counts, whole, m).sum(1)


def pass_at(right: Num[ndarray, " question"], count: Num[ndarray, " question"], m: int) -> PerQuestion:
    """The chance that some of m samples is right (pass@m); NaN where there are fewer."""
    return 1.0 - none_right(right, count, m)


def pass_hat(right: Num[ndarray, " question"], count: Num[ndarray, " question"], m: int) -> PerQuestion:
    """The chance that all of m samples are right (pass^m); NaN where there are fewer."""
    return all_in(right, count, m)


# ---------------------------------------------------------------------------------------------- contexts


class Alike(NamedTuple):
    """The chance that m draws are all of one class, for each question and class; NaN where there are too few of them.

    With p_g the distribution of answers in context g, and g drawn anew::

        inside = E p_gc^m        by C(n_gc, m) / C(M_g, m), over contexts with m samples or more
        across = (E p_gc)^m      by the mean of prod n_gc / M_g over sets of m different contexts

    Both are unbiased.

    Attributes:
        inside: m draws in one context, any context alike.
        across: m draws, each in a context of its own.
    """

    inside: Float[ndarray, "question unit"]
    across: Float[ndarray, "question unit"]


def alike(counts: Num[ndarray, "question context unit"], m: int) -> Alike:
    """How often m draws are all of one class.

    Args:
        counts: how many samples of a context gave each answer; contexts without a sample do not count.
        m: the number of draws.
    """
    samples = counts.sum(2)
    every = all_in(counts, np.broadcast_to(samples[..., None], counts.shape), m)
    known = (samples >= max(m, 1))[..., None]
    with np.errstate(invalid="ignore"):
        inside = np.where(known, every, 0.0).sum(1) / known.sum(1)
    return Alike(inside, _all_the_same(counts / np.maximum(samples, 1)[..., None], samples > 0, m))


class Changes(NamedTuple):
    """How often m draws are not all of one class, for each question; both = sampling + context.

    Attributes:
        sampling: m draws in one context, any context alike.
        context: what different contexts add to that. For one question it may be negative by chance.
        both: m draws, each in a context of its own.
    """

    sampling: PerQuestion
    context: PerQuestion
    both: PerQuestion


def changes(counts: Num[ndarray, "question context unit"], m: int) -> Changes:
    """Split the chance of a change among m draws into what sampling does and what contexts add.

    sampling = 1 - sum_c inside_c and both = 1 - sum_c across_c (see `Alike`). Their difference is never negative in expectation;
    for m = 2 these are the output, the input and the whole of the Brier variance. How often contexts alone would change the
    answer, were there no sampling, is another question: it asks for the mode of each context, of which no unbiased estimate
    exists.

    Args:
        counts: how many samples of a context gave each answer; contexts without a sample do not count.
        m: the number of draws. NaN where there are too few samples in every context, or too few contexts.
    """
    inside, across = (1.0 - chance.sum(1) for chance in alike(counts, m))
    return Changes(inside, across - inside, across)


def _all_the_same(
    shares: Float[ndarray, "question context unit"], there: Bool[ndarray, "question context"], m: int
) -> Float[ndarray, "question unit"]:
    """The mean, over sets of m different contexts, of the product of their shares: e_m(p) / C(G, m).

    mean_j, of sets of j among the first g contexts, is either without the last of these or with it:
    mean_j <- mean_j (g - j) / g + mean_(j-1) p_g j / g.
    """
    questions, contexts, units = shares.shape
    mean = np.zeros((m + 1, questions, units))
    mean[0] = 1.0
    seen = np.zeros((questions, 1))
    for context in range(contexts):
        now = there[:, context, None]
        seen = seen + now
        last = np.maximum(seen, 1)
        for j in range(m, 0, -1):
            with_it = mean[j] * np.maximum(last - j, 0) / last + mean[j - 1] * shares[:, context] * np.minimum(j / last, 1)
            mean[j] = np.where(now & (seen >= j), with_it, mean[j])
    return np.where(seen >= m, mean[m], np.nan)


# ---------------------------------------------------------------------------------------------- agreement of scores


class IntraClass(NamedTuple):
    """An intraclass correlation with a central interval; the ends are NaN where none can be had."""

    value: float
    low: float
    high: float


def icc(
    total: PerQuestion,
    square: PerQuestion,
    count: PerQuestion,
    level: float = 0.95,
    *,
    clusters: Shaped[ndarray, " question"] | None = None,
) -> IntraClass:
    """How much of the spread of single scores is between questions: the one-way intraclass correlation, ICC(1).

    With F = MSB / MSW of an analysis of variance over questions, and K_0 the effective number of samples in each,
    ICC = (F - 1) / (F + K_0 - 1): 1 where the samples of a question all agree, 0 where questions do not differ.

    The interval leaves one question out at a time and takes Student's t on the scale of log F, as questions are what varies
    together. The exact interval of the F distribution needs normal scores, equally many for each question; scores are mostly
    0 and 1, and where questions are either solved or not its coverage is off.

    Args:
        total: sum of the scores of each question.
        square: sum of their squares.
        count: how many there are.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are left out together.
    """
    used = count > 0
    total, square, count = total[used], square[used], count[used]
    label = np.arange(len(count)) if clusters is None else np.unique(clusters[used], return_inverse=True)[1]
    centre = total.sum() / count.sum() if used.any() else 0.0
    square = square - 2 * centre * total + centre**2 * count  # sums of squares are then small where they should be
    total = total - centre * count
    columns = np.stack([np.ones(len(count)), count, count**2, total, total**2 / count, square])
    whole = columns.sum(1, keepdims=True)
    log_f, effective = _log_f(whole)
    columns = np.stack([np.bincount(label, column) for column in columns]) if len(count) else columns
    n = columns.shape[1]
    left = _log_f(whole - columns)[0]
    se = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()) if n > 2 and np.isfinite(left).all() else np.nan
    reach = se * stdtrit(max(n - 1, 1), 0.5 + level / 2)
    return IntraClass(*(float(_from_log_f(x, effective)[0]) for x in (log_f, log_f - reach, log_f + reach)))


def _log_f(sums: Float[ndarray, "6 n"]) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Log of MSB / MSW, and the effective number of samples of a question."""
    questions, count, count_square, total, between, square = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        msb = np.maximum(between - total**2 / count, 0.0) / (questions - 1)
        inside = square - between
        msw = np.where(inside > 1e-12 * square, inside, 0.0) / (count - questions)
        return np.log(msb / msw), (count - count_square / count) / (questions - 1)


def _from_log_f(log_f: Float[ndarray, " n"], effective: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    with np.errstate(invalid="ignore", over="ignore"):
        return 1.0 - effective / (np.exp(log_f) + effective - 1)
