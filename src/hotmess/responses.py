"""Responses, as what is looked for in them needs them: one row each, with what tells whether two say the same."""

from typing import Any

import narwhals as nw
import polars as pl

from hotmess.frames import is_polars, polars
from hotmess.samples import LENGTHS, Samples

__all__ = ["LONG", "counting", "different", "has", "responses", "surely"]

LONG = 50  # characters; shorter texts may well be the same twice
_COLUMNS = (
    *("source", "seed", "temperature", "cached", "completion_hash", "question_hash", "choices", "status", "reason", "effort"),
    *LENGTHS,
)


def responses(samples: Samples) -> tuple[nw.LazyFrame[Any], list[str], list[str]]:
    """One row per response; what names a question; and the columns that are equal where two responses say the same."""
    frame, keys = samples.frame, list(samples.keys)
    there = [name for name in _COLUMNS if name in samples.columns]
    context = [name for name in ("context_id",) if name in samples.columns]
    known = [name for name in there if name not in keys]
    if samples.kind == "tests":  # a row for each test so far
        whole = [*keys, *context, *(name for name in ("sample_id",) if name in samples.columns)]
        return _runs(samples, whole, known), keys, ["prediction"] if is_polars(frame) else ["same"]
    measured = {"answers": "answer", "score": "score", "vector": "vector", "probabilities": "prob_"}[samples.kind]
    said = [name for name in samples.columns if name == measured or (measured == "prob_" and name.startswith(measured))]
    score = [nw.col("score").cast(nw.Float64)] if samples.has("score") else []
    if is_polars(frame) and (len(said) > 1 or samples.kind == "vector"):  # one number is counted faster than many
        frame, said = nw.from_native(polars(frame).with_columns(prediction=pl.struct(said).hash())), ["prediction"]
    plain = [name for name in said if name != "score"]
    return frame.select(*keys, *context, *known, *plain, *score), keys, said


def _runs(samples: Samples, whole: list[str], known: list[str]) -> nw.LazyFrame[Any]:
    """One row per run of unit tests, with what tells its outcomes: a digest of them here, how many passed elsewhere."""
    if is_polars(samples.frame):
        outcome = pl.struct("test_id", "score").sort().hash().sum().alias("prediction")
        first = (pl.col(name).first() for name in known)
        rows = polars(samples.frame).group_by(whole, maintain_order=True).agg(outcome, *first)
        return nw.from_native(rows)
    # All runs of a question say the same if each of its tests always ends alike, and is there as often as the others.
    question = [name for name in whole if name not in ("context_id", "sample_id")]
    each = [*question, "test_id"]
    frame = samples.frame.with_columns(_outcome=nw.col("score").cast(nw.Float64).fill_null(-1.0))
    ends = {
        "_low": nw.col("_outcome").min().over(*each),
        "_high": nw.col("_outcome").max().over(*each),
        "_n": nw.len().over(*each),
    }
    frame = frame.with_columns(**ends)
    alike = (nw.col("_low") == nw.col("_high")).cast(nw.Int64)
    frame = frame.with_columns(_alike=alike.min().over(*question), _least=nw.col("_n").min().over(*question))
    frame = frame.with_columns(_most=nw.col("_n").max().over(*question))
    same = nw.when((nw.col("_alike") == 1) & (nw.col("_least") == nw.col("_most"))).then(nw.lit("same"))
    said = same.otherwise(nw.col("sample_id").cast(nw.String)).max().alias("same")
    ends_well = nw.when((nw.col("score").cast(nw.Float64) > 0.0).fill_null(value=False)).then(nw.col("test_id"))
    passed = [ends_well.count().alias("passed"), ends_well.min().alias("_first"), ends_well.max().alias("_last")]
    return frame.group_by(*whole).agg(said, *passed, *(nw.col(name).max() for name in known))


def counting(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows that count: a failure of the infrastructure is no repeat."""
    return rows.filter(~surely(nw.col("status").is_in(["error", "missing"]))) if has(rows, "status") else rows


def has(rows: nw.LazyFrame[Any], *names: str) -> bool:
    """Whether rows have all these columns."""
    return set(names) <= set(rows.collect_schema().names())


def different(name: str) -> nw.Expr:
    """How many different values a column has; null is none."""
    return nw.col(name).n_unique() - nw.col(name).is_null().cast(nw.Int64).max()


def surely(test: nw.Expr) -> nw.Expr:
    """Whether something is known to be so."""
    return test.fill_null(value=False)
