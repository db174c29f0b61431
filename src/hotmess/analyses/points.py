"""Rows of the tables that analyses return: figures with their ends, and tests with what they say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.asked import Asked
from hotmess.doubt import shared_contexts
from hotmess.errors import LossMismatch, Notice
from hotmess.groups import Group
from hotmess.infer import Effect, Interval, holm
from hotmess.rows import Row
from hotmess.samples import GROUPS

__all__ = [
    "additive",
    "ends",
    "figures",
    "frame",
    "kept",
    "measured_groups",
    "of_questions",
    "squared_only",
    "statement",
    "with_holm",
    "without_rows",
]

_OF_ROWS = ("crossed", "few-contexts", "few-effective", "no-interval", "plugin", "uneven", "kl-scale", "no-errors")
_TERMS = ("error", "bias2", "variance", "incoherence")


def ends(name: str, found: Interval | Effect) -> dict[str, float | None]:
    """A figure and the ends of its interval as three columns; undefined ones are null."""
    values = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: None if np.isnan(value) else float(value) for key, value in values.items()}


def figures(row: Row) -> dict[str, Any]:
    """What a row of a measurement says, apart from the name of its group."""
    found: dict[str, Any] = {"questions": row.questions, "samples": row.samples}
    for name in _TERMS:
        found |= ends(name, getattr(row, name))
    return found


def statement(group: Mapping[str, Any], what: str, per: str, found: Effect, how: str) -> dict[str, Any]:
    """A row of the table of tests."""
    p = None if np.isnan(found.p) else found.p
    return {**group, "what": what, "per": per, **ends("value", found), "p": p, "how": how}


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame; all of them decide of which type a column is. A figure that is defined nowhere is a number still."""
    made = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    empty = [name for name in made.columns if made[name].dtype == pl.Null and name not in GROUPS]
    return made.with_columns(pl.col(empty).cast(pl.Float64)) if empty else made


def with_holm(tests: pl.DataFrame, names: Sequence[str] = ("what", "per")) -> pl.DataFrame:
    """The tests with a column `p_holm`: corrected for the rows that ask the same of others; null where there is only one."""
    if not tests.height:
        return tests
    corrected = np.full(tests.height, np.nan)
    for _, members in tests.with_row_index("at").group_by(names, maintain_order=True):
        at = members["at"].to_numpy()
        p: Float[ndarray, " test"] = members["p"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if np.isfinite(p).sum() > 1:
            corrected[at] = holm(p)
    if np.isnan(corrected).all():
        return tests
    column = pl.Series("p_holm", corrected).fill_nan(None)
    return tests.insert_column(tests.columns.index("p") + 1, column)


def additive(asked: Asked) -> Asked:
    """What was asked, if its error is the sum of a bias and a variance that can be averaged over questions.

    Raises:
        LossMismatch: it is not.
    """
    if asked.method.loss == "zero_one":
        found = "the terms of 0/1 error do not add over questions, so they have no share that could be compared"
        raise LossMismatch(found, hint="--loss brier, or --loss mode")
    if asked.method.loss == "spread":
        found = "without a target there is variance, but no error that it could be a part of"
        raise LossMismatch(found, hint="answer_spread for the variance of each question")
    return asked


def squared_only(asked: Asked, what: str) -> Asked:
    """What was asked, if its terms are means over pairs of samples.

    Raises:
        LossMismatch: they are not.
    """
    if asked.method.loss in ("kl", "mode") or asked.method.estimator == "plugin":
        raise LossMismatch(
            f"{what} is not defined for the loss {asked.method.loss}, {asked.method.estimator}",
            why="only the unbiased terms of squared losses are means over pairs of samples",
            hint="--loss brier (coverage for scores and tests)",
        )
    return asked


def kept(asked: Asked, rows: Sequence[Row]) -> Iterator[tuple[Row, Group]]:
    """Each row that was not withheld, with its questions."""
    for row in rows:
        yield row, next(group for group in asked.groups if group.name == row.group)


def measured_groups(asked: Asked, rows: Sequence[Row]) -> list[Group]:
    """The tasks, models and settings of which a row was not withheld, each with all its questions."""
    return [whole for whole in asked.wholes if any(whole.name.items() <= row.group.items() for row in rows)]


def without_rows(notices: Iterable[Notice]) -> Iterator[Notice]:
    """The notices without those about intervals and figures of rows, where no rows are shown."""
    return (notice for notice in notices if notice.code not in _OF_ROWS)


def of_questions(asked: Asked) -> Iterator[Notice]:
    """What must be known of tests that leave questions out, where contexts are shared, or something else was asked for."""
    if any(shared_contexts(asked.table, whole.members) for whole in asked.wholes):
        found = "tests, and intervals of accuracy and of rates, leave questions out; they do not allow for the choice of contexts"
        yield Notice("questions-only", found)
    elif asked.method.about == "benchmark":
        yield Notice("questions-only", "tests, and intervals of accuracy and of rates, are about questions like these")
    counts = asked.table.terms.samples[np.isfinite(asked.table.terms.variance)]
    if asked.method.estimator == "plugin" and len(counts) and counts.min() != counts.max():
        found = f"questions have {counts.min():,.0f} to {counts.max():,.0f} samples, which alone moves plug-in figures"
        yield Notice("plugin-tests", f"{found}: no test of them means anything", "--estimator unbiased")
