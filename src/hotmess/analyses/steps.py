"""Bias and variance along the steps of a process, such as an optimizer's or an agent's (paper, figures 2d and 26)."""

from typing import Any

from hotmess.analyses.points import additive, figures, frame
from hotmess.asked import Rules, ask
from hotmess.errors import NoSuchColumn, NothingToCompare
from hotmess.measure import measurement
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["by_step"]


def by_step(samples: Samples | Any, *, step: str = "step", rules: Rules = Rules()) -> Result:
    """Error, bias², variance and incoherence at each step.

    Args:
        samples: a sample table with a row per sample and step, such as points with `vector` and `target_vector`.
        step: the numeric column that counts steps.
        rules: how to measure.

    Returns:
        Points: `step`, questions, samples, error, bias2, variance, incoherence with their ends.

    Raises:
        NoSuchColumn: there is no such column.
        NothingToCompare: there is one step only.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    if not samples.has(step) or not samples.frame.collect_schema()[step].is_numeric():
        there = ", ".join(samples.columns)
        raise NoSuchColumn(f"there is no numeric column `{step}`; there are {there}", hint="--step COLUMN")
    asked = additive(ask(samples, rules, by=[step]))
    measured = measurement(asked)
    points = frame({**row.group} | figures(row) for row in measured.rows)
    if points[step].n_unique() < 2:
        raise NothingToCompare(f"the column `{step}` has one value only")
    points = points.rename({step: "step"} if step != "step" else {}).sort("step", maintain_order=True)
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    return Result("by_step", points, frame([]), asked.method, measured.notices, asked.samples.source, interval)
