"""Which questions turned: those whose variance, or bias², changed by more than their samples could by chance.

The samples of a question (where it has contexts, these) are dealt anew to the two arms, many times: where both answer alike, one
deal is as likely as another. That is exact for any number of samples and any kind of prediction; it needs no error to be normal.
Of many questions some will look changed, so the share of false ones among those that are named is kept (Benjamini and Hochberg,
1995). Contexts are dealt whole, since samples of one context belong together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import comb
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.stats import false_discovery_control

from hotmess.asked import Asked
from hotmess.blocks import Block, blocks
from hotmess.decide.arms import question_name
from hotmess.frames import polars
from hotmess.groups import Group
from hotmess.samples import GROUPS, Samples
from hotmess.sums import Loss
from hotmess.tally import tally

__all__ = ["FALSE", "Turned", "tested_loss", "turned"]

FALSE = 0.05  # share of false ones among the questions that are named
_SIDE = "\x1f"  # between the side and the name of a context; no name has it
_SURE = 2.0  # standard errors from which on a change of variance, or of bias², is taken for one
_LOOK = 499  # deals after which a question that looks unchanged is let be
_UNCHANGED = 0.2  # the p-value from which on it does
_FEW = 2  # of what is dealt, on each side, below which there is no variance

Deals = Bool[ndarray, "deal unit"]


@dataclass(frozen=True, slots=True)
class Turned:
    """Every question that could be tested. Axis: question.

    Attributes:
        question: its name.
        first_variance: its variance in the first arm, under the loss that was tested: Brier where kl or mode was asked for.
        first_bias: its bias² there.
        variance: its variance in the second arm less that in the first.
        bias: the same of bias².
        error_variance: the standard error of the change of variance, one sample (or context) left out at a time.
        error_bias: that of the change of bias².
        p_variance: of no difference in variance, two-sided, not corrected.
        p_bias: of none in bias².
        p: of none in either, not corrected for other questions: two looks at one question are one test.
        dealt: what was dealt: samples or contexts.
        least: the smallest p-value that any of the questions could have had, for their few samples.
    """

    question: tuple[str, ...]
    first_variance: Float[ndarray, " question"]
    first_bias: Float[ndarray, " question"]
    variance: Float[ndarray, " question"]
    bias: Float[ndarray, " question"]
    error_variance: Float[ndarray, " question"]
    error_bias: Float[ndarray, " question"]
    p_variance: Float[ndarray, " question"]
    p_bias: Float[ndarray, " question"]
    p: Float[ndarray, " question"]
    dealt: str
    least: float

    def named(self) -> Iterator[tuple[int, str]]:
        """The place of each question that turned, and into what; those of the largest changes first."""
        if not self.question:
            return
        found = false_discovery_control(self.p, method="bh") <= FALSE
        size = np.maximum(np.abs(self.variance), np.abs(self.bias)) * found
        for place in np.argsort(-size, kind="stable"):
            if size[place] > 0:
                yield int(place), _word(self, int(place))


def _word(of: Turned, place: int) -> str:
    """What a question turned into: what surely rose tells it; where nothing did, what surely fell; else the larger change.

    That its answers changed is what the deals test. They do not test which of the two did: where the answers go from one thing to
    another, deals that mix both move the variance although it is what it was. So the word rests on its own standard error.
    """
    variance, bias = float(of.variance[place]), float(of.bias[place])
    sure = {
        "messy": variance > _SURE * of.error_variance[place],
        "systematic": bias > _SURE * of.error_bias[place],
        "less messy": -variance > _SURE * of.error_variance[place],
        "less systematic": -bias > _SURE * of.error_bias[place],
    }
    if any(sure.values()):
        return next(word for word, is_so in sure.items() if is_so)
    larger, change = ("messy", variance) if abs(variance) >= abs(bias) else ("systematic", bias)
    return larger if change > 0 else f"less {larger}"


_NUMBERS = tuple(field.name for field in fields(Turned) if field.name not in ("question", "dealt", "least"))


def tested_loss(loss: Loss) -> Loss:
    """The loss under which single questions are tested: one of the squared family."""
    return "brier" if loss in ("kl", "mode") else loss


def turned(asked: Asked, first: Group, second: Group, shared: set[str], *, draws: int, seed: int) -> Turned:
    """Test every shared question of two arms.

    Args:
        asked: the terms, and the samples that they were made of.
        first: one arm.
        second: the other.
        shared: the names of the questions that both answered.
        draws: how many deals.
        seed: of the deals.
    """
    loss = tested_loss(asked.method.loss)
    nested = first.nested or second.nested
    joint = _joint(asked, first, second, nested=nested)
    made = tally(joint, loss, each_sample=not nested)
    side = made.cells["context_id"].str.starts_with(f"1{_SIDE}").to_numpy()
    names = made.questions()["question_id"].cast(pl.String).to_list()
    rng = np.random.default_rng(seed)
    deals: dict[tuple[int, int], Deals] = {}
    rows: list[tuple[Any, ...]] = []
    for b in blocks(made, invalid=asked.method.invalid):
        for row, question in enumerate(b.question):
            second_side = side[b.cell[row]]
            counts = (len(second_side), int(second_side.sum()))
            if names[question] not in shared or (not b.target[row].any() and made.space != "points"):
                continue
            if min(counts[1], counts[0] - counts[1]) < _FEW:
                continue
            if counts not in deals:
                deals[counts] = _deals(rng, counts, draws)
            seen = _tested(b, row, second_side, deals[counts][:_LOOK])
            if seen[-1] <= _UNCHANGED and draws > _LOOK:
                seen = _tested(b, row, second_side, deals[counts])
            rows.append((names[question], *seen))
    numbers = dict(zip(_NUMBERS, np.array([row[1:] for row in rows], dtype=float).reshape(-1, len(_NUMBERS)).T, strict=True))
    least = min((max(2 / comb(*counts), 1 / (draws + 1)) for counts in deals), default=1.0)
    return Turned(tuple(row[0] for row in rows), **numbers, dealt="contexts" if nested else "samples", least=least)


def _joint(asked: Asked, first: Group, second: Group, *, nested: bool) -> Samples:
    """The samples of both arms as those of one, each with its side and its context in the name of its context."""
    samples = asked.samples
    frame = polars(samples.frame)
    name = question_name(asked.rules.pool, samples.columns)
    own = pl.col("context_id").cast(pl.String).fill_null("") if nested and samples.has("context_id") else pl.lit("")
    sides = []
    for side, group in enumerate((first, second)):
        mine = [pl.col(name).eq_missing(pl.lit(value)) for name, value in group.name.items() if name in GROUPS]
        named = frame.filter(*mine).with_columns(question_id=name, context_id=pl.concat_str(pl.lit(f"{side}{_SIDE}"), own))
        sides.append(named)
    keep = [name for name in samples.columns if name not in (*GROUPS, "context_id")]
    joint = pl.concat([one.select(*keep, "context_id") for one in sides])
    return replace(samples, frame=nw.from_native(joint), columns=(*keep, "context_id"))


def _deals(rng: np.random.Generator, counts: tuple[int, int], draws: int) -> Deals:
    """Which of the units go to the second side, in each deal."""
    units, second = counts
    order = np.argsort(rng.random((draws, units)), axis=1)
    return order < second


def _tested(b: Block, row: int, side: Bool[ndarray, " unit"], deals: Deals) -> tuple[float, ...]:
    """Variance and bias² of a question, how they changed, with standard errors, and the share of deals that change as much.

    The share is that of each of the two, and of either.

    Of either: a deal changes as much where its rarer change is as rare as what was seen (Westfall and Young, 1993).
    """
    residual = b.mean[row] - b.target[row]  # (unit, coordinate)
    weight, y = b.weight[row], b.target[row]
    error = b.square[row] / b.samples[row] + ((y - 2 * b.mean[row]) * y * weight).sum(-1)
    scaled = residual * np.sqrt(weight)
    all_deals = np.vstack([side[None], deals])
    second, first = _split(scaled, error, all_deals), _split(scaled, error, ~all_deals)
    variance, bias = second[0] - first[0], second[1] - first[1]
    rare = [_rarity(change) for change in (variance, bias)]
    either = np.minimum(*rare)
    p = float((either <= either[0]).mean())
    errors = np.hypot(_own(scaled, error, side), _own(scaled, error, ~side))
    seen = (first[0][0], first[1][0], variance[0], bias[0], *errors, rare[0][0], rare[1][0], p)
    return tuple(float(number) for number in seen)


def _own(
    residual: Float[ndarray, "unit coordinate"], error: Float[ndarray, " unit"], side: Bool[ndarray, " unit"]
) -> Float[ndarray, "2"]:
    """Jackknife standard errors of variance and of bias² of one side; none where there are too few to leave one out."""
    units = np.flatnonzero(side)
    if len(units) <= _FEW:
        return np.full(2, np.inf)
    without = np.repeat(side[None], len(units), axis=0)
    without[np.arange(len(units)), units] = False
    found = np.stack(_split(residual, error, without))
    spread = ((found - found.mean(1, keepdims=True)) ** 2).sum(1)
    return np.sqrt((len(units) - 1) / len(units) * spread)


def _split(
    residual: Float[ndarray, "unit coordinate"], error: Float[ndarray, " unit"], chosen: Deals
) -> tuple[Float[ndarray, " deal"], Float[ndarray, " deal"]]:
    """Variance and bias² of the chosen units, unbiased, for each deal."""
    picked = chosen.astype(float)
    n = picked.sum(1)
    norm = (residual * residual).sum(1)
    bias = (((picked @ residual) ** 2).sum(1) - picked @ norm) / (n * (n - 1))
    return picked @ error / n - bias, bias


def _rarity(values: Float[ndarray, " deal"]) -> Float[ndarray, " deal"]:
    """The share of deals that change as much as each of them; the first one is what was seen."""
    size = np.abs(values)
    return (len(size) - np.searchsorted(np.sort(size), size - 1e-12)) / len(size)
