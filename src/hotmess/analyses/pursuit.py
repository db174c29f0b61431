"""Which wrong thing does it pursue: what it was trained for, or neither? Bias in two parts (paper, section 5).

Where the answer that training rewarded, t, is not the one that was intended, y, the mean prediction m can be far from y because
training missed (mesa), or because training had the wrong aim (specification)::

    |m - y|^2  =  |m - t|^2  +  |t - y|^2  +  2 <m - t, t - y>
      bias²    =    mesa     +  specification  +  overlap

The overlap is negative where the model, missing its training target, lands nearer to what was intended.
"""

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from hotmess.analyses.points import additive, ends, frame, kept, of_questions, squared_only, statement, with_holm
from hotmess.asked import Rules, ask
from hotmess.errors import LossMismatch, MissingColumn, NoTarget, NothingToCompare
from hotmess.frames import collect
from hotmess.infer import difference_of_means, mean_interval
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["split_bias"]


def split_bias(samples: Samples | Any, *, rules: Rules = Rules()) -> Result:
    """Split bias² into what training missed and what it was wrongly aimed at.

    Args:
        samples: a sample table of answers whose `target` is what training rewards, with a column `intended`.
        rules: how to measure; the Brier loss.

    Returns:
        Points: `part` (mesa, specification, overlap, bias2, variance), questions, `value` with its ends, in units of the Brier
        score; the first three add up to bias2. Tests: mesa - specification, paired over questions.

    Raises:
        MissingColumn: there is no intended answer.
        NothingToCompare: target and intended answer are the same everywhere.
    """
    asked = squared_only(additive(ask(samples, rules)), "split_bias")
    if not asked.samples.has("intended"):
        raise MissingColumn("there is no column `intended`, the answer that was meant", hint="--columns intended=NAME")
    if asked.samples.kind != "answers" or asked.method.loss != "brier":
        raise LossMismatch("bias can be split for answers under the Brier loss", hint="--loss brier --label answer")
    measured = measurement(asked)
    try:
        aimed = ask(_aimed(asked.samples), rules)
    except NoTarget as none:
        raise MissingColumn("the column `intended` is empty", hint="--columns intended=NAME") from none
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    apart = _apart(asked.samples, aimed.tally.keys, aimed.table.table)
    for row, group in kept(asked, measured.rows):
        chosen = asked.usable(group)
        chosen = chosen[np.isfinite(aimed.table.terms.error[chosen]) & np.isfinite(apart[chosen])]
        mesa, bias, specification = asked.table.terms.bias[chosen], aimed.table.terms.bias[chosen], apart[chosen]
        parts = {"mesa": mesa, "specification": specification, "overlap": bias - mesa - specification, "bias2": bias}
        parts["variance"] = asked.table.terms.variance[chosen]
        level, clusters = asked.method.level, asked.clusters(chosen)
        for name, values in parts.items():
            rows.append(
                row.group
                | {"part": name, "questions": len(chosen)}
                | ends("value", mean_interval(values, level=level, clusters=clusters))
            )
        found = difference_of_means(mesa, specification, level=level, clusters=clusters)
        tests.append(statement(row.group, "bias²", "mesa - specification", found, "paired jackknife over questions"))
    if not np.nansum(apart) > 0:
        raise NothingToCompare("`target` and `intended` are the same in every question", why="all bias is then mesa")
    notices = (*measured.notices, *of_questions(asked))
    interval = "Student's t over questions"
    return Result("split_bias", frame(rows), with_holm(frame(tests)), asked.method, notices, asked.samples.source, interval)


def _aimed(samples: Samples) -> Samples:
    """The samples with the intended answer as their target."""
    frame_ = samples.frame.with_columns(nw.col("intended").cast(samples.frame.collect_schema()["target"]).alias("target"))
    return replace(samples, frame=frame_, classes=())


def _apart(samples: Samples, keys: tuple[str, ...], questions: pl.DataFrame) -> np.ndarray:
    """|target - intended|² of each question: 2 where they differ, else 0; NaN where one is not known."""
    differ = (nw.col("target") != nw.col("intended").cast(samples.frame.collect_schema()["target"])).cast(nw.Float64)
    found = collect(samples.frame.group_by(*keys).agg((2.0 * differ.max()).alias("apart")))
    joined = questions.select(keys).join(found, on=list(keys), how="left", nulls_equal=True, maintain_order="left")
    return joined["apart"].fill_null(np.nan).to_numpy()
