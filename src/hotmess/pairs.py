"""Who disagrees with whom: the squared family looked at sample by sample, pair by pair and half by half.

The variance of a question is the mean of |f_k - f_l|^2 / 2 over pairs of its samples (from different contexts, where there are
some), so every part of it can be laid at somebody's door: at a sample, as its mean difference to its partners; at a pair; at
the shorter or the longer half of the samples. Sorting questions by the lengths of the very samples that are scored makes a
trend out of noise: where long samples tend to be the odd ones out, a question with more of them by chance is both longer and
of more variance. A pair whose bucket is chosen by the *other* samples cannot do that.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from hotmess.singles import Singles

__all__ = [
    "attribution",
    "leave_pair_out",
    "masked_terms",
    "permuted_halves",
    "ratio_difference",
    "relative_length",
]

PerSample = Float[ndarray, "question sample"]
Masks = Bool[ndarray, "question draw sample"]

_NUMBERS = 1 << 20  # in a chunk of draws


# ---------------------------------------------------------------------------------------------- sample by sample


def attribution(s: Singles) -> tuple[PerSample, PerSample]:
    """Variance and error of each sample: v_k is the mean of |f_k - f_l|^2 / 2 over its partners l, contexts weighing equally.

    Weighted by `Singles.share`, their mean over the samples of a question is its unbiased variance and its error: exactly, and
    without contexts or with equally many samples in each, that is the plain mean. NaN where a sample has no partner.
    """
    others = (s.contexts - 1)[:, None]
    own = s.own_mean(s.residual)
    size, whole = s.norm, (s.residual * (s.share * (others + 1))[..., None]).sum(1, keepdims=True)
    norm = s.own_mean(size[..., None])[..., 0]
    rest = (size * s.share).sum(1, keepdims=True) * (others + 1) - norm
    inner = np.einsum("nku,nku,nu->nk", s.residual, whole - own, s.weight)
    variance = np.maximum(size / 2 + _over(rest / 2 - inner, np.broadcast_to(others, size.shape)), 0.0)
    return variance, s.error


def relative_length(s: Singles) -> PerSample:
    """Log of the length of a sample over the median length of the other samples of its question.

    NaN where the sample has no length, or no other has, or one of both is 0.
    """
    rank = np.argsort(np.argsort(s.length, axis=1), axis=1)  # lengths that are not known come last
    others = (~np.isnan(s.length)).sum(1, keepdims=True) - 1
    low, high = (_of_the_others(s.length, rank, np.maximum(at, 0) // 2) for at in (others - 1, others))
    return _log(s.length) - _log(np.where(others > 0, (low + high) / 2, np.nan))


def _of_the_others(
    values: PerSample, rank: Int[ndarray, "question sample"], place: Int[ndarray, "question 1"]
) -> Float[ndarray, "question sample"]:
    """The value at a place among the others of each sample, in ascending order."""
    at = np.minimum(place + (place >= rank), values.shape[1] - 1)
    return np.take_along_axis(np.sort(values, axis=1), at, axis=1)


# ---------------------------------------------------------------------------------------------- half by half


def permuted_halves(s: Singles, *, draws: int, rng: np.random.Generator) -> Float[ndarray, "half term draw"]:
    """Sums over questions of (variance, error) of the (shorter, longer) half, with lengths permuted within questions.

    A prompt may lengthen all of its samples and change all of their answers without the one having to do with the other. So the
    lengths of a context stay together: contexts of equally many samples swap theirs, and samples theirs inside of a context.
    (With all lengths shuffled alike, up to a quarter of tests would reject at 5 % where contexts set both.) Ties are broken at
    random. Sums of several `Singles` add; then see `ratio_difference`. Questions of which a half has no pair are in neither.
    """
    questions, samples = s.length.shape
    known, differences = ~np.isnan(s.length), s.differences
    level = (s.length[:, :, None] > s.length[:, None, :]).sum(2).astype(float)
    step = max(1, _NUMBERS // (questions * samples))
    found = []
    for first in range(0, draws, step):
        shape = (questions, min(step, draws - first), samples)
        ties = rng.random(shape)
        keys = ties if s.is_flat else _permuted(s, level, rng, shape) + ties
        terms = [masked_terms(s, differences, half) for half in _low_and_high(keys, known)]
        usable = ~np.isnan(terms[0][1] + terms[1][1])
        found.append([[np.where(usable, x, 0.0).sum(0) for x in (variance, error)] for error, variance in terms])
    return np.concatenate([np.array(part) for part in found], axis=-1)


def _permuted(
    s: Singles, values: PerSample, rng: np.random.Generator, shape: tuple[int, int, int]
) -> Float[ndarray, "question draw sample"]:
    """Values of samples with a length, permuted among contexts of equally many of these, and inside of contexts."""
    alike, known = s.alike, ~np.isnan(s.length)
    many = ((alike & known[:, None]).sum(2) * known)[:, None]  # samples without a length swap with their like
    first = np.broadcast_to(alike.argmax(2)[:, None], shape)
    place = np.lexsort((s.partner[:, None], many), axis=2)
    chance = np.take_along_axis(rng.random(shape), first, axis=2)
    source = np.lexsort((rng.random(shape), many + chance), axis=2)
    out = np.empty(shape)
    drawn = np.take_along_axis(np.broadcast_to(values[:, None], shape), source, axis=2)
    np.put_along_axis(out, np.broadcast_to(place, shape), drawn, axis=2)
    return out


def ratio_difference(sums: Float[ndarray, "half term draw"]) -> Float[ndarray, " draw"]:
    """Incoherence of the longer half minus incoherence of the shorter, pooled: R = sum V / sum E."""
    ratio = _over(sums[:, 0], sums[:, 1])
    return ratio[1] - ratio[0]


def _low_and_high(keys: Float[ndarray, "question draw sample"], known: Bool[ndarray, "question sample"]) -> tuple[Masks, Masks]:
    """The lowest and the highest half of different keys; the middle one of an odd number is in neither."""
    count = known.sum(1)[:, None, None]
    half = count // 2
    keys = np.where(known[:, None], keys, np.inf)
    ordered = np.sort(keys, axis=-1)
    shape = (*keys.shape[:2], 1)
    low = np.take_along_axis(ordered, np.broadcast_to(np.maximum(half - 1, 0), shape), axis=-1)
    high = np.take_along_axis(ordered, np.broadcast_to(np.minimum(count - half, keys.shape[2] - 1), shape), axis=-1)
    return (keys <= low) & (half > 0), (keys >= high) & (keys < np.inf) & (half > 0)


def masked_terms(
    s: Singles, differences: Float[ndarray, "question sample sample"], mask: Masks
) -> tuple[Float[ndarray, "question draw"], Float[ndarray, "question draw"]]:
    """Error and variance of the samples in each mask, contexts weighing equally; the variance NaN without a pair.

    Args:
        s: the samples.
        differences: what `Singles.differences` says of them.
        mask: which samples are in; true and false.
    """
    weight = _weights(s, mask)
    contexts = np.rint(weight.sum(-1))
    error = _over((weight @ s.error[..., None])[..., 0], contexts)
    pairs = np.einsum("ndk,ndk->nd", weight @ differences, weight)
    return error, _over(pairs, np.where(contexts < 2, 0.0, contexts * (contexts - 1)))


def _weights(s: Singles, mask: Masks) -> Float[ndarray, "question draw sample"]:
    """One over the number of samples that the context of a sample has in the mask; 0 outside."""
    weight = mask.astype(float)
    return weight if s.is_flat else weight / np.maximum(weight @ s.alike.astype(float), 1.0)


# ---------------------------------------------------------------------------------------------- pair by pair


def leave_pair_out(
    s: Singles, edges: Float[ndarray, " edge"]
) -> tuple[Float[ndarray, "question bucket"], Float[ndarray, "question bucket"]]:
    """Variance and error of each question, spread over buckets of length that the pair itself has no say in.

    A pair (k, l) goes to the bucket of the mean length of all samples outside its contexts (without contexts: of the other
    K-2), with |f_k - f_l|^2 / 2 and (e_k + e_l) / 2 by its share of all pairs. Over buckets they add up to the variance and the
    error of the question, where every pair has a bucket; one whose others have no length is in none.

    Args:
        s: the samples.
        edges: upper ends of all buckets but the last, which has none, in ascending order; a length at an edge is below it.

    Returns:
        Sums that add over questions: variance, error; NaN for a question of fewer than three contexts (samples).
    """
    one, two = np.triu_indices(s.length.shape[1], 1)
    known = ~np.isnan(s.length)
    length, count = (_outside(s, np.where(known, x, 0.0), one, two) for x in (s.length, np.ones(s.length.shape)))
    mean, buckets = _over(length, np.rint(count)), len(edges) + 1
    use = (s.partner[:, one] != s.partner[:, two]) & ~np.isnan(mean)
    of_all = 2 * s.contexts / np.maximum(s.contexts - 1, 1)
    weight = (s.share[:, one] * s.share[:, two] * of_all[:, None])[use]
    place = (np.searchsorted(edges, mean) + np.arange(len(mean))[:, None] * buckets)[use]
    parts = (s.differences[:, one, two], (s.error[:, one] + s.error[:, two]) / 2)
    sums = [np.bincount(place, part[use] * weight, minlength=len(mean) * buckets) for part in parts]
    variance, error = (np.where(s.contexts[:, None] >= 3, x.reshape(-1, buckets), np.nan) for x in sums)
    return variance, error


def _outside(
    s: Singles, values: PerSample, one: Int[ndarray, " pair"], two: Int[ndarray, " pair"]
) -> Float[ndarray, "question pair"]:
    """The sum of values over the samples that are in neither context of a pair."""
    own = s.own_mean(values[..., None])[..., 0] * s.own_count()
    return values.sum(1, keepdims=True) - own[:, one] - own[:, two]


def _over(a: Float[ndarray, "*n"], b: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The ratio a / b, not a number where b is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b == 0, np.nan, a / b)


def _log(values: PerSample) -> PerSample:
    """The logarithm, not a number at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log(values), np.nan)
