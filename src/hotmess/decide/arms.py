"""Arms: the terms of a model's questions, as they are compared; and two runs as one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.points import measured_groups
from hotmess.asked import Asked
from hotmess.doubt import doubt_about
from hotmess.errors import MixedKinds, UsageError
from hotmess.frames import polars
from hotmess.groups import Group
from hotmess.leave_out import LeftOut, leave_out
from hotmess.rows import Row
from hotmess.samples import GROUPS, Samples

__all__ = ["Arm", "arms_of", "question_name", "subset", "two_runs"]


PerQuestion = Float[ndarray, " question"]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """The terms of one model's questions.

    Attributes:
        group: task, model and setting, those that there are.
        run: which of two runs it is from; empty where there is one.
        questions: the name of each question, with its task where tasks are pooled.
        samples: how many samples each was measured by.
        error: the error of each question.
        variance: its part that does not repeat.
        noise: the variance of V, the variance of E and their covariance, over new samples of the same question; NaN where a
            question has fewer than three; None where this was not asked for.
        clusters: a label for each question, where questions are left out together.
        targets: a short name for what is right (or which unit tests there are), None where nobody knows.
        left: terms without one context each, where questions share their contexts; else None.
    """

    group: Mapping[str, Any]
    run: str
    questions: tuple[str, ...]
    samples: PerQuestion
    error: PerQuestion
    variance: PerQuestion
    noise: Float[ndarray, "3 question"] | None = None
    clusters: tuple[str, ...] | None = None
    targets: tuple[str | None, ...] | None = None
    left: LeftOut | None = None

    @property
    def bias(self) -> PerQuestion:
        """The part of the error that repeats."""
        return self.error - self.variance

    @property
    def key(self) -> tuple[Any, ...]:
        """Model and setting, without the run: who it is, whenever it was asked."""
        return self.group.get("model"), self.group.get("setting")


# ---------------------------------------------------------------------------------------------- runs


def two_runs(first: Samples, second: Samples, names: tuple[str, str], pool: Sequence[str] = ()) -> Samples:
    """Two tables as one, in which the run is a part of the setting, so that nothing of them is mixed.

    Raises:
        MixedKinds: they hold different kinds of predictions.
        UsageError: settings are to be pooled, and with them the runs.
    """
    if "setting" in pool:
        raise UsageError("settings are pooled, and the setting is what tells two runs apart", hint="leave out --pool setting")
    if names[0] == names[1]:
        raise UsageError(f"both runs are called `{names[0]}`", hint='names=("old", "new")')
    if first.kind != second.kind:
        raise MixedKinds(
            f"the first run holds {first.kind}, the second {second.kind}",
            why="their errors have no common scale",
            hint="--label score, where both have scores",
        )
    if first.kind == "probabilities" and first.classes != second.classes:
        raise MixedKinds(
            f"the first run states probabilities of {len(first.classes)} options, the second of {len(second.classes)} others",
            why="options of the same place would be mixed up",
            hint="columns prob_A, prob_B, … of the same names in both",
        )
    labelled = any(one.has("sample_id") for one in (first, second))
    both = [one.with_sample_ids() if labelled else one for one in (first, second)]
    frames = [_of_run(one, name) for one, name in zip(both, names, strict=True)]
    columns = tuple(dict.fromkeys(["setting", *(name for one in both for name in one.columns)]))
    classes = tuple(dict.fromkeys((*first.classes, *second.classes))) if first.classes and second.classes else ()
    notices = tuple(dict.fromkeys((*first.notices, *second.notices)))
    frame = nw.from_native(pl.concat(frames, how="diagonal_relaxed"))
    source = f"{names[0]}, {names[1]}"
    aimed = first.has_target and second.has_target
    return Samples(frame, first.kind, columns, classes, aimed, notices, source)


def _of_run(samples: Samples, name: str) -> pl.LazyFrame:
    """The rows of a run, which stands before their setting."""
    own = pl.col("setting").cast(pl.String).fill_null("") if samples.has("setting") else pl.lit("")
    named = pl.concat_str(pl.lit(f"run={name}"), pl.when(own == "").then(pl.lit("")).otherwise(pl.lit(";") + own))
    return polars(samples.frame).with_columns(setting=named)


def _run_of(setting: Any, runs: Sequence[str]) -> tuple[str, str]:
    """The run, and what else a setting says."""
    text = "" if setting is None else str(setting)
    for run in runs:
        head = f"run={run}"
        if text == head or text.startswith(f"{head};"):
            return run, text[len(head) + 1 :]
    return "", text


# ---------------------------------------------------------------------------------------------- arms


def arms_of(asked: Asked, rows: Sequence[Row], runs: Sequence[str] = (), *, noise: bool = False) -> list[tuple[Arm, Group]]:
    """An arm of each group of which a row was not withheld.

    Args:
        asked: the terms.
        rows: of its measurement.
        runs: the names of the runs that `two_runs` put together.
        noise: whether the noise of new samples is wanted.
    """
    spread, targets = _noise(asked) if noise else None, _targets(asked)
    return [(_arm(asked, group, spread, _of_group(targets, group), runs), group) for group in measured_groups(asked, rows)]


def _arm(
    asked: Asked,
    group: Group,
    spread: Float[ndarray, "3 question"] | None,
    targets: Mapping[str, str | None] | None,
    runs: Sequence[str],
) -> Arm:
    chosen = asked.usable(group)
    terms, clusters = asked.table.terms, asked.clusters(chosen)
    doubt, names = doubt_about(asked.table, chosen, asked.method), _names(asked, chosen)
    run, setting = _run_of(group.name.get("setting"), runs)
    return Arm(
        group={**group.name, "setting": setting} if run else dict(group.name),
        run=run,
        questions=names,
        samples=terms.samples[chosen].astype(float),
        error=terms.error[chosen],
        variance=terms.variance[chosen],
        noise=None if spread is None else spread[:, chosen],
        clusters=None if clusters is None else tuple(str(label) for label in clusters),
        targets=None if targets is None else tuple(targets.get(name) for name in names),
        left=doubt.left if doubt.crossed else None,
    )


def _names(asked: Asked, chosen: Int[ndarray, " member"]) -> tuple[str, ...]:
    """The name of each question, whoever answered it."""
    table = asked.table.table
    return tuple(table[chosen].select(question_name(asked.rules.pool, table.columns)).to_series())


def question_name(pool: Sequence[str], columns: Sequence[str]) -> pl.Expr:
    """What to call a question: where tasks, models or settings are pooled, these are a part of its name."""
    keys = [*(name for name in GROUPS if name in pool and name in columns), "question_id"]
    return pl.concat_str([pl.col(name).cast(pl.String).fill_null("-") for name in keys], separator="/")


_Targets = dict[tuple[Any, ...], dict[str, str | None]]


def _of_group(targets: _Targets, group: Group) -> dict[str, str | None] | None:
    """What is right in the questions of a group; None where this is not known of any."""
    return targets.get(tuple(group.name.get(name) for name in GROUPS if name in group.name)) if targets else None


def _targets(asked: Asked) -> _Targets:
    """For each group a short name of what is right in each question; of unit tests, of which tests there are."""
    samples = asked.samples
    column = {"tests": "test_names" if samples.has("test_names") else "test_id", "vector": ""}.get(samples.kind, "target")
    if not samples.has(column):
        return {}
    said = pl.col(column).explode() if column == "test_names" else pl.col(column)
    keys = [name for name in GROUPS if samples.has(name) and name not in asked.rules.pool]
    name = question_name(asked.rules.pool, samples.columns).alias("_name")
    every = said.cast(pl.String).drop_nulls().unique().sort()
    found = polars(samples.frame).group_by(*keys, name).agg(_said=every).collect()
    each: _Targets = {}
    for *group, question, words in found.iter_rows():
        each.setdefault(tuple(group), {})[question] = _short(words) if words else None
    return each


def _short(words: Sequence[str]) -> str:
    """A short name for some words."""
    return blake2b("\x1f".join(words).encode(), digest_size=6).hexdigest()


def _noise(asked: Asked) -> Float[ndarray, "3 question"]:
    """Jackknife variance of V, of E, and their covariance, over what is left out of each question."""
    method, table = asked.method, asked.table
    left = table.left
    if left is None:
        plugin = method.estimator == "plugin"
        left = leave_out(table.cells, method.loss, plugin=plugin, invalid=method.invalid, delta=method.delta)
    questions = len(table.terms.error)
    count = np.bincount(left.question, left.count, minlength=questions).astype(float)  # of nothing, bincount makes integers
    with np.errstate(divide="ignore", invalid="ignore"):  # of fewer than three, none is left out
        v, e = (_apart(values, left.question, left.count, count) for values in (left.variance, left.error))
        parts = [np.bincount(left.question, left.count * one * two, minlength=questions) for one, two in ((v, v), (e, e), (v, e))]
        return np.where(count >= 3, (count - 1) / count * np.stack(parts), np.nan)


def _apart(
    values: Float[ndarray, " row"], question: Int[ndarray, " row"], weight: Float[ndarray, " row"], count: PerQuestion
) -> Float[ndarray, " row"]:
    """Values less their mean in their question."""
    return values - (np.bincount(question, weight * values, minlength=len(count)) / count)[question]


def subset(arm: Arm, at: Int[ndarray, " question"]) -> Arm:
    """The arm with some of its questions, in the order given."""
    return replace(
        arm,
        questions=tuple(arm.questions[place] for place in at),
        samples=arm.samples[at],
        error=arm.error[at],
        variance=arm.variance[at],
        noise=None if arm.noise is None else arm.noise[:, at],
        clusters=None if arm.clusters is None else tuple(arm.clusters[place] for place in at),
        targets=None if arm.targets is None else tuple(arm.targets[place] for place in at),
        left=None if arm.left is None else _renumbered(arm.left, at, len(arm.questions)),
    )


def _renumbered(left: LeftOut, at: Int[ndarray, " question"], questions: int) -> LeftOut:
    """The rows of some questions, numbered in their new order."""
    place = np.full(questions, -1)
    place[at] = np.arange(len(at))
    keep = place[left.question] >= 0
    found = {name: getattr(left, name)[keep] for name in LeftOut.__slots__}
    return LeftOut(**found | {"question": place[found["question"]]})
