"""Split repeated errors into a part that repeats (bias) and a part that does not (variance).

Three identities cover every measure. With ``k`` over the samples of one question::

    squared    mean_k |y - f_k|^2  =  |y - m|^2  +  mean_k |m - f_k|^2      m: mean
    kl         mean_k D(y || f_k)  =  D(y || g)  +  mean_k D(g || f_k)      g: normalised geometric mean
    zero_one   mean_k [y != c_k]   =  [y != v]   +  a * mean_k [v != c_k]   v: plurality vote

`squared` on the simplex is the Brier score, on test outcomes the coverage error, on embeddings the spread of answers, and on
points with a metric A the A-norm. `mode` is the limit of `kl` for answers without probabilities, as delta goes to 0.

A plug-in estimate takes the mean of K samples for the expectation: the spread around it is too small by the factor 1 - 1/K,
and what is missing is counted as bias. For the squared family, pairs of different samples remove that exactly (Ferro's fair
Brier score, QJRMS 2014). With contexts, pairs come from different contexts. For `kl` and `mode` no unbiased estimator exists:
the plug-in is too low, leaving one out too high, and their midpoint has no error of first order in 1/K.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.blocks import Block, Invalid, blocks
from hotmess.sums import DELTA, Loss
from hotmess.tally import Tally, count_questions, question_codes

__all__ = ["Split", "Terms", "decompose", "formula", "kl", "mode", "squared", "zero_one"]

PerQuestion = Float[ndarray, " question"]


class Split(NamedTuple):
    """Error and variance of each question of a block; bias is what is left of the error."""

    error: PerQuestion
    variance: PerQuestion
    more: Mapping[str, PerQuestion] = {}


@dataclass(frozen=True, slots=True)
class Terms:
    """Error, bias and variance of each question, in the order of the tally's questions; NaN where undefined.

    Attributes:
        error: mean loss of a sample, in the units of the loss (nats for kl).
        bias: the part that repeats (bias² for squared losses). May be negative for one question; never clipped.
        variance: the part that does not repeat; error = bias + variance.
        output: the part of the variance that is left inside a context; variance - output is due to the input.
        samples: how many samples the question was measured by.
        contexts: in how many contexts.
        more: further terms: `variance_plugin` and `variance_crossfit`, which bracket the variance of kl and mode;
            `variance_unbiased` and `variance_biased` of zero_one.
    """

    error: PerQuestion
    bias: PerQuestion
    variance: PerQuestion
    output: PerQuestion
    samples: PerQuestion
    contexts: PerQuestion
    more: Mapping[str, PerQuestion] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------- the squared family


def squared(b: Block, *, plugin: bool = False) -> Split:
    """Decompose the squared distance between predictions f and target y.

    With r = f - y: inside one context, V = (mean |r_k|^2 - |mean r|^2) K/(K-1); over G contexts of equal weight, bias² is the
    mean of <mean r_g, mean r_h> over pairs of different contexts.
    """
    b = b.pooled() if plugin else b
    mean, y, w = b.mean, b.target[:, None], b.weight[:, None]
    r = mean - y  # (question, context, unit): mean residual of a context
    loss = b.square / b.samples + ((y - 2 * mean) * y * w).sum(-1)  # (question, context): mean |r_k|^2
    norm = (r * r * w).sum(-1)  # (question, context)
    contexts = b.samples.shape[1]
    if contexts == 1:
        bessel = 1.0 if plugin else _over(b.samples, b.samples - 1)
        return Split(loss[:, 0], (np.maximum(loss - norm, 0.0) * bessel)[:, 0])
    whole = r.sum(1)
    bias = ((whole * whole * b.weight).sum(1) - norm.sum(1)) / (contexts * (contexts - 1))
    return Split(loss.mean(1), loss.mean(1) - bias)


# ---------------------------------------------------------------------------------------------- kl and its limit


def kl(b: Block, *, plugin: bool = False, delta: float = DELTA) -> Split:
    """Decompose the cross-entropy -log f_y, smoothed by delta, in nats.

    With g = mean log f the error is -g_y, which is exactly unbiased, and the variance -LSE(g), the log of a sum of
    exponentials. Left out one at a time: KL(q_k || f_k), with q_k the central prediction of all the others.
    """
    b = b.pooled() if plugin else b
    logs = _log_sums(b, delta) / b.samples[..., None]
    many = _log(b.weight)  # of how many options a place stands for
    g = logs.mean(1)
    error, low = -(g * b.target).sum(1), np.maximum(-_lse(g + many), 0.0)
    # The cost of smoothing alone is no error: where every sample is certain of the target there is nothing to split.
    wrong = (error > -_levels(b, delta)[0][:, 0, 0] * (1 + 1e-6)) | ~b.target.any(1)
    error, low = error * wrong, low * wrong
    if plugin:
        return Split(error, low)
    if b.crossfit is not None and logs.shape[1] == 1:
        return _bracketed(error, low, b.crossfit[:, 0] * wrong)
    children, count = _children(b, logs, _one_hot_logs(b, delta))
    q = _leave_one_out(children, count) + many[:, None]
    q = q - _lse(q)[..., None]
    with np.errstate(invalid="ignore"):
        apart = np.where(q == -np.inf, 0.0, np.exp(q) * (q - many[:, None] - children)).sum(-1)
    return _bracketed(error, low, _mean(apart, count) * wrong)


def mode(b: Block, *, plugin: bool = False) -> Split:
    """Decompose the error rate: departing from the own most common answer is variance, where that answer is wrong is bias.

    error = 1 - p_y, variance = 1 - p_mode, bias = p_mode - p_y >= 0. Left out one at a time: is it the mode of the others?
    """
    b = b.pooled() if plugin else b
    votes = b.mean
    p = votes.mean(1)
    error, low = 1.0 - (p * b.target).sum(1), 1.0 - p.max(1)
    if plugin:
        return Split(error, low)
    if b.crossfit is not None and votes.shape[1] == 1:
        return _bracketed(error, low, b.crossfit[:, 0])
    children, count = _children(b, votes, _one_hots(b))
    others = _leave_one_out(children, count)
    top = (others > others.max(-1, keepdims=True) - 1e-9) * b.weight[:, None]
    return _bracketed(error, low, _mean(1.0 - _over((children * top).sum(-1), top.sum(-1)), count))


def zero_one(b: Block) -> Split:
    """Decompose the 0/1 error around the plurality vote (Domingos 2000), averaging over tied votes.

    bias = [the vote is wrong]. Variance adds to the error where the vote is right (`variance_unbiased`) and takes from it
    where the vote is wrong (`variance_biased`: a = -P(right | not the vote), which is -1 for two classes only).
    """
    p = b.pooled().mean[:, 0]
    right, most = (p * b.target).sum(1), p.max(1)
    tied = (p > most[:, None] - 1e-9) * b.weight
    hit = (tied * b.target).sum(1) / tied.sum(1)
    more = {"variance_unbiased": (1.0 - most) * hit, "variance_biased": right * (1.0 - hit)}
    return Split(1.0 - right, more["variance_unbiased"] - more["variance_biased"], more)


def _bracketed(error: PerQuestion, low: PerQuestion, high: PerQuestion) -> Split:
    return Split(error, (low + high) / 2, {"variance_plugin": low, "variance_crossfit": high})


def _log_sums(b: Block, delta: float) -> Float[ndarray, "question context unit"]:
    """Sum of log f over the samples of a context; for votes, from their counts."""
    if b.log is not None:
        return b.log
    high, low, flat = _levels(b, delta)
    votes, guesses = b.total - b.guesses[..., None] * b.guess[:, None], b.guesses[..., None]
    return votes * high + (b.samples[..., None] - guesses - votes) * low + guesses * flat


def _levels(b: Block, delta: float) -> tuple[Float[ndarray, "question 1 1"], ...]:
    """Log of a smoothed 1, of a smoothed 0, and of a guess among the C options."""
    c = b.weight.sum(1)[:, None, None]
    return np.log1p(delta) - np.log1p(c * delta), _log(np.full_like(c, delta)) - np.log1p(c * delta), -np.log(c)


def _one_hot_logs(b: Block, delta: float) -> Float[ndarray, "question child unit"]:
    high, low, flat = _levels(b, delta)
    hot = np.where(np.eye(b.weight.shape[1], dtype=bool), high, low)
    return np.concatenate([hot, np.broadcast_to(flat, hot[:, :1].shape)], axis=1)


def _one_hots(b: Block) -> Float[ndarray, "question child unit"]:
    units = b.weight.shape[1]
    hot = np.broadcast_to(np.eye(units), (len(b.weight), units, units))
    return np.concatenate([hot, b.guess[:, None]], axis=1)


def _children(
    b: Block, cells: Float[ndarray, "question context unit"], votes: Float[ndarray, "question child unit"]
) -> tuple[Float[ndarray, "question k unit"], Float[ndarray, "question k"]]:
    """What is left out one at a time, and how often it is there: the contexts, or the votes in the only one."""
    if cells.shape[1] > 1:
        return cells, np.ones(cells.shape[:2])
    if not b.votes:  # one sample of a probability vector: nothing is left when it is left out
        return cells, np.ones(cells.shape[:2])
    counts = b.total[:, 0] - b.guesses * b.guess
    return votes, np.concatenate([counts, b.guesses], axis=1)


def _leave_one_out(
    children: Float[ndarray, "question k unit"], count: Float[ndarray, "question k"]
) -> Float[ndarray, "question k unit"]:
    """Mean of all the children but one of kind k."""
    whole = (children * count[..., None]).sum(1, keepdims=True)
    return _over(whole - children, count.sum(1)[:, None, None] - 1)


def _mean(values: Float[ndarray, "question k"], count: Float[ndarray, "question k"]) -> PerQuestion:
    return np.where(count > 0, values * count, 0.0).sum(1) / count.sum(1)


def _lse(values: Float[ndarray, "*n unit"]) -> Float[ndarray, "*n"]:
    most = values.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (most + np.log(np.exp(values - most).sum(-1, keepdims=True)))[..., 0]


def _log(values: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _over(a: Float[ndarray, "*n"], b: Float[ndarray, "*#n"]) -> Float[ndarray, "*n"]:
    """The ratio a / b, not a number where b is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b == 0, np.nan, a / b)


# ---------------------------------------------------------------------------------------------- all questions of a tally


def formula(loss: Loss, *, plugin: bool = False, delta: float = DELTA) -> Callable[[Block], Split]:
    """The decomposition that belongs to a loss."""
    family: dict[str, Callable[[Block], Split]] = {
        "kl": partial(kl, plugin=plugin, delta=delta),
        "mode": partial(mode, plugin=plugin),
        "zero_one": zero_one,
    }
    return family.get(loss, partial(squared, plugin=plugin))


def decompose(
    tally: Tally, loss: Loss = "brier", *, plugin: bool = False, invalid: Invalid = "class", delta: float = DELTA
) -> Terms:
    """Decompose every question of a tally.

    Args:
        tally: sums that were taken for this loss. Stated probabilities under kl and mode need `each_sample=True`, or
            `crossfitted`, unless `plugin`.
        loss: the loss; brier, coverage, squared and spread are the squared family.
        plugin: plug-in figures instead of unbiased ones (squared family) or midpoints (kl, mode).
        invalid: what a sample is from which no answer could be read.
        delta: the smoothing of kl.
    """
    plain = split = formula(loss, plugin=plugin, delta=delta)
    if loss == "spread":
        split = partial(_no_target, split)
    elif tally.space != "points":
        split = partial(_known_target, split)
    pairs = loss in ("kl", "mode") and not plugin
    if not (_each_sample(tally) and "context_id" in tally.inner):
        return _terms(tally, split, invalid, plugin=plugin, pairs=pairs, delta=delta)
    across = _terms(tally.without("sample_id"), split, invalid, plugin=plugin, pairs=pairs, delta=delta)
    alone = _terms(tally.within_contexts(), plain, invalid, plugin=plugin, pairs=pairs, delta=delta)
    return _joined(across, alone, question_codes(tally.without("sample_id")))


def _terms(tally: Tally, split: Callable[[Block], Split], invalid: Invalid, *, plugin: bool, pairs: bool, delta: float) -> Terms:
    columns = {name: np.full(count_questions(tally), np.nan) for name in ("error", "bias", "variance", "output")}
    counts = {name: np.zeros(count_questions(tally)) for name in ("samples", "contexts")}
    more: dict[str, PerQuestion] = {}
    each_sample = _each_sample(tally)
    for b in blocks(tally, invalid=invalid, delta=delta, pairs=pairs):
        error, variance, extra = split(b)
        found = {"error": error, "bias": error - variance, "variance": variance}
        found["output"] = np.full(len(error), np.nan) if each_sample else _output(b, split, variance, plugin=plugin)
        for name, values in found.items():
            columns[name][b.question] = values
        for name, values in extra.items():
            more.setdefault(name, np.full(count_questions(tally), np.nan))[b.question] = values
        counts["samples"][b.question] = b.samples.sum(1)
        counts["contexts"][b.question] = 1 if each_sample else b.samples.shape[1]
    return Terms(**columns, **counts, more=more)


def _each_sample(tally: Tally) -> bool:
    """Whether it is known of every sample what leaving it out costs."""
    return "sample_id" in tally.inner or "crossfit" in tally.cells.columns


def _known_target(split: Callable[[Block], Split], b: Block) -> Split:
    """A question whose right answer nobody wrote down has no error and no bias, and is left out whole."""
    error, variance, more = split(b)
    known = b.target.any(1)
    return Split(np.where(known, error, np.nan), np.where(known, variance, np.nan), more)


def _no_target(split: Callable[[Block], Split], b: Block) -> Split:
    """Without a target there is variance, but no error to be a part of."""
    variance = split(b).variance
    return Split(np.full(len(variance), np.nan), variance)


def _output(b: Block, split: Callable[[Block], Split], variance: PerQuestion, *, plugin: bool) -> PerQuestion:
    """Mean variance inside a context: over contexts of two samples or more; for plug-in figures over all samples."""
    if b.samples.shape[1] == 1:
        return variance
    inside = split(b.each_cell()).variance.reshape(b.samples.shape)
    weight = b.samples if plugin else (b.samples >= 2).astype(float)
    return _over(np.where(weight > 0, inside * weight, 0.0).sum(1), weight.sum(1))


def _joined(across: Terms, alone: Terms, question: Int[ndarray, " cell"]) -> Terms:
    """Terms between contexts, with the mean of the terms inside them; a question of one context has only the latter."""
    questions = len(across.error)
    # Of contexts without a sample that counts nothing is taken.
    order = np.lexsort((alone.samples == 0, question))
    first = order[np.searchsorted(question, np.arange(questions))]
    single = (across.contexts < 2) & np.isfinite(across.error)

    def choose(name: str) -> PerQuestion:
        here, there = (t.more[name] if name in t.more else getattr(t, name) for t in (across, alone))
        return np.where(single, there[first], here)

    known = np.where(alone.samples >= 2, alone.variance, np.nan)
    weight = np.bincount(question, ~np.isnan(known), minlength=questions)
    output = _over(np.bincount(question, np.nan_to_num(known), minlength=questions), weight)
    terms = {name: choose(name) for name in ("error", "bias", "variance")}
    more = {name: choose(name) for name in across.more}
    return Terms(**terms, output=output, samples=across.samples, contexts=across.contexts, more=more)
