"""Which interval belongs to a group of questions: what was drawn by chance, and what was not."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.groups import Questions
from hotmess.infer import Interval, benchmark_interval, crossed_interval, mean_interval, ratio_interval
from hotmess.leave_out import LeftOut
from hotmess.rows import Method

__all__ = ["Doubt", "doubt_about", "shared_contexts"]

Members = Int[ndarray, " member"]
PerMember = Float[ndarray, " member"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far figures of some questions could be off.

    Attributes:
        method: what was asked for.
        clusters: a label for each question, where questions belong together.
        left: terms with one sample or context left out, where that is needed.
        crossed: whether the questions share their contexts.
    """

    method: Method
    clusters: ndarray | None
    left: LeftOut | None
    crossed: bool

    @property
    def name(self) -> str:
        """How the interval of the incoherence is made."""
        benchmark = self.method.about == "benchmark"
        if self.crossed:
            return "jackknife over contexts" if benchmark else "two-way jackknife over questions and contexts, logit scale"
        if benchmark:
            return "jackknife inside questions, logit scale"
        unit = "questions" if self.clusters is None else f"clusters ({self.method.cluster or 'question_id'})"
        return f"jackknife over {unit}, logit scale"

    def of_ratio(self, variance: PerMember, error: PerMember) -> Interval:
        """The interval of sum variance / sum error."""
        level, benchmark = self.method.level, self.method.about == "benchmark"
        if self.left is not None and self.crossed:
            return crossed_interval(variance, error, self.left, level=level, clusters=self.clusters, benchmark=benchmark)
        if self.left is not None and benchmark:
            return benchmark_interval(variance, error, self.left, level=level)
        return ratio_interval(variance, error, level=level, clusters=self.clusters)

    def of_mean(self, values: PerMember, name: str) -> Interval:
        """The interval of the mean of a term: error, bias or variance."""
        level, benchmark = self.method.level, self.method.about == "benchmark"
        if self.left is None or not (self.crossed or benchmark) or not len(values):
            return mean_interval(values, level=level, clusters=self.clusters)
        error, variance = self.left.error, self.left.variance
        without = {"error": error, "variance": variance, "bias": error - variance}[name]
        left = replace(self.left, variance=without, error=np.ones(len(without)))
        ones = np.ones(len(values))
        if self.crossed:
            return crossed_interval(values, ones, left, level=level, clusters=self.clusters, benchmark=benchmark, plain=True)
        return benchmark_interval(values, ones, left, level=level, plain=True)


def doubt_about(table: Questions, chosen: Members, method: Method) -> Doubt:
    """What makes the figures of these questions uncertain."""
    clusters = None if table.clusters is None else table.clusters[chosen]
    left = None if table.left is None else _among(table.left, chosen)
    return Doubt(method, clusters, left, crossed=left is not None and _crossed(table, chosen))


def shared_contexts(table: Questions, chosen: Members) -> bool:
    """Whether the questions were asked in the same contexts rather than each in its own.

    Contexts of a question's own that bear the same numbers everywhere look the same; the two-way interval is then hardly wider.
    """
    if "context_id" not in table.cells.inner or len(chosen) < 2:
        return False
    cells = table.cells.cells
    counted = (cells["samples"] + cells["invalid"] > 0) & pl.Series(np.isin(table.codes, chosen))
    names = cells["context_id"].filter(counted)
    return len(names) > len(chosen) and len(names) > 0.5 * names.n_unique() * len(chosen)


def _crossed(table: Questions, chosen: Members) -> bool:
    """Whether the questions share three contexts or more each, so that one can be left out of all."""
    enough = bool((table.terms.contexts[chosen] >= 3).all()) if len(chosen) else False
    return enough and shared_contexts(table, chosen)


def _among(left: LeftOut, chosen: Members) -> LeftOut:
    """The rows of some questions, numbered as they are in `chosen`."""
    keep = np.isin(left.question, chosen)
    found = {name: getattr(left, name)[keep] for name in LeftOut.__slots__}
    return replace(LeftOut(**found), question=np.searchsorted(chosen, found["question"]))
