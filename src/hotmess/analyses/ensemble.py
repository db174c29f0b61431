"""What would asking several times and taking the mean leave of the error? Figures 7b and 11 of the paper.

Variance falls as one over the size of the ensemble, bias² stays. From unbiased terms the whole curve follows in closed form, for
any size, with intervals; making ensembles of the samples at hand, as the paper does, gives a few noisy points of it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.points import additive, ends, frame, measured_groups, of_questions, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.blocks import blocks
from hotmess.doubt import Doubt, doubt_about
from hotmess.ensembles import Ensemble, disjoint, ensemble_terms, kl_ensembles, one_hot_limit
from hotmess.errors import LossMismatch, NothingToCompare, Notice, one_of
from hotmess.groups import Group
from hotmess.infer import Effect, power_law, ratio_interval, share_interval
from hotmess.measure import measurement
from hotmess.repeats import alike
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.singles import Singles, singles
from hotmess.tally import Tally

__all__ = ["by_ensemble"]

Scheme = Literal["closed", "disjoint"]

_SIZES = (1, 2, 4, 8, 16, 32)
_MEAN, _NEW, _ONE, _DISJOINT = "mean", "new contexts", "one context", "disjoint (plug-in)"

Members = Int[ndarray, " member"]


def by_ensemble(
    samples: Samples | Any,
    *,
    sizes: Sequence[int] = _SIZES,
    designs: Sequence[tuple[int, int]] = (),
    scheme: Scheme = "closed",
    ensembles: int = 10,
    seed: int = 0,
    rules: Rules = Rules(),
) -> Result:
    """Error, bias², variance and incoherence of the mean of several samples.

    Args:
        samples: a sample table.
        sizes: how many samples an ensemble has.
        designs: further ensembles: so many contexts, and so many samples in each.
        scheme: closed, from the unbiased terms; or disjoint, the paper's: plug-in terms over ensembles that share no sample.
        ensembles: how many of them (disjoint).
        seed: deals samples out to ensembles (disjoint, and kl).
        rules: how to measure. Under kl, arithmetic and geometric means are made of the samples; under mode, the limit of
            kl for plain answers is used.

    Returns:
        Points: `way` (how the ensemble is made), `size`, questions, and error, bias2, variance, incoherence with their ends; for
        answers and right/wrong also `some_right`, the chance that some of its samples is right (pass@E), as far as every
        question has so many. Tests: the share of the error that no ensemble takes away; of disjoint ones, the exponent of
        variance in size.

    Raises:
        NothingToCompare: no question has samples enough for two sizes.
    """
    one_of("scheme", scheme, ("closed", "disjoint"))
    if not sizes or min(sizes) < 1:
        raise NothingToCompare(f"sizes are {list(sizes)}; an ensemble has one sample at least", hint="sizes=(1, 2, 4, 8)")
    asked = additive(ask(samples, rules))
    measured = measurement(asked)
    plugin = asked.method.estimator == "plugin"
    if plugin and asked.method.loss in ("kl", "mode"):
        raise LossMismatch("ensembles under kl and mode have no plug-in terms here", hint="--estimator unbiased; or --loss brier")
    if asked.method.loss == "mode" and asked.method.invalid == "uniform":
        raise LossMismatch("a uniform guess is no vote that an ensemble could take", hint="--invalid class; or --loss brier")
    rng = np.random.default_rng(seed)
    disjoint_of = ensembles if plugin or scheme == "disjoint" else 0
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    groups = measured_groups(asked, measured.rows)
    made = asked.each_sample() if disjoint_of or asked.method.loss in ("kl", "mode") else asked.tally
    for group in groups:
        for way in _ways(asked, made, group, sizes, designs, disjoint_of, rng):
            rows += [group.name | point for point in _points(way, asked.method.level)]
            tests += [group.name | test for test in _tests(asked, group, way)]
    if not rows:
        raise NothingToCompare(
            f"no question has samples enough for {ensembles} ensembles", hint="fewer ensembles, or the closed scheme"
        )
    notices = (*measured.notices, *of_questions(asked), *_said(groups, rows, sizes))
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    plain = disjoint_of or asked.method.loss == "mode"  # what is made of the samples takes their mean for the expectation
    method = replace(asked.method, estimator="plugin") if plain else asked.method
    return Result("by_ensemble", frame(rows), with_holm(frame(tests)), method, notices, asked.samples.source, interval)


Sized = list[tuple[int, Ensemble]]
_Doubts = Callable[[int], Doubt]


@dataclass(frozen=True, slots=True)
class _Way:
    """Ensembles that are made in one way.

    Attributes:
        name: how they are made.
        sized: terms of each question, in the order of the group, for ensembles of each size.
        doubt: what makes the figures of a size uncertain.
        some: the chance that some of so many samples is right, for each question.
    """

    name: str
    sized: Sized
    doubt: _Doubts
    some: Callable[[int], Float[ndarray, " question"]] | None = None


def _ways(
    asked: Asked,
    made: Tally,
    group: Group,
    sizes: Sequence[int],
    designs: Sequence[tuple[int, int]],
    disjoint_of: int,
    rng: np.random.Generator,
) -> Iterator[_Way]:
    """The ways that belong to a loss, or to the scheme of disjoint ensembles, of which there are so many."""
    chosen = asked.usable(group)
    only = Doubt(asked.method, asked.clusters(chosen), None, crossed=False)
    counts = None if group.nested else _counts(asked, chosen)
    some = None if counts is None else lambda size: 1.0 - alike(counts, size).inside[:, 1]
    if asked.method.loss in ("kl", "mode"):
        stacks = _stacks(asked, made, chosen)
        for name, sized in _of_logs(asked, stacks, sizes, rng):
            yield _Way(name, sized, lambda _: only, some)
    elif disjoint_of:
        stacks = _stacks(asked, made, chosen)
        possible = [size for size in sizes if size * disjoint_of <= _fewest(stacks)]
        sized = [(size, _joined(stacks, [disjoint(s, size, disjoint_of, rng) for s in stacks])) for size in possible]
        yield _Way(_DISJOINT, sized, lambda _: only, some)
    else:
        yield from _closed(asked, group, sizes, designs, only)


def _closed(asked: Asked, group: Group, sizes: Sequence[int], designs: Sequence[tuple[int, int]], only: Doubt) -> Iterator[_Way]:
    chosen, terms = asked.usable(group), asked.table.terms
    variance, output, bias = (values[chosen] for values in (terms.variance, terms.output, terms.bias))
    split = group.nested and bool(np.isfinite(output).all())
    counts = _counts(asked, chosen)
    sides = {} if counts is None else {"inside": 0, "across": 1}

    def some(side: str) -> Callable[[int], Float[ndarray, " question"]] | None:
        return None if counts is None else lambda size: 1.0 - alike(counts, size)[sides[side]][:, 1]

    whole = doubt_about(asked.table, chosen, asked.method)
    each = [(size, ensemble_terms(variance, output, bias, size)) for size in sizes]
    yield _Way(_NEW if split else _MEAN, each, lambda size: _of_size(whole, size), some("across" if split else "inside"))
    if split:
        alone = [(size, ensemble_terms(variance, output, bias, (1, size))) for size in sizes]
        yield _Way(_ONE, alone, lambda _: only, some("inside"))
        for contexts, many in designs:
            design = (contexts * many, ensemble_terms(variance, output, bias, (contexts, many)))
            yield _Way(f"{contexts} contexts × {many}", [design], lambda _: only)


def _of_size(doubt: Doubt, size: int) -> Doubt:
    """The same doubt about ensembles: what is left when a context is left out has less variance as well."""
    if doubt.left is None:
        return doubt
    variance = doubt.left.variance / size
    left = replace(doubt.left, variance=variance, error=doubt.left.error - doubt.left.variance + variance)
    return replace(doubt, left=left)


def _of_logs(asked: Asked, stacks: list[Singles], sizes: Sequence[int], rng: np.random.Generator) -> Iterator[tuple[str, Sized]]:
    """Under kl, made of the samples, for the sizes of which there are two; under mode, their limit."""
    few = _fewest(stacks)
    if asked.method.loss == "mode":
        limits = [(size, [one_hot_limit(s.prediction.sum(1), s.target.argmax(1), size) for s in stacks]) for size in sizes]
        yield "limit of kl", [(size, _joined(stacks, parts)) for size, parts in limits if size <= few]
        return
    possible = [size for size in sizes if 2 * size <= few]  # of one ensemble alone there is no variance
    for how in ("arithmetic", "geometric"):
        made = [_kl(s, possible, how, rng, asked.method.delta) for s in stacks]
        yield f"{how} mean", [(size, _joined(stacks, [part[at] for part in made])) for at, size in enumerate(possible)]


def _kl(s: Singles, sizes: Sequence[int], how: str, rng: np.random.Generator, delta: float) -> list[Ensemble]:
    mean: Literal["arithmetic", "geometric"] = "arithmetic" if how == "arithmetic" else "geometric"
    return kl_ensembles(s.prediction, s.target.argmax(1), sizes, mean, rng=rng, delta=delta, weight=s.weight.astype(float))


def _stacks(asked: Asked, made: Tally, chosen: Members) -> list[Singles]:
    return list(singles(made, asked.method.loss, invalid=asked.method.invalid, chosen=chosen))


def _fewest(stacks: Sequence[Singles]) -> int:
    return min((s.error.shape[1] for s in stacks), default=0)


def _joined(stacks: Sequence[Singles], parts: Sequence[Ensemble]) -> Ensemble:
    """Terms of all stacks, in the order of their questions."""
    order = np.argsort(np.concatenate([s.question for s in stacks]), kind="stable")
    return Ensemble(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))


def _counts(asked: Asked, chosen: Members) -> Float[ndarray, "question context 2"] | None:
    """How many samples of each context are right, and how many wrong; None where they are neither."""
    if asked.tally.space != "votes":
        return None
    made = asked.tally.without("sample_id") if "sample_id" in asked.tally.inner else asked.tally
    stacks = []
    for b in blocks(made, invalid="class"):
        here = np.isin(b.question, chosen)
        right = (b.total * b.target[:, None]).sum(2)[here]
        stacks.append((b.question[here], np.stack([right, b.samples[here] - right], axis=2)))
    contexts = max(counts.shape[1] for _, counts in stacks)
    filled = [np.pad(counts, ((0, 0), (0, contexts - counts.shape[1]), (0, 0))) for _, counts in stacks]
    order = np.argsort(np.concatenate([question for question, _ in stacks]), kind="stable")
    return np.concatenate(filled)[order]


def _points(way: _Way, level: float) -> Iterator[dict[str, Any]]:
    for size, terms in way.sized:
        doubt = way.doubt(size)
        shown: dict[str, Any] = {"way": way.name, "size": size, "questions": len(terms.error)}
        for name, values in (("error", terms.error), ("bias", terms.bias), ("variance", terms.variance)):
            shown |= ends("bias2" if name == "bias" else name, doubt.of_mean(values, name))
        shown |= ends("incoherence", doubt.of_ratio(terms.variance, terms.error))
        some = way.some(size) if way.some else np.full(1, np.nan)
        if np.isfinite(some).all():
            shown |= ends("some_right", share_interval(some, level=level, clusters=doubt.clusters))
        yield shown


def _tests(asked: Asked, group: Group, way: _Way) -> Iterator[dict[str, Any]]:
    chosen, level = asked.usable(group), asked.method.level
    clusters = asked.clusters(chosen)
    if way.name in (_MEAN, _NEW):  # as it grows, bias is all that is left of the error of a single sample
        left = ratio_interval(asked.table.terms.bias[chosen], asked.table.terms.error[chosen], level=level, clusters=clusters)
        rest = Effect(left.value, left.low, left.high, np.nan, level)
        yield {
            "way": way.name,
            **statement({}, "error left", "an endless ensemble", rest, "jackknife over questions, logit scale"),
        }
    if way.name == _DISJOINT and len(way.sized) > 1:
        sizes = np.array([float(size) for size, _ in way.sized])
        law = power_law(np.stack([part.variance for _, part in way.sized]), sizes, level=level, clusters=clusters)
        if law is not None:  # that there is no exponent is no hypothesis that anybody has
            slope = replace(law.slope, p=np.nan)
            yield {
                "way": way.name,
                **statement({}, "variance", "exponent of size (-1 if samples are independent)", slope, "power law"),
            }


def _said(groups: Sequence[Group], rows: Sequence[dict[str, Any]], sizes: Sequence[int]) -> Iterator[Notice]:
    gone = [size for size in sizes if size not in {row["size"] for row in rows}]
    if gone:
        yield Notice("few-for-ensembles", f"too few samples for ensembles of {', '.join(map(str, gone))}; these are not shown")
    if any(group.nested for group in groups) and any(row["way"] not in (_NEW, _ONE) and "×" not in row["way"] for row in rows):
        found = "samples of different contexts are dealt out to ensembles alike, as if they had none"
        yield Notice("mixed-contexts", found, "the closed form under --loss brier tells contexts apart")
