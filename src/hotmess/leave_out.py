"""Terms of every question with one sample, or one context, left out.

What a fixed benchmark would have given with other samples, or all questions with other prompts, is judged by leaving one
out at a time and computing the same formula again (the jackknife). It needs three: of two, one alone has no variance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.blocks import Block, Invalid, blocks
from hotmess.decompose import Split, formula
from hotmess.sums import DELTA, Loss
from hotmess.tally import Tally

__all__ = ["LeftOut", "leave_out"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One row for each thing left out of each question; equal votes share a row.

    Attributes:
        question: which question it was left out of.
        context: a number for the context that was left out, the same in every question; -1 for a vote.
        count: how many there are of it in the question.
        error: the error of the question without it.
        variance: the variance without it.
    """

    question: Int[ndarray, " row"]
    context: Int[ndarray, " row"]
    count: Float[ndarray, " row"]
    error: Float[ndarray, " row"]
    variance: Float[ndarray, " row"]


def leave_out(
    tally: Tally, loss: Loss = "brier", *, plugin: bool = False, invalid: Invalid = "class", delta: float = DELTA
) -> LeftOut:
    """Leave each context out of its question in turn; where there is only one, each sample.

    Questions of fewer than three contexts (or samples) have no row. Samples of a tally that is not of votes can only be left
    out when it was taken with `each_sample`.
    """
    split = formula(loss, plugin=plugin, delta=delta)
    codes = _context_codes(tally)
    rows = [
        row for b in blocks(tally, invalid=invalid, delta=delta, pairs=loss in ("kl", "mode")) for row in _rows(b, split, codes)
    ]
    if not rows:
        none = np.zeros(0)
        return LeftOut(none.astype(int), none.astype(int), none, none, none)
    columns = [np.concatenate([np.asarray(getattr(row, name)) for row in rows]) for name in LeftOut.__slots__]
    return LeftOut(*columns)


def _context_codes(tally: Tally) -> Int[ndarray, " cell"]:
    if "context_id" not in tally.inner:
        return np.full(tally.cells.height, -1)
    return tally.cells["context_id"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _rows(b: Block, split: Callable[[Block], Split], codes: Int[ndarray, " cell"]) -> Iterator[LeftOut]:
    contexts = b.samples.shape[1]
    if contexts >= 3:
        for left in range(contexts):
            found = split(_without_context(b, left))
            ones = np.ones(len(b.question))
            yield LeftOut(b.question, codes[b.cell[:, left]], ones, found.error, found.variance)
    elif contexts == 1 and b.votes:
        for less, count in _without_a_vote(b):
            found = split(less)
            none = np.full(len(less.question), -1)
            yield LeftOut(less.question, none, count, found.error, found.variance)


def _without_context(b: Block, left: int) -> Block:
    keep = [context for context in range(b.samples.shape[1]) if context != left]
    return replace(
        b,
        cell=b.cell[:, keep],
        samples=b.samples[:, keep],
        total=b.total[:, keep],
        square=b.square[:, keep],
        log=None if b.log is None else b.log[:, keep],
        guesses=b.guesses[:, keep],
        crossfit=None,
    )


def _without_a_vote(b: Block) -> Iterator[tuple[Block, Float[ndarray, " question"]]]:
    """The block with one vote for a class less (then one guess less), for the questions that have one; and how many."""
    votes = b.total[:, 0] - b.guesses * b.guess
    enough = b.samples[:, 0] >= 3
    ones = np.eye(votes.shape[1])
    for unit, one in enumerate(ones):
        has = enough & (votes[:, unit] > 0.5)
        if has.any():
            yield _less(b, has, np.broadcast_to(one, b.guess[has].shape), square=np.ones(has.sum())), votes[has, unit]
    has = enough & (b.guesses[:, 0] > 0)
    if has.any():
        less = _less(b, has, b.guess[has], square=(b.guess[has] ** 2 * b.weight[has]).sum(1))
        yield replace(less, guesses=less.guesses - 1), b.guesses[has, 0]


def _less(b: Block, has: ndarray, f: Float[ndarray, "question unit"], *, square: Float[ndarray, " question"]) -> Block:
    return Block(
        question=b.question[has],
        cell=b.cell[has],
        samples=b.samples[has] - 1,
        total=b.total[has] - f[:, None],
        square=b.square[has] - square[:, None],
        target=b.target[has],
        weight=b.weight[has],
        log=None,
        guesses=b.guesses[has],
        votes=True,
    )
