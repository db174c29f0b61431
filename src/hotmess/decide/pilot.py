"""A pilot, as far as a plan needs it: the components of what is to be known, how it was asked, and how well that is known now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import chdtri

from hotmess.asked import Asked
from hotmess.decide.arms import arms_of
from hotmess.decide.differences import difference
from hotmess.decide.limits import MOST
from hotmess.decide.pairing import Pair, named_apart, paired, pairs_of
from hotmess.doubt import doubt_about, shared_contexts
from hotmess.frames import polars
from hotmess.groups import Group
from hotmess.infer import Components, Effect, Interval, Moments, components, effective_questions, moments
from hotmess.rows import Row
from hotmess.samples import GROUPS
from hotmess.singles import singles

__all__ = ["LEAST", "Of", "Pilot", "fewest_for", "pilots_of"]

LEAST = 10  # questions, below which a pilot tells nothing
_WRONG = 20  # questions with an error, below which one more of them changes what share of the error is variance
_SPREAD = 10  # questions over which the errors are spread, counted as if all were equal

Of = Literal["incoherence", "error", "difference"]
PerQuestion = Float[ndarray, " question"]
Members = Int[ndarray, " member"]


@dataclass(frozen=True, slots=True, eq=False)
class Pilot:
    """What a pilot says of one model, or of two on the same questions.

    Attributes:
        name: task, model and setting; or task and both models.
        parts: the components; first of the pilot, then of draws of its questions.
        questions: how many there are.
        nested: whether contexts and samples are told apart.
        contexts: of the median question; without contexts, its samples.
        samples: in a context.
        now: N SE^2 of the pilot by its components, for questions like these, and for exactly these.
        shared: the variance that all questions have in common, for one context; 0 where each question has contexts of its own.
        crossed: whether all questions share their contexts.
        fewest: the least questions of a plan, by how rare errors are.
        rare: why the errors are too few to plan by; empty where they are not, or where the error itself is planned.
        models: how many are asked.
        tokens: mean output tokens of a sample.
        measured: what is to be known, with its interval; none for a guess.
    """

    name: Mapping[str, Any]
    parts: Components
    questions: int
    nested: bool
    contexts: int = 0
    samples: float = 1.0
    now: tuple[Float[ndarray, " draw"], Float[ndarray, " draw"]] | None = None
    shared: float = 0.0
    crossed: bool = False
    fewest: int = 0
    rare: str = ""
    models: int = 1
    tokens: float | None = None
    measured: Interval | Effect | None = None

    def shared_at(self, place: float) -> float:
        """An end of what is shared, as far as so few contexts tell: by chi², with one degree of freedom less than contexts.

        Two contexts do not tell it: NaN.
        """
        if self.crossed and self.contexts < 3:
            return float("nan")
        return self.shared * (self.contexts - 1) / float(chdtri(self.contexts - 1, place)) if self.shared > 0 else 0.0


_UNKNOWN = Components(np.full(1, np.nan), np.full((2, 1), np.nan), np.full((3, 1), np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class _One:
    """One model of a pilot, by question.

    Attributes:
        group: its questions.
        chosen: those that count.
        moments: of each question.
        design: contexts, and samples in each, of each question.
        error: the error of each question.
        variance: its variance.
        ratio: its incoherence; NaN where no question has an error.
        off: how far each question pulls the estimate from where it is, in its units.
        crossed: whether the questions share their contexts.
        apart: the same without each of its contexts, less the mean of these; none where questions share no contexts, or only two.
    """

    group: Group
    chosen: Members
    moments: Moments
    design: Float[ndarray, "2 question"]
    error: PerQuestion
    variance: PerQuestion
    ratio: float
    off: PerQuestion
    crossed: bool
    apart: Float[ndarray, "question context"] | None


def pilots_of(asked: Asked, rows: Sequence[Row], of: Of, against: str | None, draws: int, seed: int) -> list[Pilot]:
    """A pilot of each model of which a row was not withheld; of differences, one of each pair.

    Raises:
        NothingToCompare: there are no two models on the same questions.
        NothingSelected: `against` is not there.
    """
    rng = np.random.default_rng(seed)
    arms = arms_of(asked, rows, noise=of == "difference" and asked.method.about == "benchmark")
    held = _moments(asked)
    if of != "difference":
        figures = {_key(row.group): row.error if of == "error" else row.incoherence for row in rows}
        ones = [_one(asked, group, held, of) for _, group in arms]
        return [_alone(asked, one, of, figures[_key(one.group.name)], (draws, rng)) for one in ones]
    groups = {id(arm): group for arm, group in arms}
    found = []
    for two in pairs_of([arm for arm, _ in arms], against=against):
        pair = paired(*two)
        places = [np.array([arm.questions.index(name) for name in pair.first.questions]) for arm in two]
        ones = [_one(asked, groups[id(arm)], held, "incoherence", at) for arm, at in zip(two, places, strict=True)]
        found.append(_apart(asked, pair, (ones[0], ones[1]), (draws, rng)))
    return found


def _key(name: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(name.items())


def _moments(asked: Asked) -> tuple[Moments, Float[ndarray, "2 question"]]:
    """The moments of all questions, and how each was asked."""
    usable = [asked.usable(group) for group in asked.wholes]
    chosen = np.unique(np.concatenate([some for some in usable if len(some) >= LEAST] or [np.zeros(0, dtype=int)]))
    rows = np.full((len(Moments.__slots__), len(asked.table.terms.error)), np.nan)
    design = np.full((2, rows.shape[1]), np.nan)
    for s in singles(asked.each_sample(), asked.method.loss, invalid=asked.method.invalid, chosen=chosen):
        found = moments(s.gram, s.error, _numbered(s.partner))
        rows[:, s.question] = np.stack([getattr(found, name) for name in Moments.__slots__])
        design[:, s.question] = s.contexts, s.contexts / (s.own_count() ** -2.0).sum(1)  # the harmonic mean of samples
    return Moments(*rows), design


def _numbered(labels: Int[ndarray, "question sample"]) -> Int[ndarray, "question sample"]:
    """Labels as numbers from 0 within each question."""
    order = np.argsort(labels, axis=1, kind="stable")
    lined = np.take_along_axis(labels, order, axis=1)
    number = np.cumsum(np.diff(lined, axis=1, prepend=lined[:, :1]) != 0, axis=1)
    found = np.empty_like(number)
    np.put_along_axis(found, order, number, axis=1)
    return found


def _one(
    asked: Asked,
    group: Group,
    known: tuple[Moments, Float[ndarray, "2 question"]],
    of: Literal["incoherence", "error"],
    places: Members | None = None,
) -> _One:
    """One model, on those of its usable questions that stand at `places`; all by default."""
    usable = asked.usable(group)
    places = np.arange(len(usable)) if places is None else places
    chosen = usable[places]
    held = Moments(*(getattr(known[0], name)[chosen] for name in Moments.__slots__))
    error, variance = asked.table.terms.error[chosen], asked.table.terms.variance[chosen]
    mean = float(error.mean()) if len(chosen) else 0.0
    ratio, scale = (np.nan, np.nan) if mean <= 0 else (float(variance.sum() / error.sum()), mean)
    off = error - mean if of == "error" else (variance - ratio * error) / scale
    apart, doubt = None, doubt_about(asked.table, usable, asked.method)
    if doubt.crossed and doubt.left is not None:
        left = doubt.left
        value = left.error if of == "error" else (left.variance - ratio * left.error) / scale
        table = np.full((len(usable), int(left.context.max()) + 1), np.nan)
        table[left.question, left.context] = value
        apart = np.nan_to_num(table - np.nanmean(table, axis=1, keepdims=True))[places]
    return _One(
        group, chosen, held, known[1][:, chosen], error, variance, ratio, off, shared_contexts(asked.table, usable), apart
    )


def fewest_for(share: float, ratio: float) -> int:
    """The least questions by which an incoherence is planned: of fewer, less than 20 whole errors would repeat, or would not.

    Args:
        share: the mean error, of the largest error.
        ratio: the incoherence.
    """
    return ceil(round(_WRONG / (share * min(ratio, 1 - ratio)), 6))  # a sum of floats is not to cost a question


def _carried(one: _One, loss: str) -> tuple[int, str]:
    """The least questions of a plan, by the errors that carry the incoherence; or why these are too few."""
    wrong, spread, questions = int((one.error > 0).sum()), effective_questions(one.error), len(one.error)
    if wrong < _WRONG:
        return 0, f"{wrong} of {questions} questions have an error, and {_WRONG} are the least"
    if spread < _SPREAD:
        return 0, f"the errors of {wrong} questions are spread as over {spread:.1f}, and {_SPREAD} are the least"
    if not 1e-9 < one.ratio < 1 - 1e-9:
        never = "no question was answered in two ways" if one.ratio < 0.5 else "no error was made twice"
        return 0, f"the incoherence is {one.ratio:.3g}: of {wrong} questions with an error, {never}"
    share = float(one.error.mean()) / MOST[loss] if loss in MOST else wrong / questions
    return fewest_for(share, one.ratio), ""


def _alone(
    asked: Asked, one: _One, of: Literal["incoherence", "error"], measured: Interval, drawn: tuple[int, np.random.Generator]
) -> Pilot:
    if len(one.chosen) < LEAST:
        return Pilot(one.group.name, _UNKNOWN, len(one.chosen), one.group.nested)
    weights = _weights(len(one.chosen), *drawn)
    parts = components(one.moments.pooled(weights), of)
    fixed = _now(parts, one.design, fixed=True)
    extra = _extra(_now(parts, one.design), one.off, asked.clusters(one.chosen))
    parts, contexts = parts.plus(extra), _median(one.design[0])
    fewest, rare = (0, "") if of == "error" else _carried(one, asked.method.loss)
    return Pilot(
        name=one.group.name,
        parts=parts,
        questions=len(one.chosen),
        nested=one.group.nested,
        contexts=contexts,
        samples=_median(one.design[1]),
        now=(_now(parts, one.design), fixed),
        shared=_shared(one.apart, contexts),
        crossed=one.crossed,
        fewest=fewest,
        rare=rare,
        tokens=_tokens(asked, one.group.name),
        measured=measured,
    )


def _apart(asked: Asked, pair: Pair, ones: tuple[_One, _One], drawn: tuple[int, np.random.Generator]) -> Pilot:
    """The second less the first, on the questions of both: what these share is taken out, what samples add is added up."""
    first, second = ones
    names, nested = named_apart(pair.first, pair.second), first.group.nested and second.group.nested
    name = {word: value for word, value in first.group.name.items() if word == "task"} | {"first": names[0], "second": names[1]}
    if len(first.chosen) < LEAST:
        return Pilot(name, _UNKNOWN, len(first.chosen), nested)
    weights = _weights(len(first.chosen), *drawn)
    parts = [components(one.moments.pooled(weights), "incoherence") for one in ones]
    alike = -2 * (weights @ (first.off * second.off)) / weights.sum(1)
    whole, fixed = (_now(parts[0], first.design, fixed=way) + _now(parts[1], second.design, fixed=way) for way in (False, True))
    extra = alike + _extra(whole + alike, second.off - first.off, asked.clusters(first.chosen))
    contexts = min(_median(one.design[0]) for one in ones)
    tokens = [_tokens(asked, one.group.name) for one in ones]
    carried = [_carried(one, asked.method.loss) for one in ones]
    return Pilot(
        name=name,
        parts=parts[0].beside(parts[1]).plus(extra),
        questions=len(first.chosen),
        nested=nested,
        contexts=contexts,
        samples=min(_median(one.design[1]) for one in ones),
        now=(whole + extra, fixed),
        shared=_shared(_between(first.apart, second.apart), contexts),
        crossed=first.crossed or second.crossed,
        fewest=max(fewest for fewest, _ in carried),
        rare="; ".join(f"{model}: {why}" for model, (_, why) in zip(names, carried, strict=True) if why),
        models=2,
        tokens=None if None in tokens else float(np.mean([each for each in tokens if each is not None])),
        measured=difference(pair, "incoherence", asked.method).effect,
    )


def _weights(questions: int, draws: int, rng: np.random.Generator) -> Float[ndarray, "draw question"]:
    """How often each question stands in the pilot (once), and in draws of as many of its questions."""
    drawn = rng.multinomial(questions, np.full(questions, 1 / questions), size=draws)
    return np.concatenate([np.ones((1, questions)), drawn.astype(float)])


def _now(parts: Components, design: Float[ndarray, "2 question"], *, fixed: bool = False) -> Float[ndarray, " draw"]:
    """N SE^2 as the questions were asked, which need not be the same way."""
    ways, counts = np.unique(design, axis=1, return_counts=True)
    each = [n * parts.bracket(float(g), float(m), fixed=fixed) for (g, m), n in zip(ways.T, counts, strict=True)]
    return np.asarray(np.sum(each, axis=0) / counts.sum())


def _extra(now: Float[ndarray, " draw"], off: PerQuestion, clusters: ndarray | None) -> Float[ndarray, " draw"]:
    """What the mean of the pilot itself takes from the spread of its questions, and what those of a cluster share."""
    questions = len(off)
    own = now / (questions - 1)
    if clusters is None:
        return own
    _, code = np.unique(clusters, return_inverse=True)
    together = (np.bincount(code, off) ** 2).sum() - (off**2).sum()
    return own + max(float(together) / questions, 0.0)


def _median(values: PerQuestion) -> int:
    return int(np.median(values))


def _shared(apart: Float[ndarray, "question context"] | None, contexts: int) -> float:
    """The variance of the estimate that one context brings to all questions: a jackknife, less what is due to each question."""
    if apart is None:
        return 0.0
    common = (apart.sum(0) ** 2 - (apart**2).sum(0)).sum()
    return float(max(contexts - 1, 0) * max(float(common), 0.0) / len(apart) ** 2)


def _between(
    first: Float[ndarray, "question context"] | None, second: Float[ndarray, "question other"] | None
) -> Float[ndarray, "question all"] | None:
    """The second less the first; a context has the same place in both."""
    known = [table for table in (first, second) if table is not None]
    if not known:
        return None
    found = np.zeros((len(known[0]), max(table.shape[1] for table in known)))
    for sign, table in ((-1, first), (1, second)):
        if table is not None:
            found[:, : table.shape[1]] += sign * table
    return found


def _tokens(asked: Asked, name: Mapping[str, Any]) -> float | None:
    """Mean output tokens of a sample."""
    samples = asked.samples
    column = next((word for word in ("output_tokens", "reasoning_tokens") if samples.has(word)), None)
    if column is None:
        return None
    own = [pl.col(word).eq_missing(pl.lit(name[word])) for word in GROUPS if word in name and samples.has(word)]
    mean = polars(samples.frame).filter(*own).select(pl.col(column).cast(pl.Float64).mean()).collect().item()
    return None if mean is None or not np.isfinite(mean) else float(mean)
