"""Arrays in, terms out: the decomposition for people who hold arrays rather than tables.

The arrays become a sample table and go the same way as every other table; there is no second logic.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.blocks import Invalid
from hotmess.checks import problems
from hotmess.decompose import Terms
from hotmess.decompose import decompose as decompose_tally
from hotmess.errors import BadShape, NoTarget, OneSample, UsageError, one_of
from hotmess.prepare import prepare
from hotmess.sums import DELTA, Loss
from hotmess.tally import tally

__all__ = ["decompose", "sample_table"]

_PLACES = ("question_id", "context_id", "sample_id")


def decompose(
    predictions: Any,
    targets: Any = None,
    *,
    loss: Loss = "brier",
    plugin: bool = False,
    invalid: Invalid = "class",
    n_choices: int | None = None,
    metric: Float[ndarray, "dim dim"] | None = None,
    delta: float = DELTA,
) -> Terms:
    """Split the error of each question into bias and variance.

    Args:
        predictions: nested sequences or an array, (question, sample) or (question, context, sample), of answers (numbers or
            text; None or NaN where none could be read), or with one more axis of probabilities, of unit-test outcomes (loss
            coverage), or of coordinates (loss squared or spread). Questions may have different numbers of samples.
        targets: one per question: the right answer; the index of the right option; the right point. None for spread, and for
            coverage, where every test should pass.
        loss: brier, kl, mode, zero_one, coverage, squared or spread.
        plugin: plug-in figures, as the paper computes them, instead of unbiased ones (kl and mode: midpoints).
        invalid: what an answer is that could not be read: class, uniform or drop.
        n_choices: the number of options of every question.
        metric: a positive-definite matrix A, for the norm x'Ax in the place of x'x (loss squared).
        delta: the smoothing of kl.

    Returns:
        Terms, one value per question.
    """
    loss = one_of("loss", loss.replace("-", "_"), get_args(Loss))
    one_of("invalid", invalid, get_args(Invalid))
    if targets is None and loss not in ("spread", "coverage"):
        raise NoTarget(f"the loss {loss} needs targets", hint='one per question; or loss="spread"')
    predictions = list(predictions)
    table = sample_table(predictions, targets, loss=loss, n_choices=n_choices, metric=metric)
    samples = prepare(table)
    samples = samples.right_or_wrong() if loss == "coverage" else samples
    soft = samples.kind == "probabilities" and loss in ("kl", "mode") and not plugin
    made = tally(samples, loss, each_sample=soft, delta=delta)
    for problem in problems(made, samples, loss, max_invalid=1.0):
        if not isinstance(problem, OneSample):
            raise problem
    terms = decompose_tally(made, loss, plugin=plugin, invalid=invalid, delta=delta)
    return _for_every_question(terms, made.questions()["question_id"].to_numpy(), len(predictions))


def _for_every_question(terms: Terms, known: Int[ndarray, " known"], questions: int) -> Terms:
    """The terms in the order of the predictions; NaN for a question without any."""

    def spread(values: Float[ndarray, " known"], missing: float) -> Float[ndarray, " question"]:
        out = np.full(questions, missing)
        out[known] = values
        return out

    return Terms(
        error=spread(terms.error, np.nan),
        bias=spread(terms.bias, np.nan),
        variance=spread(terms.variance, np.nan),
        output=spread(terms.output, np.nan),
        samples=spread(terms.samples, 0.0),
        contexts=spread(terms.contexts, 0.0),
        more={name: spread(values, np.nan) for name, values in terms.more.items()},
    )


def sample_table(
    predictions: Any,
    targets: Any = None,
    *,
    loss: Loss = "brier",
    n_choices: int | None = None,
    metric: Float[ndarray, "dim dim"] | None = None,
) -> pl.DataFrame:
    """Return arrays as a sample table; see `decompose` for their shapes."""
    questions = list(predictions)
    column, width = _meaning(questions, loss)
    rows = [(*place, value) for number, question in enumerate(questions) for place, value in _leaves(question, (number,), width)]
    if not rows:
        raise BadShape("there are no predictions")
    depth = len(rows[0]) - 1
    names = [_PLACES[0], *_PLACES[3 - (depth - 1) :]]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    values = [row[-1] for row in rows]
    root = None if metric is None else np.linalg.cholesky(np.asarray(metric, dtype=float))
    table = pl.DataFrame(columns | {column: _as_column(values, column, root)})
    table = table if n_choices is None else table.with_columns(n_choices=pl.lit(n_choices))
    if targets is None:
        return table
    if len(list(targets)) != len(questions):
        raise BadShape(f"{len(list(targets))} targets for {len(questions)} questions")
    right = [_target(target, root) for target in targets]
    name = "target_vector" if column == "vector" else "target"
    return table.with_columns(pl.Series(name, [right[number] for number in columns["question_id"]]))


def _meaning(questions: Sequence[Any], loss: Loss) -> tuple[str, bool]:
    """Which column the predictions are, and whether each is a list."""
    deep = _depth(questions)
    if loss == "squared" or (loss == "spread" and deep >= 3 and _is_float(questions)):
        return "vector", True
    if loss == "coverage" and deep >= 3 and not _is_float(questions):
        return "tests", True
    if deep >= 3 and _is_float(questions):
        return "probs", True
    if deep < 2:
        raise UsageError("predictions need the axes (question, sample)", hint="one row of samples for each question")
    return "answer", False


def _depth(value: Any) -> int:
    inner = (
        next((v for v in value if v is not None), None)
        if isinstance(value, Sequence | ndarray) and not isinstance(value, str)
        else None
    )
    return (
        0 if inner is None and not isinstance(value, list | tuple | ndarray) else 1 + (_depth(inner) if inner is not None else 0)
    )


def _is_float(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_is_float(inner) for inner in value)
    return np.issubdtype(np.asarray(value).dtype, np.floating)


def _leaves(value: Any, place: tuple[int, ...], width: bool) -> Iterator[tuple[tuple[int, ...], Any]]:  # noqa: FBT001
    """Every prediction with its place."""
    if _depth(value) == (1 if width else 0):
        yield place, value
        return
    for number, inner in enumerate(value):
        yield from _leaves(inner, (*place, number), width)


def _as_column(values: Sequence[Any], column: str, root: Float[ndarray, "dim dim"] | None) -> pl.Series:
    if column == "vector":
        points = [np.atleast_1d(np.asarray(value, dtype=float)) for value in values]
        return pl.Series([list(point if root is None else point @ root) for point in points])
    if column in ("probs", "tests"):
        return pl.Series([[float(v) if column == "probs" else bool(v) for v in value] for value in values])
    return pl.Series([None if value is None or value != value else value for value in values], strict=False)


def _target(target: Any, root: Float[ndarray, "dim dim"] | None) -> Any:
    if isinstance(target, Sequence | ndarray) and not isinstance(target, str):
        point = np.atleast_1d(np.asarray(target, dtype=float))
        return list(point if root is None else point @ root)
    return target.item() if isinstance(target, np.generic) else target
