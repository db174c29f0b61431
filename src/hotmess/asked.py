"""What was asked of a sample table, and the per-question terms that answer it: the first half of every measurement.

``Samples + Rules → Method, tally → terms of every question → groups of questions``. `measure` makes a row of each group; the
analyses ask further things of the same terms, so that all figures about a table are made the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import narwhals as nw
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.blocks import Invalid
from hotmess.checks import MAX_INVALID, problems, untargeted
from hotmess.errors import LossMismatch, NoLength, UsageError, one_of
from hotmess.frames import is_polars
from hotmess.groups import Bucket, Group, Questions, buckets_of, grouping, groups_of, known_columns
from hotmess.prepare import prepare
from hotmess.rows import Method
from hotmess.samples import Kind, Samples
from hotmess.sums import DELTA, Loss
from hotmess.tally import Tally, crossfitted, tally

__all__ = ["About", "Asked", "Estimator", "Rules", "ask"]

About = Literal["population", "benchmark"]
Estimator = Literal["unbiased", "plugin"]

_LOSSES: dict[Kind, tuple[Loss, ...]] = {  # the first is the default
    "answers": ("brier", "kl", "mode", "zero_one", "coverage", "spread"),
    "probabilities": ("brier", "kl", "mode", "zero_one", "spread"),
    "score": ("coverage", "brier", "kl", "mode", "zero_one", "squared", "spread"),
    "tests": ("coverage", "spread"),
    "vector": ("squared", "spread"),
}
_ENDLESS = 1e15  # no trace is as long


@dataclass(frozen=True, slots=True)
class Rules:
    """How to measure, where there is a choice.

    Attributes:
        loss: by default brier for answers and probabilities, coverage for scores and tests, squared (or spread) for vectors.
        estimator: unbiased (midpoint for kl and mode) or plugin.
        invalid: what a sample is from which no answer could be read: `class`, one more class, always wrong; `uniform`, a guess
            over the options; `drop`, nothing.
        pool: task, model or setting, to be put together; a question then has that name as part of its own.
        length: the numeric column that is meant by length.
        about: intervals for questions like these (population), or for exactly these questions and new samples (benchmark).
        cluster: a column of questions that belong together, such as a template or a repository.
        level: the level of confidence.
        delta: the smoothing of kl.
        max_invalid: refuse a table of which more than this share could not be read.
        paper: the paper's own figures: kl (coverage for tests), plug-in, unreadable answers as uniform guesses.
        deterministic: report a variance of zero even where all repeats are copies, for a system that is meant to be so.
    """

    loss: Loss | None = None
    estimator: Estimator = "unbiased"
    invalid: Invalid = "class"
    pool: tuple[str, ...] = ()
    length: str | None = None
    about: About = "population"
    cluster: str | None = None
    level: float = 0.95
    delta: float = DELTA
    max_invalid: float = MAX_INVALID
    paper: bool = False
    deterministic: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The terms of every question of a table, and which of them belong together.

    Attributes:
        samples: the table, as it was measured.
        rules: what was asked for.
        method: what that means for this table.
        tally: the sums.
        table: terms of every question.
        wholes: the questions of each task, model, setting and `by` column.
        groups: the same, in buckets where these were asked for.
        bucket: which buckets.
    """

    samples: Samples
    rules: Rules
    method: Method
    tally: Tally
    table: Questions
    wholes: tuple[Group, ...]
    groups: tuple[Group, ...]
    bucket: Bucket | None

    def usable(self, group: Group) -> Int[ndarray, " member"]:
        """The questions of a group whose bias and variance can be told apart."""
        nested = group.nested and self.method.estimator != "plugin"
        return group.members[self.table.usable(group.members, nested=nested)]

    @property
    def length_column(self) -> str:
        """The name of the column that serves as length; empty where none was needed."""
        return self.method.length or ""

    def length(self) -> Float[ndarray, " question"]:
        """The mean length of the samples of each question; NaN where no sample has one."""
        rows = self.table.table
        with np.errstate(invalid="ignore"):
            return rows["length"].to_numpy() / rows["lengths"].to_numpy()

    def clusters(self, chosen: Int[ndarray, " member"]) -> ndarray | None:
        """A label for each of these questions, where questions are left out together."""
        return None if self.table.clusters is None else self.table.clusters[chosen]

    def each_sample(self, length: str | None = None) -> Tally:
        """The tally once more, every sample by itself; its questions stand in the same order."""
        keys = {*self.samples.keys, "question_id"}
        by = [name for name in self.tally.keys if name not in keys]
        length = length or self.method.length
        return tally(self.samples, self.method.loss, by=by, length=length, each_sample=True, delta=self.method.delta)


def ask(samples: Samples | Any, rules: Rules, *, by: Sequence[str] = (), lengths: bool = False) -> Asked:
    """Add up a table and decompose every question.

    Args:
        samples: what `hotmess.read` returned, or a frame with the columns of a sample table.
        rules: how.
        by: columns to split by; ``"length:8"`` means eight buckets of equally many questions by mean length.
        lengths: whether lengths are needed, even if nothing is put into buckets by them.

    Raises:
        HotmessError: the table cannot be measured like this.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    loss, estimator, invalid = _checked(samples, rules)
    if loss == "coverage" and not samples.has_target:
        raise untargeted()
    samples = samples.right_or_wrong() if loss == "coverage" else samples
    columns, bucket = grouping(samples, by, rules.pool)
    length = _length(samples, rules.length, bucket, needed=lengths)
    samples = _with_lengths(samples, length)
    name = _estimator_name(loss, estimator)
    method = Method(loss, name, invalid, samples.kind, rules.about, rules.level, rules.delta, rules.cluster, length)
    each_sample = _needs_samples(samples, method)
    apart = each_sample and _stay(samples, method)
    made = tally(samples, loss, by=columns, length=length, each_sample=each_sample and not apart, delta=rules.delta)
    made = crossfitted(made, samples, loss, invalid=invalid, delta=rules.delta) if apart else made
    for problem in problems(made, samples, loss, max_invalid=rules.max_invalid):
        raise problem
    table = Questions.of(made, samples, method, rules.pool)
    wholes = tuple(groups_of(table, columns, rules.pool))
    groups = wholes if bucket is None else tuple(part for whole in wholes for part in buckets_of(table, whole, bucket))
    return Asked(samples, rules, method, made, table, wholes, groups, bucket)


def _checked(samples: Samples, rules: Rules) -> tuple[Loss, Estimator, Invalid]:
    """The loss, the estimator and the rule for unreadable answers, if they can be meant."""
    loss = None if rules.loss is None else one_of("loss", rules.loss.replace("-", "_"), get_args(Loss))
    estimator = one_of("estimator", rules.estimator, get_args(Estimator))
    invalid = one_of("invalid", rules.invalid, get_args(Invalid))
    one_of("about", rules.about, get_args(About))
    if not (0 < rules.level < 1 and 0 < rules.delta < 1):
        raise UsageError(
            f"level is {rules.level:g} and delta {rules.delta:g}; both must lie between 0 and 1", hint="level=0.95, delta=1e-12"
        )
    if rules.paper:
        loss, estimator, invalid = _as_in_the_paper(samples, loss)
    return _loss(samples, loss, invalid), estimator, invalid


def _as_in_the_paper(samples: Samples, loss: Loss | None) -> tuple[Loss, Estimator, Invalid]:
    kl = samples.kind in ("answers", "probabilities", "score")
    return loss or ("kl" if kl else _LOSSES[samples.kind][0]), "plugin", "uniform" if kl else "class"


def _loss(samples: Samples, loss: Loss | None, invalid: Invalid) -> Loss:
    possible = _LOSSES[samples.kind]
    if loss is None:
        loss = possible[0] if samples.has_target or samples.kind != "vector" else "spread"
    if loss not in possible:
        raise LossMismatch(
            f"the loss {loss} is not defined for {samples.kind}", hint="--loss " + " | ".join(possible).replace("_", "-")
        )
    if invalid == "uniform" and samples.kind in ("tests", "vector"):
        raise LossMismatch(f"a uniform guess is not defined for {samples.kind}", hint="--invalid class | drop")
    return loss


def _estimator_name(loss: Loss, estimator: Estimator) -> str:
    if estimator == "plugin" or loss == "zero_one":
        return "plugin"
    return "midpoint" if loss in ("kl", "mode") else "unbiased"


def _length(samples: Samples, length: str | None, bucket: Bucket | None, *, needed: bool) -> str | None:
    column = (bucket.column if bucket else "") or length or samples.length
    if length is not None:
        known_columns(samples, [length])
    if bucket is None and not needed:
        return None
    if column is None:
        raise NoLength(
            "the table has no length",
            why="questions or samples cannot be told apart by how long their reasoning was",
            hint="--length COLUMN; known are reasoning_tokens, output_tokens, output_chars, actions",
        )
    if not samples.frame.collect_schema()[column].is_numeric():
        raise NoLength(f"the column `{column}` is not numeric", hint="--length COLUMN")
    return column


def _with_lengths(samples: Samples, length: str | None) -> Samples:
    """Lengths that are not a number, or that nothing could have, as unknown ones."""
    if length is None or not samples.frame.collect_schema()[length].is_float():
        return samples
    value = nw.col(length)
    possible = value.is_finite() & (value > -_ENDLESS) & (value < _ENDLESS)
    return replace(samples, frame=samples.frame.with_columns(nw.when(possible).then(value).alias(length)))


def _needs_samples(samples: Samples, method: Method) -> bool:
    """Whether single samples must be left out, and sums over them do not tell how."""
    votes = samples.kind == "answers" or (samples.kind == "score" and method.loss not in ("coverage", "squared"))
    if votes:
        return False
    return method.estimator == "midpoint" or (method.about == "benchmark" and not samples.has("context_id"))


def _stay(samples: Samples, method: Method) -> bool:
    """Whether the samples can stay on their engine though they are looked at one by one."""
    benchmark = method.about == "benchmark" and not samples.has("context_id")  # then each is left out in turn
    return method.estimator == "midpoint" and not benchmark and not is_polars(samples.frame)
