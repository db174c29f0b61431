"""How often each question was answered rightly: performance, beside the kinds of error."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.asked import Asked
from hotmess.blocks import Block, blocks
from hotmess.decompose import decompose
from hotmess.tally import Tally, count_questions, tally

__all__ = ["accuracy"]


def accuracy(asked: Asked) -> Float[ndarray, " question"] | None:
    """The share of the samples of each question that are right; None where nothing is right or wrong.

    Answers are right where they are the target, probabilities where the target is the most probable, runs of unit tests where
    all pass; scores count by their mean. An answer that could not be read is not right, whatever `invalid` is.
    """
    samples = asked.samples
    if samples.kind == "vector" or not samples.has_target:
        return None
    if samples.kind == "probabilities":
        keys = {*samples.keys}
        made = tally(samples, "mode", by=[name for name in asked.tally.keys if name not in keys])
        return _right(made)
    if asked.tally.space == "votes":
        return _right(asked.tally)
    passed = _passed if samples.kind == "tests" else _mean_score
    made = asked.each_sample() if samples.kind == "tests" else asked.tally
    out = np.full(count_questions(asked.tally), np.nan)
    for question, value in passed(made):
        out[question] = value
    return out


def _right(made: Tally) -> Float[ndarray, " question"]:
    return 1.0 - decompose(made, "mode", plugin=True).error


def _mean_score(made: Tally) -> Iterator[tuple[Int[ndarray, " question"], Float[ndarray, " question"]]]:
    for b in map(Block.pooled, blocks(made)):
        yield b.question, b.mean[:, 0, 0]


def _passed(made: Tally) -> Iterator[tuple[Int[ndarray, " question"], Float[ndarray, " question"]]]:
    """The share of runs that pass every test."""
    for b in blocks(made):
        failed = ((b.total < 1.0) & (b.weight[:, None] > 0)).any(2)
        yield b.question, 1.0 - failed.mean(1)
