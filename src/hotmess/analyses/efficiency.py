"""How many samples does a question need? Bias² and variance against the number of samples (paper, figure 21).

Plug-in figures move with the number of samples, and what looks like convergence is their own bias, 1 - 1/K; unbiased ones stay
where they are, and only their spread shrinks. Both are computed on random subsets of the samples at hand.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from hotmess.analyses.points import additive, ends, frame, measured_groups, squared_only, without_rows
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import NothingToCompare, Notice
from hotmess.groups import Group
from hotmess.infer import Interval
from hotmess.measure import measurement
from hotmess.pairs import masked_terms
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.singles import Singles, singles
from hotmess.tally import Tally

__all__ = ["sample_efficiency"]

_TERMS = ("bias2", "variance", "incoherence")
_LEAST = 6  # contexts, from which on subsets of several sizes can be had
_NUMBERS = 1 << 20  # in an array over questions, draws and samples, so that memory stays bounded

Masks = Bool[ndarray, "question draw sample"]


def sample_efficiency(
    samples: Samples | Any, *, sizes: Sequence[int] | None = None, draws: int = 200, seed: int = 0, rules: Rules = Rules()
) -> Result:
    """Mean and spread of bias², variance and incoherence over random subsets of the samples of each question.

    Args:
        samples: a sample table; the more samples a question has, the more this says.
        sizes: how many samples (with contexts: how many contexts) a subset has, up to half of what there is; by default 2, 3,
            5, 10, 15, 20, 30, ….
        draws: how many subsets of each size.
        seed: of the subsets.
        rules: how to measure; a squared loss.

    Returns:
        Points: `unit` (samples, or contexts), `size`, `estimator` (unbiased, plug-in), questions, and bias2, variance,
        incoherence: the mean over subsets, and as ends the span of the middle 95 % of them, widened by 1 / sqrt(1 - size / K):
        subsets of K samples share some, and differ by less than new samples would. The questions stay the same, so this says
        nothing of other questions.

    Raises:
        NothingToCompare: no question has four samples.
    """
    asked = squared_only(additive(ask(samples, rules)), "sample_efficiency")
    measured = measurement(asked)
    notices = list(without_rows(measured.notices))
    made = asked.each_sample()
    if any(group.nested for group in asked.wholes) and not any(_stacks(asked, made, g)[1] >= _LEAST for g in asked.wholes):
        notices.append(Notice("mixed-contexts", "there are too few contexts for subsets; their samples are put together"))
        asked = ask(asked.samples.without_contexts(), rules)
        made = asked.each_sample()
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for group in measured_groups(asked, measured.rows):
        stacks, most = _stacks(asked, made, group)
        unit = {"unit": "contexts" if group.nested else "samples"}
        for size in _possible(sizes, most):
            rows += [group.name | unit | point for point in _figures(stacks, (size, most), draws, rng, asked.method.level)]
    if not rows:
        raise NothingToCompare(
            "no question has samples enough for subsets", why="two are needed, out of twice as many", hint="four samples or more"
        )
    interval = f"middle of {draws} subsets of the samples of these questions"
    points = frame(rows)
    return Result("sample_efficiency", points, frame([]), asked.method, tuple(notices), asked.samples.source, interval)


def _possible(sizes: Sequence[int] | None, most: int) -> list[int]:
    usual = (2, 3, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500)
    return [size for size in sizes or usual if 2 <= size <= most // 2]


def _stacks(asked: Asked, made: Tally, group: Group) -> tuple[list[Singles], int]:
    """The samples of the questions that have as many (contexts) as the median question, and how many that is."""
    stacks = list(singles(made, asked.method.loss, invalid=asked.method.invalid, chosen=asked.usable(group)))
    most = int(np.median(np.concatenate([s.contexts for s in stacks]))) if stacks else 0
    return [s.where(s.contexts >= most) for s in stacks if (s.contexts >= most).any()], most


def _figures(
    stacks: Sequence[Singles], share: tuple[int, int], draws: int, rng: np.random.Generator, level: float
) -> Iterator[dict[str, Any]]:
    """Figures of subsets of so many of all the samples."""
    size, most = share
    questions = sum(len(s.question) for s in stacks)
    sums = {name: np.zeros((3, draws)) for name in ("unbiased", "plug-in")}  # error, variance, questions
    for s in stacks:
        differences, step = s.differences, max(1, _NUMBERS // s.error.size)
        for first in range(0, draws, step):
            at = slice(first, min(first + step, draws))
            mask = _subsets_of(s, size, at.stop - first, rng)
            error, variance = masked_terms(s, differences, mask)
            sums["unbiased"][:, at] += [error.sum(0), variance.sum(0), np.full(at.stop - first, len(error))]
            error, variance = _plugin(s, mask)
            sums["plug-in"][:, at] += [error.sum(0), variance.sum(0), np.full(at.stop - first, len(error))]
    tail = (1 - level) / 2
    for estimator, (error, variance, count) in sums.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {"bias2": (error - variance) / count, "variance": variance / count, "incoherence": variance / error}
        point: dict[str, Any] = {"estimator": estimator, "size": size, "questions": questions}
        for name in _TERMS:
            point |= ends(name, _span(found[name], tail, wider=1 / np.sqrt(1 - size / most)))
        yield point


def _span(values: Float[ndarray, " draw"], tail: float, *, wider: float) -> Interval:
    """The mean of what is defined, and the quantiles, so much wider."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Interval(np.nan, np.nan, np.nan)
    mean, (low, high) = float(known.mean()), np.quantile(known, (tail, 1 - tail))
    return Interval(mean, float(mean + (low - mean) * wider), float(mean + (high - mean) * wider), 1 - 2 * tail)


def _subsets_of(s: Singles, size: int, draws: int, rng: np.random.Generator) -> Masks:
    """Some samples of each question, at random; with contexts, all samples of some contexts."""
    code = np.unique(s.partner, return_inverse=True)[1].reshape(s.partner.shape)
    here = np.zeros((len(code), int(code.max()) + 1), dtype=bool)
    np.put_along_axis(here, code, values=True, axis=1)
    luck = np.where(here[:, None], rng.random((len(code), draws, here.shape[1])), np.inf)
    chosen = np.argsort(np.argsort(luck, axis=2), axis=2) < size
    return np.take_along_axis(chosen, np.broadcast_to(code[:, None], (len(code), draws, s.partner.shape[1])), axis=2)


def _plugin(s: Singles, mask: Masks) -> tuple[Float[ndarray, "question draw"], Float[ndarray, "question draw"]]:
    count = mask.sum(2)
    error = (mask * s.norm[:, None]).sum(2) / count
    mean = (mask @ s.residual) / count[..., None]
    return error, (error - (mean * mean * s.weight[:, None]).sum(2))
