"""Do two judged attributes go together? Correlations of mean ranks over entities, with and without the noise of raters.

Few raters make noisy means, and a correlation of noisy means is too small: Spearman's r / sqrt(rel_x rel_y), with ICC(C,k) for
the reliabilities, estimates that of means over many raters. Its interval draws entities with replacement and computes all three
anew: that covers the latent correlation in .94 to .95 of cases. Raters are never drawn: with five of them that covers in .24 to
.65, and entities and raters together in .785 to .975. P-values are from permutations of entities.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import rankdata

from hotmess.infer.agreement import correlation
from hotmess.infer.effects import Effect
from hotmess.infer.ranks import (
    PerDraw,
    PerEntity,
    Ranks,
    Weights,
    drawn_entities,
    mean_ranks,
    over,
    pearson,
    percentiles,
    reliability,
)
from hotmess.infer.trends import has_spread

__all__ = ["Related", "related", "within_groups"]

_NOTHING = 1e-12  # differences below are rounding
_DIGITS = 9  # of a mean rank; means of the same ranks in another order are the same
_FEWEST = 4  # entities of which anything is said
_BLOCK = 1 << 20  # numbers in one block of permutations


@dataclass(frozen=True, slots=True)
class Related:
    """Whether the mean ranks of two attributes go together.

    Attributes:
        entities: how many were ranked for both.
        spearman: correlation of mean ranks; interval by leaving out entities, p from permutations.
        tau_b: Kendall's, the same; interval from drawn entities.
        disattenuated: Spearman's over the root of both reliabilities, an estimate of the correlation without the noise of raters;
            may lie beyond 1. NaN where a reliability is not above 0.
        reliabilities: ICC(C,k) of both, over these entities.
    """

    entities: int
    spearman: Effect
    tau_b: Effect
    disattenuated: Effect
    reliabilities: tuple[float, float]


def related(x: Ranks, y: Float[ndarray, "other entity"], *, draws: int, rng: np.random.Generator, level: float = 0.95) -> Related:
    """Correlation of the mean ranks of two attributes over the entities that were ranked for both.

    Raters must not be the same people: their errors would go together, and disattenuation takes errors to be independent.

    Args:
        x: ranks by the raters of one attribute.
        y: ranks of the same entities by those of the other.
        draws: permutations, and entities drawn with replacement.
        rng: the source of randomness.
        level: the level of confidence.
    """
    both = np.isfinite(x).any(0) & np.isfinite(y).any(0)
    x, y = x[:, both], y[:, both]
    n = int(both.sum())
    a, b = (_means(one) for one in (x, y))
    if n < _FEWEST or not (has_spread(a) and has_spread(b)):
        none = Effect(np.nan, np.nan, np.nan, np.nan, level)
        return Related(n, none, none, none, (np.nan, np.nan))
    ones, w = np.ones((1, n)), drawn_entities(n, draws, rng)
    places = _permuted(np.zeros(n, dtype=int), draws, rng)
    one = correlation(a, b, ranks=True, level=level)
    p = _beyond(one.value, _pearson_permuted(rankdata(a), rankdata(b), places))
    tau = percentiles(_tau(a, b, ones)[0], _tau(a, b, w), level, _tau_permuted(a, b, places))
    reliable = [reliability(one, ones)[0] for one in (x, y)]
    value, drawn = (_without_noise(x, y, a, b, weights) for weights in (ones, w))
    spearman = Effect(one.value, one.low, one.high, p, level)
    return Related(n, spearman, tau, percentiles(value[0], drawn, level), (float(reliable[0]), float(reliable[1])))


def within_groups(
    a: PerEntity, b: PerEntity, groups: Int[ndarray, " entity"], *, draws: int, rng: np.random.Generator, level: float = 0.95
) -> Effect:
    """Correlation of ranks less the mean of their group, so that differences between groups play no part.

    The p-value is from permutations within groups, the interval from drawn entities; NaN where nothing differs within groups.

    Args:
        a: mean ranks of one attribute.
        b: mean ranks of the other.
        groups: the group of each entity, a number.
        draws: permutations, and entities drawn with replacement.
        rng: the source of randomness.
        level: the level of confidence.
    """
    a, b = np.round(a, _DIGITS), np.round(b, _DIGITS)
    if len(a) < _FEWEST:
        return Effect(np.nan, np.nan, np.nan, np.nan, level)
    ones, w = np.ones((1, len(a))), drawn_entities(len(a), draws, rng)
    value, drawn = (_pearson_inside(a, b, some, groups) for some in (ones, w))
    first, second = (_inside(rankdata(x)[None], ones, groups)[0] for x in (a, b))
    p = _beyond(value[0], _pearson_permuted(first, second, _permuted(groups, draws, rng)))
    return percentiles(value[0], drawn, level, p)


def _means(ranks: Ranks) -> PerEntity:
    return np.round(mean_ranks(ranks).mean, _DIGITS)


def _ranked(x: PerEntity, w: Weights) -> Weights:
    """Ranks among the entities that were drawn; copies of one entity are ties."""
    below = (x[None] < x[:, None]) + 0.5 * (x[None] == x[:, None])
    return w @ below.T + 0.5


def _pearson_inside(a: PerEntity, b: PerEntity, w: Weights, groups: Int[ndarray, " entity"]) -> PerDraw:
    first, second = (_inside(_ranked(x, w), w, groups) for x in (a, b))
    return pearson(first, second, w)


def _inside(x: Weights, w: Weights, groups: Int[ndarray, " entity"]) -> Weights:
    """The values less the mean of their group in each draw."""
    names, code = np.unique(groups, return_inverse=True)
    member = np.eye(len(names))[code]
    return x - ((w * x) @ member / np.maximum(w @ member, 1))[:, code]


def _without_noise(x: Ranks, y: Float[ndarray, "other entity"], a: PerEntity, b: PerEntity, w: Weights) -> PerDraw:
    """Spearman's correlation over the root of both reliabilities; NaN where one is not above 0."""
    product = np.prod([np.where(found > _NOTHING, found, np.nan) for found in (reliability(one, w) for one in (x, y))], axis=0)
    return pearson(_ranked(a, w), _ranked(b, w), w) / np.sqrt(product)


def _tau(a: PerEntity, b: PerEntity, w: Weights) -> PerDraw:
    """Kendall's tau-b of the entities that were drawn."""
    first, second = (np.sign(x[:, None] - x[None]) for x in (a, b))
    top, one, two = (((w @ signs) * w).sum(1) for signs in (first * second, first * first, second * second))
    return over(top, np.sqrt(one * two))


def _permuted(groups: Int[ndarray, " entity"], draws: int, rng: np.random.Generator) -> Int[ndarray, "draw entity"]:
    """Places of entities, shuffled within groups."""
    places = np.tile(np.arange(len(groups)), (draws, 1))
    for group in np.unique(groups):
        at = np.flatnonzero(groups == group)
        places[:, at] = rng.permuted(places[:, at], axis=1)
    return places


def _pearson_permuted(a: PerEntity, b: PerEntity, places: Int[ndarray, "draw entity"]) -> PerDraw:
    a, b = a - a.mean(), b - b.mean()
    return over(b[places] @ a, np.full(len(places), np.sqrt((a @ a) * (b @ b))))


def _tau_permuted(a: PerEntity, b: PerEntity, places: Int[ndarray, "draw entity"]) -> float:
    """P-value of tau-b: the ties are the same in every permutation, so the sum of agreeing less disagreeing pairs decides."""
    one, other = np.triu_indices(len(a), 1)
    first = np.sign(a[one] - a[other])
    rows = max(_BLOCK // len(one), 1)
    sums = [np.empty(0)]
    for start in range(0, len(places), rows):
        drawn = b[places[start : start + rows]]
        sums.append(np.sign(drawn[:, one] - drawn[:, other]) @ first)
    return _beyond(float(first @ np.sign(b[one] - b[other])), np.concatenate(sums))


def _beyond(value: float, drawn: PerDraw) -> float:
    """Two-sided p-value; NaN without a value."""
    if not np.isfinite(value):
        return np.nan
    return float((1 + (np.abs(drawn) >= abs(value) * (1 - 1e-9)).sum()) / (1 + len(drawn)))
