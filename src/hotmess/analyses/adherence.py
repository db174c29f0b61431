"""How often was the format kept? Answers that could not be read, by model, budget and reason (paper, table 1)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from hotmess.analyses.points import ends, frame
from hotmess.asked import Rules
from hotmess.frames import polars
from hotmess.infer import share_interval
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.rows import Method
from hotmess.samples import GROUPS, Samples
from hotmess.tally import tally

__all__ = ["format_adherence"]


def format_adherence(samples: Samples | Any, *, rules: Rules = Rules()) -> Result:
    """Counts of samples by what became of them: read, or not and why; stopped by a limit; failed.

    Args:
        samples: a sample table; `status` and `reason` say most.
        rules: how to measure; only `level` plays a part.

    Returns:
        Points: `outcome` (read; limit: read, though stopped by one; not read, and of that each reason), samples, `of_samples`,
        `rate` with its ends. Failures of the infrastructure (left out) are no answers: theirs is the share of all samples.
    """
    samples = (samples if isinstance(samples, Samples) else prepare(samples)).with_sample_ids()
    table = _outcomes(samples)
    names = [name for name in GROUPS if name in table.columns]
    rows: list[dict[str, Any]] = []
    groups = table.group_by(names, maintain_order=True) if names else [((), table)]
    for key, part in groups:
        rows += [dict(zip(names, key, strict=True)) | row for row in _rates(part, samples.keys, rules.level)]
    order = {"read": 0, "limit": 1, "not read": 2}
    rows.sort(key=lambda row: (*(str(row[name]) for name in names), order.get(row["outcome"], 3), row["outcome"]))
    method = Method("mode", "plugin", rules.invalid, samples.kind, "population", rules.level, rules.delta)
    interval = "Wilson, at as many answers as would tell as much if they were independent"
    return Result("format_adherence", frame(rows), frame([]), method, samples.notices, samples.source, interval, lossless=True)


def _outcomes(samples: Samples) -> pl.DataFrame:
    """What became of each sample, in words: as every measurement sees it, with the reason that the log gives."""
    made = tally(samples, "spread", each_sample=True)
    where = list(made.where)
    told = [name for name in ("status", "reason") if samples.has(name)]
    words = polars(samples.frame).select(*where, *told).collect().unique(where, keep="first")
    status = pl.col("status").fill_null("ok") if "status" in told else pl.lit("ok")
    reason = pl.col("reason").fill_null("no reason given") if "reason" in told else pl.lit("no reason given")
    outcome = (
        pl.when(pl.col("excluded") > 0)
        .then(pl.concat_str(pl.lit("left out: "), status))
        .when(pl.col("invalid") > 0)
        .then(pl.concat_str(pl.lit("unread: "), reason))
        .when(status == "limit")
        .then(pl.lit("limit"))
        .otherwise(pl.lit("read"))
    )
    cells = made.cells.select(*where, "excluded", "invalid")
    return cells.join(words, on=where, how="left", nulls_equal=True, maintain_order="left").with_columns(outcome=outcome)


def _rates(part: pl.DataFrame, keys: Sequence[str], level: float) -> list[dict[str, Any]]:
    """The share of each outcome among the answers of a model; what was left out is no answer, and counts among all samples."""
    code = part.select(pl.struct(keys).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    gone = part["outcome"].str.starts_with("left out").to_numpy()
    outcomes = {name: (part["outcome"] == name).to_numpy() for name in part["outcome"].unique(maintain_order=True)}
    outcomes["not read"] = part["outcome"].str.starts_with("unread").to_numpy()
    found = []
    for outcome, hits in outcomes.items():
        among = np.ones(len(gone), dtype=bool) if outcome.startswith("left out") else ~gone
        count = np.bincount(code, among.astype(float))
        share = np.bincount(code, (hits & among).astype(float)) / np.maximum(count, 1)
        shown = {"outcome": outcome, "samples": int(hits.sum()), "of_samples": int(count.sum())}
        found.append(shown | ends("rate", share_interval(share[count > 0], weights=count[count > 0], level=level)))
    return found
