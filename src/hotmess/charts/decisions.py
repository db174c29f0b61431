"""How far models, or runs, are apart: a row for each pair, the errors in the unit of the loss and incoherence in points."""

import re
from itertools import takewhile
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.dots import Dots, dots
from hotmess.charts.theme import finish
from hotmess.errors import safe
from hotmess.result import Result

__all__ = ["compare"]

_ROWS = 24  # pairs, beyond which no picture can be read
_NAME = 13  # characters of a name
_TERMS = {"error": "error", "bias2": "bias²", "variance": "variance"}


def compare(result: Result) -> Any:
    """Differences with their intervals; a dashed line where there is none."""
    points = result.points.with_columns(series=_series(result.points))
    pairs = points["series"].unique(maintain_order=True).to_list()
    points = points.filter(pl.col("series").is_in(pairs[:_ROWS]))
    first = points.filter(pl.col("what").is_in(list(_TERMS)))
    last = points.filter(pl.col("what") == "incoherence")
    panels = [dots(first, Dots("difference", by="what", words=_TERMS, title="difference in error, bias², variance", zero=True))]
    if last["difference"].is_not_null().any():
        shown = last.with_columns(pl.col("^difference.*$") * 100)
        panels.append(dots(shown, Dots("difference", title="difference in incoherence, percentage points", zero=True)))
    whole = alt.vconcat(*panels, spacing=16).resolve_scale(color="independent", shape="independent", y="independent")
    return finish(whole, "Second less first, on the same questions", *_said(result, len(pairs)))


def _series(points: pl.DataFrame) -> pl.Series:
    """The name of each pair, and the task where there are several."""
    several = "task" in points.columns and points["task"].n_unique() > 1
    tasks = points["task"].cast(pl.String).fill_null("-").to_list() if several else [""] * points.height
    rows = zip(points["first"], points["second"], tasks, strict=True)
    return pl.Series("series", [" · ".join([*([_short(task, _NAME)] if task else []), _apart(*names)]) for *names, task in rows])


def _apart(first: str, second: str) -> str:
    """Two names; what the second begins with like the first is not said again."""
    alike = "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(first, second, strict=False)))
    skip = len(re.sub(r"[^/=\-_ ]*$", "", alike))
    last = _short(second[skip:], _NAME)
    return f"{_short(first, 2 * _NAME - len(last))} → {last}"


def _short(name: str, room: int) -> str:
    """The end of a long name, which tells it from others."""
    word = safe(name).rpartition(" · ")[2]
    return word if len(word) <= room else f"…{word[-room + 1 :]}"


def _said(result: Result, pairs: int) -> list[str]:
    questions = result.points["questions"]
    least, most = questions.min(), questions.max()
    counted = f"{most!s}" if least == most else f"{least!s} to {most!s}"
    lines = [f"{result.method.level:.0%} intervals, paired over {counted} questions"]
    return [*lines, f"{pairs - _ROWS} more pairs are not shown"] if pairs > _ROWS else lines
