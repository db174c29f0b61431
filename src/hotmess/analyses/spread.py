"""Do longer answers spread more? Variance of embeddings against length, question by question (paper, figures 2c and 24).

Open-ended answers have no target, so there is variance and no error. A line through the logarithms of noisy variances has no
place for zeros and is bent by noise; instead E[variance] = exp(a + b log length) is fitted to the variances themselves (Poisson
pseudo-likelihood), so that b is the exponent of a power law.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from hotmess.analyses.points import frame, measured_groups, of_questions, statement, with_holm
from hotmess.asked import Rules, ask
from hotmess.errors import NothingToCompare
from hotmess.infer import ppml
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["answer_spread"]

_FEW = 200  # questions, below which the sandwich error is too small, and refits without one question each are cheap


def answer_spread(samples: Samples | Any, *, rules: Rules = Rules()) -> Result:
    """Variance of the answers to each question against their mean length.

    Args:
        samples: a sample table with `vector` (embeddings) and a length; answers and scores work as well.
        rules: how to measure; the loss is spread.

    Returns:
        Points: a row per question: `question_id`, `length` (mean), `variance`, `fitted` (what the power law says). Tests: the
        exponent of variance in length.

    Raises:
        NoLength: the table has no length.
        NothingToCompare: fewer than three questions have a variance and a length.
    """
    asked = ask(samples, replace(rules, loss="spread", estimator="unbiased", paper=False), lengths=True)
    measured = measurement(asked)
    length, variance = asked.length(), asked.table.terms.variance
    points, tests = [], []
    for group in measured_groups(asked, measured.rows):
        chosen = asked.usable(group)
        chosen = chosen[np.isfinite(length[chosen]) & (length[chosen] > 0)]
        if len(chosen) < 3:
            continue
        x = np.log(length[chosen])
        clusters = asked.clusters(chosen)
        if clusters is None and len(chosen) < _FEW:
            clusters = np.arange(len(chosen))
        line = ppml(variance[chosen], x, level=asked.method.level, clusters=clusters)
        fitted = np.exp(line.intercept + line.slope.value * x)
        names = asked.table.table.select(asked.tally.keys)[chosen]
        shown = {"length": length[chosen], "variance": variance[chosen], "fitted": fitted}
        points.append(names.with_columns(pl.Series(name, values).fill_nan(None) for name, values in shown.items()))
        doubt = "sandwich error (HC1)" if clusters is None else "jackknife"
        how = f"Poisson pseudo-likelihood, {doubt}"
        unit = f"exponent of {asked.length_column}"
        tests.append(statement(group.name, "variance", unit, line.slope, how) | {"questions": len(chosen)})
    if not points:
        raise NothingToCompare(
            "fewer than three questions have a variance and a length", hint="hotmess check tells what is there"
        )
    notices = (*measured.notices, *of_questions(asked))
    return Result(
        "answer_spread", pl.concat(points), with_holm(frame(tests)), asked.method, notices, asked.samples.source, "none"
    )
