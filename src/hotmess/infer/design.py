"""How precise would another design be? The variance of pooled incoherence over questions, contexts and samples, from a pilot.

With R = sum V / sum E, the estimate is off by the mean of h_i = V_i - R E_i over questions, and each h_i is a mean over pairs of
contexts of a kernel of their means e = |r|^2 and r (r = f - y)::

    k_12 = (1 - R) (e_1 + e_2) / 2 - <r_1, r_2>

So its spread follows from three numbers: the means of k_12 k_12 (two contexts), k_12 k_13 (three) and k_12 k_34 (four), which are
unbiased as means over different contexts and different samples, for contexts of any number M of samples. In components::

    SE(N, G, M)^2 = [ s_q^2 + t_g^2 / G + t_m^2 / (G M) + 2 S2(M) / (G (G-1)) ] / (N Ebar^2)

s_q: the true h of questions; t_g, t_m: contexts and samples of a = (1 - R) e - 2 <r, mean of r>; S2(M) = trace of the squared
covariance of a context mean. Without contexts every sample is a context of its own (M = 1). `statistics` 6.1 of the design.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["Components", "Moments", "components", "moments"]

PerQuestion = Float[ndarray, " question"]
PerContext = Float[ndarray, "question context"]
ContextPairs = Float[ndarray, "question context context"]
PerDraw = Float[ndarray, " draw"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Means over the contexts of each question (or over questions); NaN where there are too few contexts or samples.

    Two names of a context mean different ones: e1_r12 is the mean of e_1 <r_1, r_2>. Where one context stands in a product twice,
    its two parts are of the same sample (`_same`) or of two different ones (`_other`).

    Attributes:
        error: e.
        variance: e - <r_1, r_2>.
        e1e1_same: e_1 e_1.
        e1e1_other: the same of two samples.
        e1e2: e_1 e_2.
        e1r12_same: e_1 <r_1, r_2>.
        e1r12_other: the same of two samples of context 1.
        e1r23: e_1 <r_2, r_3>.
        r12r12_same: <r_1, r_2>^2 of single samples.
        r12r12_mixed: <r_1, r_2> <r_1, r_2'> with two samples of one of the contexts.
        r12r12_other: two samples of both.
        r12r13_same: <r_1, r_2> <r_1, r_3>.
        r12r13_other: the same of two samples of context 1.
        r12r34: <r_1, r_2> <r_3, r_4>.
    """

    error: Float[ndarray, " row"]
    variance: Float[ndarray, " row"]
    e1e1_same: Float[ndarray, " row"]
    e1e1_other: Float[ndarray, " row"]
    e1e2: Float[ndarray, " row"]
    e1r12_same: Float[ndarray, " row"]
    e1r12_other: Float[ndarray, " row"]
    e1r23: Float[ndarray, " row"]
    r12r12_same: Float[ndarray, " row"]
    r12r12_mixed: Float[ndarray, " row"]
    r12r12_other: Float[ndarray, " row"]
    r12r13_same: Float[ndarray, " row"]
    r12r13_other: Float[ndarray, " row"]
    r12r34: Float[ndarray, " row"]

    def pooled(self, weights: Float[ndarray, "draw question"]) -> "Moments":
        """Weighted means over questions, of each where it is known."""
        rows = np.stack([getattr(self, name) for name in Moments.__slots__])
        known = np.isfinite(rows)
        with np.errstate(invalid="ignore", divide="ignore"):  # what is known of no question stays unknown
            means = (np.where(known, rows, 0.0) @ weights.T) / (known @ weights.T)
        return Moments(*means)


def moments(
    gram: Float[ndarray, "question sample sample"],
    error: Float[ndarray, "question sample"],
    context: Int[ndarray, "question sample"],
) -> Moments:
    """The moments of each question.

    Args:
        gram: inner products <r_k, r_l> of the residuals of its samples.
        error: their losses <r_k, r_k>.
        context: a number for the context of each, from 0; samples that stand alone have one each.
    """
    own = (context[:, :, None] == np.arange(int(context.max()) + 1)).astype(float)  # question, sample, context
    m = own.sum(1)
    near = gram @ own  # sum over the samples of each context
    to = np.where(own > 0, 0.0, _over(near, m[:, None]))  # <r_k, mean r of another context>
    pair = _over(own.transpose(0, 2, 1) @ to, m[:, :, None])  # <mean r_1, mean r_2>
    e = _over((error[..., None] * own).sum(1), m)
    mean = _mean(e, m > 0)
    found = (
        mean,
        mean - _pairs(pair, m > 0),
        *_of_errors(error, own, e, m),
        *_of_both(error, own, to, pair, e, m),
        *_of_pairs(gram, own, near, m),
        *_of_triples(own, to, m),
        _quadruples(pair, m),
    )
    return Moments(*found)


def _over(a: Float[ndarray, "..."], b: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """Divide; 0 where b is not above 0, since nothing is there."""
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def _ratio(a: PerQuestion, b: PerQuestion) -> PerQuestion:
    """Divide; NaN where b is not above 0."""
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), np.nan)


def _mean(values: PerContext, where: ndarray) -> PerQuestion:
    return _ratio(np.where(where, values, 0.0).sum(1), where.sum(1).astype(float))


def _pairs(values: ContextPairs, first: ndarray, second: ndarray | None = None) -> PerQuestion:
    """Mean over ordered pairs of different contexts."""
    second = first if second is None else second
    where = first[:, :, None] & second[:, None, :] & ~np.eye(first.shape[1], dtype=bool)
    return _ratio(np.where(where, values, 0.0).sum((1, 2)), where.sum((1, 2)).astype(float))


def _of_errors(error: Float[ndarray, "question sample"], own: ndarray, e: PerContext, m: PerContext) -> tuple[PerQuestion, ...]:
    square = ((error**2)[..., None] * own).sum(1)
    other = _over((m * e) ** 2 - square, m * (m - 1))
    return _mean(_over(square, m), m > 0), _mean(other, m > 1), _pairs(e[:, :, None] * e[:, None, :], m > 0)


def _of_both(
    error: Float[ndarray, "question sample"], own: ndarray, to: ndarray, pair: ContextPairs, e: PerContext, m: PerContext
) -> tuple[PerQuestion, ...]:
    same = (error[..., None] * own).transpose(0, 2, 1) @ to  # sum over samples of e_k <r_k, mean r_2>
    each = m[:, :, None]
    other = _over(each**2 * e[:, :, None] * pair - same, each * (each - 1))
    there, count = m > 0, (m > 0).sum(1).astype(float)
    row = pair.sum(2)
    triples = (e * (row.sum(1)[:, None] - 2 * row)).sum(1)
    return (
        _pairs(_over(same, each), there),
        _pairs(other, m > 1, there),
        _ratio(triples, count * (count - 1) * (count - 2)),
    )


def _of_pairs(gram: ndarray, own: ndarray, near: ndarray, m: PerContext) -> tuple[PerQuestion, ...]:
    """<r_1, r_2>^2 with one sample or two of each context: traces of products of second moments."""
    turned = own.transpose(0, 2, 1)
    a, b = m[:, :, None], m[:, None, :]
    square, total = turned @ gram**2 @ own, turned @ near
    rows = turned @ near**2  # over samples of the first context, of the sum over the second, squared
    mixed = _over(rows - square, a * b * (b - 1))
    other = _over(total**2 - rows - rows.transpose(0, 2, 1) + square, a * (a - 1) * b * (b - 1))
    return _pairs(_over(square, a * b), m > 0), _pairs(mixed, m > 0, m > 1), _pairs(other, m > 1)


def _of_triples(own: ndarray, to: ndarray, m: PerContext) -> tuple[PerQuestion, ...]:
    count = (m > 0).sum(1).astype(float)
    apart = ((count - 1) * (count - 2))[:, None]
    single = ((to.sum(2) ** 2 - (to**2).sum(2))[..., None] * own).sum(1)  # over two other contexts
    sums = own.transpose(0, 2, 1) @ to
    both = sums.sum(2) ** 2 - (sums**2).sum(2)
    same, other = _over(single, m * apart), _over(both - single, m * (m - 1) * apart)
    enough = count >= 3
    return tuple(np.where(enough, _mean(x, where), np.nan) for x, where in ((same, m > 0), (other, m > 1)))


def _quadruples(pair: ContextPairs, m: PerContext) -> PerQuestion:
    count = (m > 0).sum(1).astype(float)
    row = pair.sum(2)
    different = row.sum(1) ** 2 - 4 * (row**2).sum(1) + 2 * (pair**2).sum((1, 2))
    return np.where(count >= 4, _ratio(different, count * (count - 1) * (count - 2) * (count - 3)), np.nan)


# ---------------------------------------------------------------------------------------------- components


@dataclass(frozen=True, slots=True)
class Components:
    """What the variance of an estimate is made of: for N = 1, and in units of the estimate. A row each for several draws.

    Attributes:
        four: mean of k_12 k_34; NaN where no question has four contexts. Then, and where there are no three, what more contexts
            would save is not known, and none of it is counted on.
        three: mean of k_12 k_13 with one sample of context 1, and with two.
        two: mean of k_12 k_12 with single samples, with two samples of one context, and of both.
    """

    four: PerDraw
    three: Float[ndarray, "2 draw"]
    two: Float[ndarray, "3 draw"]

    @property
    def question(self) -> PerDraw:
        """s_q^2: what questions add, however often they are asked."""
        return self.four

    @property
    def context(self) -> PerDraw:
        """t_g^2: what contexts add."""
        return 4 * (self.three[1] - self.four)

    @property
    def sample(self) -> PerDraw:
        """t_m^2: what samples of a context add."""
        return 4 * (self.three[0] - self.three[1])

    def pairs(self, samples: float) -> PerDraw:
        """S2(M): what the product of two context means adds, which matters where there are few contexts."""
        return self._two(samples) - self.four - (self.context + self.sample / samples) / 2

    def _two(self, samples: float) -> PerDraw:
        x = 1 / samples
        return x * x * self.two[0] + (2 * x * (1 - x) * self.two[1] + (1 - x) ** 2 * self.two[2] if x < 1 else 0.0)

    def _three(self, samples: float) -> PerDraw:
        x = 1 / samples
        return x * self.three[0] + ((1 - x) * self.three[1] if x < 1 else 0.0)

    def bracket(self, contexts: float, samples: float, *, fixed: bool = False) -> PerDraw:
        """N SE^2 of a design: over questions, or (`fixed`) of exactly these questions, which s_q^2 is not part of.

        No part is below zero: where questions seem to add less than nothing, by chance, they add nothing, and contexts and
        samples, which are better known, what they add.
        """
        g = contexts
        two = self._two(samples)
        three = two if np.isnan(self.three[0]).all() else self._three(samples)
        four = three if np.isnan(self.four).all() else self.four
        less = np.maximum(-four, 0.0)
        four, three, two = four + less, three + less, two + less
        three = np.maximum(three, four)
        two = np.maximum(two, 2 * three - four)
        pairs = g * (g - 1)
        whole = (2 * two + 4 * (g - 2) * three + (g - 2) * (g - 3) * four) / pairs
        return whole - four if fixed else whole

    def plus(self, value: PerDraw) -> "Components":
        """The same with so much more (or less) that is due to questions."""
        return Components(self.four + value, self.three + value, self.two + value)

    def beside(self, other: "Components") -> "Components":
        """The difference of two estimates from different samples, but for what their questions share."""
        return Components(self.four + other.four, self.three + other.three, self.two + other.two)


def components(pooled: Moments, of: Literal["incoherence", "error"]) -> Components:
    """The components of incoherence, or of the mean error, from moments that were pooled over questions."""
    if of == "error":
        return _of_mean(pooled)
    with np.errstate(invalid="ignore", divide="ignore"):  # without error there is no incoherence
        c = (1 - pooled.variance / pooled.error) / 2
        scale = 1 / pooled.error**2
    e1 = _known(pooled.e1e1_same, pooled.e1e1_other)
    e1r12 = _known(pooled.e1r12_same, pooled.e1r12_other)
    r12r13 = _known(pooled.r12r13_same, pooled.r12r13_other)
    mixed = _known(pooled.r12r12_same, pooled.r12r12_mixed)[1]
    r12r12 = np.stack([pooled.r12r12_same, mixed, _known(mixed, pooled.r12r12_other)[1]])
    two = 2 * c**2 * (_line(e1) + pooled.e1e2) - 4 * c * _line(e1r12) + r12r12
    three = c**2 * (e1 + 3 * pooled.e1e2) - 2 * c * (e1r12 + pooled.e1r23) + r12r13
    four = 4 * c**2 * pooled.e1e2 - 4 * c * pooled.e1r23 + pooled.r12r34
    return Components(scale * four, scale * three, scale * two)


def _of_mean(pooled: Moments) -> Components:
    """Those of a mean over contexts, as if it were one over pairs of them."""
    e1 = _known(pooled.e1e1_same, pooled.e1e1_other)
    four = pooled.e1e2 - pooled.error**2
    apart = e1 - pooled.e1e2
    return Components(four, four + apart / 4, four + _line(apart) / 2)


def _known(same: PerDraw, other: PerDraw) -> Float[ndarray, "2 draw"]:
    """Both; where no context has two samples, what more of them would save is not known, and none of it is counted on."""
    return np.stack([same, np.where(np.isnan(other), same, other)])


def _line(ends: Float[ndarray, "2 draw"]) -> Float[ndarray, "3 draw"]:
    """What is linear in 1/M, in the form of what is quadratic in it."""
    return np.stack([ends[0], ends.mean(0), ends[1]])
