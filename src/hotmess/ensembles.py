"""What the mean of several samples would leave: of the squared family in closed form, of kl by making the ensembles.

The mean of E independent samples has the bias of one and a variance of V/E. With an input part B = V - W and an output part W,
the mean of M samples in each of G contexts has B/G + W/(GM), which is B + W/E in a single context. Unbiased estimates of V and
W so give the whole curve from few samples, for any real E, where making ensembles out of K samples gives a few noisy points.

Under kl the arithmetic mean changes the bias as well; the normalised geometric mean does not (Gupta et al., TMLR 2022), and
neither has a closed form. In the limit of one-hot answers the arithmetic mean errs where none of its E samples is right:
1 - pass@E, which has an unbiased estimate, in units of -log(delta).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray
from scipy.special import gammaln

from hotmess.blocks import Block
from hotmess.decompose import kl
from hotmess.singles import Singles
from hotmess.sums import DELTA

__all__ = ["Ensemble", "all_in", "disjoint", "ensemble_terms", "kl_ensembles", "none_right", "one_hot_limit"]

PerQuestion = Float[ndarray, " question"]


class Ensemble(NamedTuple):
    """Error, bias and variance of ensembles of one size, for each question; error = bias + variance."""

    error: PerQuestion
    bias: PerQuestion
    variance: PerQuestion


# ---------------------------------------------------------------------------------------------- the squared family


def ensemble_terms(variance: PerQuestion, output: PerQuestion, bias: PerQuestion, size: float | tuple[float, float]) -> Ensemble:
    """Terms of the mean prediction of several samples, from the unbiased terms of `hotmess.decompose`.

    Args:
        variance: variance of a sample.
        output: the part of it that is left inside a context; where there are no contexts, the same.
        bias: bias of a sample, which no ensemble changes.
        size: how many samples, each from a context of its own; or how many contexts and how many samples in each: (1, E) are
            E samples in one context. Any real numbers from 1.
    """
    contexts, samples = size if isinstance(size, tuple) else (size, 1.0)
    # What is averaged out inside a context is not needed, and often not known, where there is one sample in each.
    inside = output * (1 - 1 / samples) if samples > 1 else 0.0
    left = (variance - inside) / contexts
    return Ensemble(bias + left, bias, left)


def disjoint(s: Singles, size: int, groups: int, rng: np.random.Generator) -> Ensemble:
    """Plug-in terms over `groups` ensembles of `size` different samples each, drawn at random, as the paper has them.

    Their variance is too low by the factor 1 - 1/groups, and the bias too high by what is missing. NaN where a question has
    fewer than size * groups samples.
    """
    questions, samples, units = s.residual.shape
    if size * groups > samples:
        none = np.full(questions, np.nan)
        return Ensemble(none, none, none)
    order = np.argsort(rng.random((questions, samples)), axis=1)[:, : size * groups]
    members = np.take_along_axis(s.residual, order[..., None], axis=1).reshape(questions, groups, size, units)
    mean = members.mean(2)
    variance = (((mean - mean.mean(1, keepdims=True)) ** 2).mean(1) * s.weight).sum(1)
    bias = (mean.mean(1) ** 2 * s.weight).sum(1)
    bias = np.where(np.isnan(s.error).any(1), np.nan, bias)
    return Ensemble(bias + variance, bias, variance)


# ---------------------------------------------------------------------------------------------- kl and its limit


def kl_ensembles(
    probs: Float[ndarray, "question sample unit"],
    target: Int[ndarray, " question"],
    sizes: Sequence[int],
    how: Literal["arithmetic", "geometric"] = "arithmetic",
    *,
    rng: np.random.Generator,
    delta: float = DELTA,
    rounds: int = 8,
    weight: Float[ndarray, "question unit"] | None = None,
) -> list[Ensemble]:
    """Terms under kl of ensembles of each size, made of the samples at hand: disjoint ones, at random, again and again.

    The error is unbiased. The variance is the midpoint of `hotmess.decompose.kl` over the K // size ensembles of a round, with
    what that leaves of its bias; NaN, with the bias, where there is but one, and the error too where there is none.

    Args:
        probs: the probabilities that each sample states.
        target: which unit is right.
        sizes: how many samples an ensemble has.
        how: smooth the mean of the probabilities, or take the normalised geometric mean of the smoothed ones.
        rng: draws the ensembles.
        delta: the smoothing.
        rounds: how often all samples are dealt out to ensembles; the mean is taken.
        weight: how many options a unit stands for; one by default.
    """
    ones = np.ones((len(probs), probs.shape[2])) if weight is None else weight
    found = []
    for size in sizes:
        terms = [_kl_round(probs, target, size, how, rng, delta, ones) for _ in range(rounds)]
        error, variance = (np.mean(part, axis=0) for part in zip(*terms, strict=True))
        found.append(Ensemble(error, error - variance, variance))
    return found


def _kl_round(
    probs: Float[ndarray, "question sample unit"],
    target: Int[ndarray, " question"],
    size: int,
    how: str,
    rng: np.random.Generator,
    delta: float,
    weight: Float[ndarray, "question unit"],
) -> tuple[PerQuestion, PerQuestion]:
    """Error and variance over the ensembles into which the samples are dealt once."""
    questions, samples, units = probs.shape
    groups = samples // size
    if groups == 0:
        return np.full(questions, np.nan), np.full(questions, np.nan)
    order = np.argsort(rng.random((questions, samples)), axis=1)[:, : groups * size]
    members = np.take_along_axis(probs, order[..., None], axis=1).reshape(questions, groups, size, units)
    if how == "geometric":
        log = _smoothed(members, weight, delta).mean(2)
        with np.errstate(divide="ignore"):
            whole = np.log((np.exp(log) * weight[:, None]).sum(-1, keepdims=True))
        log = log - np.where(np.isfinite(whole), whole, 0.0)
    else:
        log = _smoothed(members.mean(2, keepdims=True), weight, delta)[:, :, 0]
    ones = np.ones((questions, groups))
    block = Block(
        question=np.arange(questions),
        cell=np.zeros((questions, groups), dtype=int),
        samples=ones,
        total=np.exp(log),
        square=ones,
        target=np.eye(units)[target],
        weight=weight,
        log=log,
        guesses=np.zeros((questions, groups)),
        votes=False,
    )
    error, variance, _ = kl(block, delta=delta)
    return error, variance


def _smoothed(
    f: Float[ndarray, "question group sample unit"], weight: Float[ndarray, "question unit"], delta: float
) -> Float[ndarray, "question group sample unit"]:
    with np.errstate(divide="ignore"):
        return np.log(f + delta) - np.log1p(weight.sum(1) * delta)[:, None, None, None]


def one_hot_limit(counts: Num[ndarray, "question unit"], target: Int[ndarray, " question"], size: int) -> Ensemble:
    """Terms under kl of arithmetic ensembles of one-hot answers, in units of -log(delta) as delta goes to 0.

    error = (1 - p_y)^E and variance = (1 - p_mode)^E, both as the chance that none of E different samples is of that class; so
    the error is unbiased, and the variance plug-in in its choice of the mode, which the samples themselves make. At a finite
    delta ensembles of some size differ, since their log counts are not small against log(delta).
    """
    whole = counts.sum(1)
    right = np.take_along_axis(counts, target[:, None], axis=1)[:, 0]
    error = none_right(right, whole, size)
    variance = none_right(counts.max(1), whole, size)
    return Ensemble(error, error - variance, variance)


# ---------------------------------------------------------------------------------------------- subsets


def none_right(right: Num[ndarray, "*n"], count: Num[ndarray, "*n"], size: int) -> Float[ndarray, "*n"]:
    """The chance that none of `size` of `count` samples is right, unbiased for that of as many new ones: 1 - pass@size."""
    return all_in(count - right, count, size)


def all_in(part: Num[ndarray, "*n"], whole: Num[ndarray, "*n"], size: int) -> Float[ndarray, "*n"]:
    """The chance that `size` different ones, drawn from the whole, are all of the part: C(part, size) / C(whole, size).

    Over samples it is unbiased for p^size. NaN where there are fewer than `size` in all.
    """
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    enough = np.maximum(part, size)
    top = gammaln(enough + 1) - gammaln(enough - size + 1)
    rest = np.maximum(whole, size)
    chance = np.exp(top - (gammaln(rest + 1) - gammaln(rest - size + 1)))
    return np.where(whole < size, np.nan, np.where(part < size, 0.0, chance))
