"""How often was the format kept? Answers that could not be read, by model, budget and reason (paper, table 1)."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray
from scipy.special import stdtrit

from hotmess.analyses.points import ends, frame
from hotmess.asked import Rules
from hotmess.frames import polars
from hotmess.infer import Interval
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.rows import Method
from hotmess.samples import GROUPS, Samples

__all__ = ["format_adherence"]


def format_adherence(samples: Samples | Any, *, rules: Rules = Rules()) -> Result:
    """Counts of samples by what became of them: read, or not and why; stopped by a limit; failed.

    Args:
        samples: a sample table; `status` and `reason` say most.
        rules: how to measure; only `level` plays a part.

    Returns:
        Points: `outcome` (read; limit: read, though stopped by one; not read, and of that each reason), samples, `of_samples`,
        `rate` with its ends: Wilson's interval at the effective number of samples, since those of one question fail together.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    table = polars(samples.frame).with_columns(outcome=_outcome(samples)).collect()
    if samples.has("test_id"):
        table = table.unique([*samples.keys, "sample_id"], maintain_order=True)
    names = [name for name in GROUPS if name in table.columns]
    rows: list[dict[str, Any]] = []
    groups = table.group_by(names, maintain_order=True) if names else [((), table)]
    for key, part in groups:
        rows += [dict(zip(names, key, strict=True)) | row for row in _rates(part, samples, rules.level)]
    order = {"read": 0, "limit": 1, "not read": 2}
    rows.sort(key=lambda row: (*(str(row[name]) for name in names), order.get(row["outcome"], 3), row["outcome"]))
    method = Method("mode", "plugin", rules.invalid, samples.kind, "population", rules.level, rules.delta)
    return Result(
        "format_adherence", frame(rows), frame([]), method, samples.notices, samples.source, "Wilson, by questions", lossless=True
    )


def _outcome(samples: Samples) -> pl.Expr:
    """What became of a sample, in words."""
    status = pl.col("status").fill_null("ok") if samples.has("status") else pl.lit("ok")
    reason = pl.col("reason").fill_null("no reason given") if samples.has("reason") else pl.lit("no reason given")
    unread = status == "invalid"
    if samples.kind == "answers":
        unread = unread | (pl.col("answer").is_null() & ~status.is_in(["error", "missing"]))
    foreign = pl.col("answer_not_option") if samples.has("answer_not_option") else pl.lit(value=False)
    return (
        pl.when(status.is_in(["error", "missing"]))
        .then(pl.concat_str(pl.lit("left out: "), status))
        .when(unread)
        .then(pl.concat_str(pl.lit("unread: "), reason))
        .when(foreign)
        .then(pl.lit("unread: not an option"))
        .when(status == "limit")
        .then(pl.lit("limit"))
        .otherwise(pl.lit("read"))
    )


def _rates(part: pl.DataFrame, samples: Samples, level: float) -> list[dict[str, Any]]:
    """The share of each outcome among the samples of a model, with Wilson's interval."""
    code = part.select(pl.struct(samples.keys).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    count = np.bincount(code).astype(float)
    found = []
    outcomes = {name: part["outcome"] == name for name in part["outcome"].unique(maintain_order=True)}
    outcomes["not read"] = ~part["outcome"].is_in(["read", "limit"])
    for outcome, rows in outcomes.items():
        hits = np.bincount(code, rows.to_numpy().astype(float))
        shown = {"outcome": outcome, "samples": int(hits.sum()), "of_samples": int(count.sum())}
        found.append(shown | ends("rate", _wilson(hits, count, level)))
    return found


def _wilson(hits: Float[ndarray, " question"], count: Float[ndarray, " question"], level: float) -> Interval:
    """Wilson's interval for a share, with as many samples as would tell as much if all were independent."""
    n, questions = count.sum(), len(count)
    p = float(hits.sum() / n)
    if questions < 2:
        return Interval(p, np.nan, np.nan, level)
    spread = questions / (questions - 1) * ((hits - p * count) ** 2).sum() / n**2
    effective = p * (1 - p) / spread if spread > 0 else float(questions)
    effective = min(max(effective, 1.0), n)
    z2 = float(stdtrit(questions - 1, 0.5 + level / 2)) ** 2
    centre = (p + z2 / (2 * effective)) / (1 + z2 / effective)
    half = np.sqrt(z2 * (p * (1 - p) / effective + z2 / (4 * effective**2))) / (1 + z2 / effective)
    return Interval(p, max(centre - half, 0.0), min(centre + half, 1.0), level)
