"""Single samples of each question as dense arrays, for what looks at samples one by one or two by two.

Sums per question serve every headline, but not a split by length, a partner in disagreement or a permutation. For these a
tally is taken with `each_sample`, and its questions of one shape are stacked: r = f - y for every sample, and from it the
inner products <r_k, r_l>_w of all pairs. Contexts weigh equally, as everywhere: a sample of context g of G, which has M_g
samples, has the share 1/(G M_g) of its question, and pairs come from different contexts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from hotmess.blocks import Block, Invalid, blocks
from hotmess.sums import Loss
from hotmess.tally import Tally

__all__ = ["Singles", "singles"]

PerSample = Float[ndarray, "question sample"]
Pairs = Float[ndarray, "question sample sample"]

_PAIRS = 1 << 20  # numbers in an array over pairs of samples, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class Singles:
    """The samples of questions that have equally many. Axes: question, sample, unit.

    Attributes:
        question: where the question stands among the questions of the tally.
        sample: where the sample stands among its cells.
        residual: prediction minus target, r = f - y; without a target, the prediction itself.
        target: the right prediction y; 0 where there is none.
        weight: how much a unit counts in the inner product; see `hotmess.blocks.Block`.
        error: the loss of a sample, <r, r>_w; NaN where there is no target.
        context: a number for its context, the same in every question; without contexts, one for each sample.
        length: its length; NaN where nobody knows it.
    """

    question: Int[ndarray, " question"]
    sample: Int[ndarray, "question sample"]
    residual: Float[ndarray, "question sample unit"]
    target: Float[ndarray, "question unit"]
    weight: Float[ndarray, "question unit"]
    error: PerSample
    context: Int[ndarray, "question sample"]
    length: PerSample

    @property
    def prediction(self) -> Float[ndarray, "question sample unit"]:
        """The prediction f of each sample."""
        return self.residual + self.target[:, None]

    @property
    def norm(self) -> PerSample:
        """Squared norm of the residual: the error, and without a target the squared norm of the prediction."""
        return np.einsum("nku,nku,nu->nk", self.residual, self.residual, self.weight)

    @property
    def gram(self) -> Pairs:
        """Inner products <r_k, r_l>_w of the residuals of all pairs."""
        return (self.residual * self.weight[:, None]) @ self.residual.swapaxes(1, 2)

    @property
    def partner(self) -> Int[ndarray, "question sample"]:
        """Samples with different numbers may be paired: the context; where a question has only one, the sample itself."""
        single = (self.context == self.context[:, :1]).all(1, keepdims=True)
        return np.where(single, np.arange(self.context.shape[1]), self.context)

    @property
    def alike(self) -> Bool[ndarray, "question sample sample"]:
        """Pairs that say nothing of the variance: a sample with itself, and with others of its context."""
        return self.partner[:, :, None] == self.partner[:, None, :]

    @property
    def apart(self) -> Bool[ndarray, "question sample sample"]:
        """Pairs of samples from different contexts; where a question has only one, of different samples."""
        return ~self.alike

    @property
    def differences(self) -> Pairs:
        """|f_k - f_l|^2 / 2 for pairs that are apart, else 0; its mean over these is the variance."""
        gram = self.gram
        norm = np.diagonal(gram, axis1=1, axis2=2)
        half = (norm[:, :, None] + norm[:, None, :]) / 2 - gram
        return np.where(self.alike, 0.0, np.maximum(half, 0.0))

    @property
    def contexts(self) -> Float[ndarray, " question"]:
        """Between how many contexts pairs can be made; where a question has only one, between how many samples."""
        return 1.0 + (np.diff(np.sort(self.partner, axis=1), axis=1) != 0).sum(1)

    @property
    def share(self) -> PerSample:
        """How much a sample weighs in its question: 1/(G M_g); adds up to 1."""
        return 1.0 / (self.own_count() * self.contexts[:, None])

    def where(self, keep: Bool[ndarray, " question"]) -> "Singles":
        """The same of some of the questions."""
        return Singles(**{name: getattr(self, name)[keep] for name in Singles.__slots__})

    def own_count(self) -> PerSample:
        """How many samples the context of a sample has, itself among them."""
        if self.is_flat:
            return np.ones(self.context.shape)
        return self.alike.sum(2).astype(float)

    def own_mean(self, values: Float[ndarray, "question sample unit"]) -> Float[ndarray, "question sample unit"]:
        """The mean of values over the context of each sample."""
        if self.is_flat:
            return values
        return (self.alike.astype(float) @ values) / self.own_count()[..., None]

    @property
    def is_flat(self) -> bool:
        """Whether any two samples of a question may be paired."""
        return bool((self.contexts == self.context.shape[1]).all())


def singles(
    tally: Tally, loss: Loss = "brier", *, invalid: Invalid = "class", chosen: Int[ndarray, " chosen"] | None = None
) -> Iterator[Singles]:
    """Stack the samples of questions with equally many of them, a bounded number of pairs at a time.

    Questions without a target are left out whole, as in `decompose`; the loss spread needs none.

    Args:
        tally: sums that were taken with `each_sample`, and with `length` if lengths are wanted.
        loss: the loss it was taken for.
        invalid: what a sample is from which no answer could be read.
        chosen: numbers of the questions that are wanted, among those of the tally; all of them by default.

    Raises:
        ValueError: the cells of the tally are not single samples.
    """
    if "sample_id" not in tally.inner:
        raise ValueError("single samples are wanted; take the tally with each_sample=True")
    context = _contexts(tally)
    length = _lengths(tally)
    for b in blocks(tally, invalid=invalid):
        wanted = np.ones(len(b.question), dtype=bool) if chosen is None else np.isin(b.question, chosen)
        if tally.space != "points" and loss != "spread":
            wanted &= b.target.any(1)
        samples, units = b.total.shape[1:]
        step = max(1, _PAIRS // (samples * max(samples, units, 1)))
        members = np.flatnonzero(wanted)
        for some in np.split(members, range(step, len(members), step)):
            if len(some):
                yield _singles(b, some, context, length, aimed=loss != "spread")


def _contexts(tally: Tally) -> Int[ndarray, " cell"] | None:
    if "context_id" not in tally.inner:
        return None
    return tally.cells["context_id"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _lengths(tally: Tally) -> Float[ndarray, " cell"]:
    if "lengths" not in tally.cells.columns:
        return np.full(tally.cells.height, np.nan)
    known = tally.cells["lengths"].to_numpy()
    return np.where(known > 0, tally.cells["length"].to_numpy() / np.maximum(known, 1), np.nan)


def _singles(
    b: Block, some: Int[ndarray, " some"], context: Int[ndarray, " cell"] | None, length: Float[ndarray, " cell"], *, aimed: bool
) -> Singles:
    cell, weight, target = b.cell[some], b.weight[some], b.target[some]
    residual = b.total[some] - target[:, None]
    error = np.einsum("nku,nku,nu->nk", residual, residual, weight)
    return Singles(
        question=b.question[some],
        sample=cell,
        residual=residual,
        target=target,
        weight=weight,
        error=error if aimed else np.full(cell.shape, np.nan),
        context=np.broadcast_to(np.arange(cell.shape[1]), cell.shape) if context is None else context[cell],
        length=length[cell],
    )
