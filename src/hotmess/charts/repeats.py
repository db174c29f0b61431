"""Asking again: ensembles, changes of answers, attempts, and how many samples are needed (paper, figures 7b, 11, 20, 21)."""

from typing import Any

import polars as pl

from hotmess.charts.curves import Panel, curves, panel
from hotmess.charts.dots import Dots, dots
from hotmess.charts.theme import BIAS, INK, VARIANCE, WIDTH, finish, series_of
from hotmess.result import Result

__all__ = ["answer_changes", "by_ensemble", "pass_k", "sample_efficiency"]

_THIRD = (WIDTH - 90) // 3


def by_ensemble(result: Result) -> Any:
    """Incoherence and its parts against the size of an ensemble."""
    points = series_of(result.points, ["way"])
    squared = result.method.loss not in ("kl", "mode")
    many = points["series"].n_unique() > 1
    large = Panel("size", "incoherence", "incoherence", "samples in an ensemble", percent=True, labels=many)
    small = [
        Panel("size", "bias2", "bias²" if squared else "bias", size=(_THIRD, 70), ticks=3, colour=BIAS),
        Panel("size", "variance", "variance", size=(_THIRD, 70), ticks=3, colour=VARIANCE),
    ]
    if "some_right" in points.columns:
        small.append(Panel("size", "some_right", "one is right", percent=True, size=(_THIRD, 70), ticks=3, colour=INK))
    apart = ", each in a new context, " if (points["way"] == "one context").any() else " "
    said = f"The mean of samples{apart}has their bias² and a variance that falls with their number"
    return curves(points, large, small, "The mean of several samples", [said] if squared else [])


def pass_k(result: Result) -> Any:
    """Two lines for each model: one of k is right, all of k are right."""
    some = result.points.rename({f"pass_at{end}": f"share{end}" for end in ("", "_low", "_high")})
    every = result.points.rename({f"pass_hat{end}": f"share{end}" for end in ("", "_low", "_high")})
    names = [name for name in some.columns if not name.startswith("pass_hat")]
    points = pl.concat(
        [
            some.select(names).with_columns(of=pl.lit("pass@k")),
            every.select(name if name in every.columns else pl.lit(None).alias(name) for name in names).with_columns(
                of=pl.lit("pass^k")
            ),
        ]
    )
    to = Panel("k", "share", "", "attempts k", percent=True, labels=True, size=(WIDTH, 150))
    return finish(panel(series_of(points, ["of"]), to), "How often one (pass@k), or all (pass^k), of k attempts are right")


def sample_efficiency(result: Result) -> Any:
    """Means over subsets with the span of 95 % of them, unbiased and plug-in."""
    points = series_of(result.points, ["estimator"])
    large = Panel("size", "incoherence", "incoherence", f"{points['unit'][0]} of each question", percent=True, labels=True)
    half = ((WIDTH - 45) // 2, 70)
    small = [
        Panel("size", "bias2", "bias²", size=half, ticks=3, colour=BIAS),
        Panel("size", "variance", "variance", size=half, ticks=3, colour=VARIANCE),
    ]
    said = "Mean of random subsets, and the middle 95 % of them"
    return curves(points, large, small, "How many samples are enough?", [said])


def answer_changes(result: Result) -> Any:
    """Three dots for each model."""
    names = [name for name in result.points.columns if name not in ("source", "draws", "questions", "invalid_rate")]
    points = series_of(result.points, [name for name in names if not name.startswith("rate")])
    draws = result.points["draws"][0]
    words = {"sampling": "in one context", "both": "each in a new context", "context": "what contexts add"}
    to = Dots("rate", "source", words, title=f"chance that {draws} answers are not all the same", percent=True)
    return finish(dots(points, to), "How often an answer changes when asked again")
