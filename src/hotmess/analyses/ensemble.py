"""What would asking several times and taking the mean leave of the error? Figures 7b and 11 of the paper.

Variance falls as one over the size of the ensemble, bias² stays. From unbiased terms the whole curve follows in closed form, for
any size, with intervals; making ensembles of the samples at hand, as the paper does, gives a few noisy points of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.analyses.points import additive, ends, frame, measured_groups, of_questions, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.blocks import Block, blocks
from hotmess.ensembles import Ensemble, disjoint, ensemble_terms, kl_ensembles, none_right, one_hot_limit
from hotmess.errors import LossMismatch, NothingToCompare, Notice, one_of
from hotmess.groups import Group
from hotmess.infer import Effect, mean_interval, power_law, ratio_interval
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.samples import Samples
from hotmess.singles import Singles, singles

__all__ = ["by_ensemble"]

Scheme = Literal["closed", "disjoint"]

_SIZES = (1, 2, 4, 8, 16, 32)
_NEW, _ONE = "new contexts", "one context"


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
        answers and right/wrong also `some_right`, the chance that one of its samples is right (pass@E), as far as there are so
        many. Tests: the share of the error that no ensemble takes away; of disjoint ones, the exponent of variance in size.

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
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for group in measured_groups(asked, measured.rows):
        ways = _ways(asked, group, sizes, designs, "disjoint" if plugin else scheme, ensembles, rng)
        for way, some in ways:
            rows += [group.name | point for point in _points(asked, group, way, some)]
            tests += [group.name | test for test in _tests(asked, group, way, some)]
    if not rows:
        raise NothingToCompare(
            f"no question has samples enough for {ensembles} ensembles", hint="fewer ensembles, or the closed scheme"
        )
    notices = (*measured.notices, *of_questions(asked), *_left_away(rows, sizes))
    interval = "jackknife over questions, logit scale"
    return Result("by_ensemble", frame(rows), with_holm(frame(tests)), asked.method, notices, asked.samples.source, interval)


Sized = list[tuple[int, Ensemble]]


def _ways(
    asked: Asked,
    group: Group,
    sizes: Sequence[int],
    designs: Sequence[tuple[int, int]],
    scheme: str,
    ensembles: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str, Sized]]:
    """Terms of each question for ensembles of each size, by the way they are made."""
    if asked.method.loss == "kl":
        yield from (_of_kl(asked, group, sizes, rng, "arithmetic"), _of_kl(asked, group, sizes, rng, "geometric"))
    elif asked.method.loss == "mode":
        yield "limit of kl", _of_mode(asked, group, sizes)
    elif scheme == "disjoint":
        yield "disjoint (plug-in)", _of_samples(asked, group, sizes, ensembles, rng)
    else:
        yield from _closed(asked, group, sizes, designs)


def _closed(asked: Asked, group: Group, sizes: Sequence[int], designs: Sequence[tuple[int, int]]) -> Iterator[tuple[str, Sized]]:
    chosen = asked.usable(group)
    terms = asked.table.terms
    variance, output, bias = (values[chosen] for values in (terms.variance, terms.output, terms.bias))
    split = group.nested and bool(np.isfinite(output).all())
    yield (_NEW if split else "mean"), [(size, ensemble_terms(variance, output, bias, size)) for size in sizes]
    if split:
        yield _ONE, [(size, ensemble_terms(variance, output, bias, (1, size))) for size in sizes]
        for contexts, many in designs:
            yield f"{contexts} contexts × {many}", [(contexts * many, ensemble_terms(variance, output, bias, (contexts, many)))]


def _of_samples(asked: Asked, group: Group, sizes: Sequence[int], ensembles: int, rng: np.random.Generator) -> Sized:
    """Ensembles of the samples at hand, for the sizes for which every question has enough."""
    stacks = list(_stacks(asked, group))
    few = min((s.residual.shape[1] for s in stacks), default=0)
    possible = [size for size in sizes if size * ensembles <= few]
    return [(size, _joined([disjoint(s, size, ensembles, rng) for s in stacks], stacks)) for size in possible]


def _of_kl(
    asked: Asked, group: Group, sizes: Sequence[int], rng: np.random.Generator, how: Literal["arithmetic", "geometric"]
) -> tuple[str, Sized]:
    stacks = list(_stacks(asked, group))
    few = min((s.residual.shape[1] for s in stacks), default=0)
    possible = [size for size in sizes if 2 * size <= few]  # of one ensemble alone there is no variance
    found = [
        kl_ensembles(
            s.prediction, s.target.argmax(1), possible, how, rng=rng, delta=asked.method.delta, weight=s.weight.astype(float)
        )
        for s in stacks
    ]
    return f"{how} mean", [(size, _joined([part[at] for part in found], stacks)) for at, size in enumerate(possible)]


def _of_mode(asked: Asked, group: Group, sizes: Sequence[int]) -> Sized:
    stacks = list(_stacks(asked, group))
    few = min((s.residual.shape[1] for s in stacks), default=0)
    return [
        (size, _joined([one_hot_limit(s.prediction.sum(1), s.target.argmax(1), size) for s in stacks], stacks))
        for size in sizes
        if size <= few
    ]


def _stacks(asked: Asked, group: Group) -> Iterator[Singles]:
    made = asked.each_sample()
    yield from singles(made, asked.method.loss, invalid=asked.method.invalid, chosen=asked.usable(group))


def _joined(parts: Sequence[Ensemble], stacks: Sequence[Singles]) -> Ensemble:
    """The terms of all questions, in their order."""
    order = np.argsort(np.concatenate([s.question for s in stacks]))
    return Ensemble(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))


def _points(asked: Asked, group: Group, way: str, sized: Sized) -> Iterator[dict[str, Any]]:
    level = asked.method.level
    clusters = asked.clusters(asked.usable(group))
    right = _right(asked, group)
    for size, terms in sized:
        shown: dict[str, Any] = {"way": way, "size": size, "questions": len(terms.error)}
        for name, values in (("error", terms.error), ("bias2", terms.bias), ("variance", terms.variance)):
            shown |= ends(name, mean_interval(values, level=level, clusters=clusters))
        shown |= ends("incoherence", ratio_interval(terms.variance, terms.error, level=level, clusters=clusters))
        if right is not None and right[1].min() >= size:
            some = 1.0 - none_right(right[0], right[1], size)
            shown |= ends("some_right", mean_interval(some, level=level, clusters=clusters))
        yield shown


def _right(asked: Asked, group: Group) -> tuple[Float[ndarray, " question"], Float[ndarray, " question"]] | None:
    """How many samples of each question are right, and how many there are, where a sample is right or wrong."""
    if asked.tally.space != "votes":
        return None
    chosen, parts = asked.usable(group), []
    for b in map(Block.pooled, blocks(asked.tally, invalid="class")):
        here = np.isin(b.question, chosen)
        parts.append((b.question[here], (b.total[:, 0] * b.target).sum(1)[here], b.samples[here, 0]))
    question, right, count = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(question)
    return np.rint(right)[order], count[order]


def _tests(asked: Asked, group: Group, way: str, sized: Sized) -> Iterator[dict[str, Any]]:
    if not sized:
        return
    terms, level, clusters = sized[0][1], asked.method.level, asked.clusters(asked.usable(group))
    if way in ("mean", _NEW):  # as it grows, bias is all that is left
        left = ratio_interval(terms.bias, terms.error, level=level, clusters=clusters)
        rest = Effect(left.value, left.low, left.high, np.nan, level)
        yield {"way": way, **statement({}, "error left", "an endless ensemble", rest, "jackknife over questions, logit scale")}
    if "disjoint" in way and len(sized) > 1:
        law = power_law(np.stack([part.variance for _, part in sized]), np.array([float(size) for size, _ in sized]), level=level)
        if law is not None:
            yield {"way": way, **statement({}, "variance", "exponent of size (-1 if samples are independent)", law.slope, "")}


def _left_away(rows: Sequence[dict[str, Any]], sizes: Sequence[int]) -> Iterator[Notice]:
    gone = [size for size in sizes if size not in {row["size"] for row in rows}]
    if gone:
        yield Notice("few-for-ensembles", f"too few samples for ensembles of {', '.join(map(str, gone))}; these are not shown")
