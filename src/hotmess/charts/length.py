"""Incoherence, bias², variance and accuracy against length (paper, figures 2, 8, 9, 10, 18, 23, 25)."""

from typing import Any

from hotmess.charts.curves import Panel, curves, panel, said
from hotmess.charts.theme import BIAS, INK, VARIANCE, WIDTH, finish, named, series_of
from hotmess.result import Result

__all__ = ["by_length", "by_wait_ratio"]


def by_length(result: Result) -> Any:
    """Buckets of questions by mean length."""
    title = f"incoherence by {named(result.method.length)}"
    return _of(result, title, f"mean {named(result.method.length)} of a question", log=True)


def by_wait_ratio(result: Result) -> Any:
    """Buckets of questions by the density of Wait."""
    return _of(result, "Incoherence by how often a trace says “Wait”", "Waits in a thousand", log=False)


def _of(result: Result, title: str, x_title: str, *, log: bool) -> Any:
    points = series_of(result.points)
    many = points["series"].n_unique() > 1
    large = Panel("length", "incoherence", "incoherence", x_title, log=log, percent=True, labels=many)
    subtitle = said(result, "incoherence", percent=True)
    names = [("bias2", "bias²", BIAS), ("variance", "variance", VARIANCE), ("accuracy", "accuracy", INK)]
    there = [name for name in names if name[0] in points.columns and points[name[0]].is_not_null().any()]
    if not there:
        return finish(panel(points, large), title, *subtitle)
    wide = (WIDTH - 45 * (len(there) - 1)) // len(there)
    small = [
        Panel("length", name, words, log=log, percent=name == "accuracy", size=(wide, 70), ticks=2, colour=colour)
        for name, words, colour in there
    ]
    return curves(points, large, small, title[0].upper() + title[1:], subtitle)
