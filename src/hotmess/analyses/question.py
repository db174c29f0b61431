"""One question, many samples, different answers: what a hot mess looks like (paper, figure 19)."""

from typing import Any

import numpy as np
import polars as pl

from hotmess.analyses.points import additive, frame, measured_groups, without_rows
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import LossMismatch, NothingSelected
from hotmess.frames import nearest, polars
from hotmess.groups import Group
from hotmess.measure import measurement
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["one_question"]


def one_question(samples: Samples | Any, *, question: str | None = None, rules: Rules = Rules()) -> Result:
    """The samples of one question of each model: what each answered, whether that is right, and how long it took.

    Args:
        samples: a sample table of answers.
        question: its question_id; by default the one whose answers vary most, summed over models.
        rules: how to measure.

    Returns:
        Points: `question_id`, `sample` (1 is the shortest), `answer` (null where none could be read), `target`, `right`, and
        `length` where the table has one; `source` and `source_ref` where the log has them.

    Raises:
        NothingSelected: there is no such question.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    asked = additive(ask(samples, rules, lengths=rules.length is not None or samples.length is not None))
    if asked.samples.kind != "answers":
        raise LossMismatch(f"the table holds {asked.samples.kind}; one question is shown by its answers", hint="--label answer")
    measured = measurement(asked)
    groups = measured_groups(asked, measured.rows)
    chosen = question or _messiest(asked, groups)
    table = polars(asked.samples.frame).filter(pl.col("question_id").cast(pl.String) == chosen).collect()
    if not table.height:
        there = [str(name) for name in asked.table.table["question_id"].unique().sort()]
        near = nearest(chosen, there)
        raise NothingSelected(f"there is no question `{chosen}`", hint=f"--question '{near or there[0]}'")
    if samples.has("status"):
        table = table.filter(~pl.col("status").is_in(["error", "missing"]).fill_null(value=False))
    length, keys = asked.length_column, [name for name in asked.samples.keys if name != "question_id"]
    table = table.sort([*keys, *([length] if length else [])], nulls_last=True, maintain_order=True)
    shown = [pl.col("question_id").cast(pl.String)]
    shown += [pl.int_range(1, pl.len() + 1).over(keys).alias("sample") if keys else pl.int_range(1, pl.len() + 1).alias("sample")]
    target = pl.col("target").max().over(asked.samples.keys)  # one row that has it tells the target of its question
    shown += [
        pl.col("answer").cast(pl.String),
        target.cast(pl.String),
        pl.when(target.is_not_null()).then((pl.col("answer") == target).fill_null(value=False)).alias("right"),
    ]
    shown += [pl.col(length).alias("length")] if length else []
    shown += [pl.col(name) for name in ("source", "source_ref") if name in table.columns]
    points = table.select(*keys, *shown)
    return Result("one_question", points, frame([]), asked.method, tuple(without_rows(measured.notices)), asked.samples.source)


def _messiest(asked: Asked, groups: list[Group]) -> str:
    """The question with the most variance, over all models that answered it."""
    members = np.concatenate([asked.usable(group) for group in groups])
    table = asked.table.table.select(pl.col("question_id").cast(pl.String))[members]
    table = table.with_columns(variance=pl.Series(asked.table.terms.variance[members]))
    total = table.group_by("question_id").agg(pl.col("variance").sum()).sort("variance", "question_id", descending=[True, False])
    return str(total["question_id"][0])
