"""The look of every chart, and the few marks that they are made of. For paper, notebook and page alike.

Legible at 3.25 inches: a chart is about 330 units wide, and its letters are 11 units high, 7.5 points in a column. Colours are
those of Okabe and Ito, a dark grey and a brown. Some are nearly alike in grey, so shapes and dashes repeat what they say, and
lines are labelled where they end.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.errors import safe
from hotmess.samples import GROUPS

__all__ = [
    "BIAS",
    "COLOURS",
    "FAINT",
    "INK",
    "MOST",
    "SHAPES",
    "VARIANCE",
    "WIDTH",
    "apart",
    "axis",
    "finish",
    "log_axis",
    "look",
    "named",
    "series_of",
]

INK, FAINT = "#222222", "#9a9a9a"
BIAS, VARIANCE = "#0072B2", "#D55E00"  # the same two everywhere: wrong the same way, wrong in a different way each time
COLOURS = ("#009E73", "#CC79A7", "#56B4E9", "#4D4D4D", "#E69F00", "#8C510A")  # of series, none of them those two
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ((1, 0), (5, 2), (2, 2), (7, 2, 2, 2), (9, 3), (1, 3))
MOST = len(COLOURS)  # series that can be told apart; others are drawn in grey
WIDTH = 270  # of the widest panel; labels and axes stand outside
_LETTERS = 11
_WIDEST_LABEL = 26  # characters

_CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": _LETTERS,
        "titleFontSize": _LETTERS,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": INK,
        "grid": False,
        "domainColor": FAINT,
        "tickColor": FAINT,
        "tickSize": 3,
        "labelPadding": 2,
        "titlePadding": 4,
    },
    "title": {
        "fontSize": _LETTERS + 1,
        "subtitleFontSize": _LETTERS,
        "fontWeight": "bold",
        "anchor": "start",
        "color": INK,
        "subtitleColor": INK,
        "subtitlePadding": 2,
        "offset": 6,
    },
    "header": {"labelFontSize": _LETTERS, "titleFontSize": _LETTERS, "labelColor": INK, "titleColor": INK},
    "concat": {"spacing": 12},
    "legend": {"labelFontSize": _LETTERS, "titleFontSize": _LETTERS, "titleFontWeight": "normal"},
    "text": {"fontSize": _LETTERS, "color": INK},
}


def finish(chart: Any, title: str, *subtitle: str) -> Any:
    """A chart with its title and the common look."""
    words = alt.TitleParams(title, subtitle=[line for line in subtitle if line]) if subtitle else alt.TitleParams(title)
    return chart.properties(title=words).configure(**_CONFIG)


def axis(title: str | None = None, *, percent: bool = False, ticks: int = 4) -> Any:
    """A linear axis; its title stands beside it, horizontally."""
    return alt.Axis(title=title, format="~%" if percent else alt.Undefined, tickCount=ticks)


def log_axis(values: Sequence[float] | Float[ndarray, " point"], title: str | None = None, *, most: int = 5) -> Any:
    """A logarithmic axis with few round numbers."""
    ticks = _round_numbers(np.asarray(values, dtype=float), most)
    return alt.Axis(title=title, values=ticks, format="~s" if ticks[-1] >= 1000 else "~g")


def _round_numbers(values: Float[ndarray, " point"], most: int) -> list[float]:
    """As many round numbers as there is room for: powers of ten, and what stands between them."""
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return [1.0]
    low, high = known.min() * 0.999, known.max() * 1.001
    powers = 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1)
    for steps in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = np.unique(np.round(np.outer(powers, steps).ravel(), 12))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) <= most:
            break
    ticks = ticks[:: int(np.ceil(len(ticks) / most))] if len(ticks) else ticks
    return [float(tick) for tick in ticks] if len(ticks) > 1 else [float(f"{low:.2g}"), float(f"{high:.2g}")]


def series_of(frame: pl.DataFrame, others: Sequence[str] = (), *, by: str = "incoherence") -> pl.DataFrame:
    """The frame with a column `series`, what tells one line from another, in words, and `bright`: whether to draw it in colour.

    Where there are more than can be told apart, those with the narrowest intervals of `by` are bright.
    """
    names = [name for name in dict.fromkeys((*GROUPS, *others)) if name in frame.columns]
    telling = [name for name in names if frame[name].n_unique() > 1]
    telling = telling or [name for name in names if name == "model"]
    if not telling:
        return frame.with_columns(series=pl.lit("all"), bright=pl.lit(value=True))
    frame = frame.with_columns(series=_words(frame, telling))
    if frame["series"].n_unique() <= MOST:
        return frame.with_columns(bright=pl.lit(value=True))
    width = pl.col(f"{by}_high") - pl.col(f"{by}_low") if f"{by}_high" in frame.columns else pl.lit(0.0)
    found = frame.group_by("series", maintain_order=True).agg(width=width.mean())
    chosen = found.filter(pl.col("width").is_not_null()).sort("width", maintain_order=True)["series"].head(MOST)
    return frame.with_columns(bright=pl.col("series").is_in(chosen.to_list()))


def _words(frame: pl.DataFrame, telling: Sequence[str]) -> pl.Series:
    """What tells rows apart, each part short enough to stand beside a line; in full where short ones would be the same."""
    room = _WIDEST_LABEL if len(telling) == 1 else _WIDEST_LABEL * 2 // 3
    parts = frame.select(pl.col(name).cast(pl.String).fill_null("-") for name in telling)
    full = parts.select(pl.concat_str(pl.all(), separator=" · ")).to_series()
    short = parts.select(pl.col(name).replace({word: _short(word, room) for word in parts[name].unique()}) for name in telling)
    words = short.select(pl.concat_str(pl.all(), separator=" · ")).to_series()
    return words if words.n_unique() == full.n_unique() else pl.Series([safe(word) for word in full])


def _short(word: str, room: int) -> str:
    """A word that is cut in the middle, since what tells names apart often stands at their ends."""
    word = safe(word)
    return word if len(word) <= room else f"{word[: room // 3]}…{word[-(2 * room // 3) :]}"


def look(frame: pl.DataFrame, *, alone: str = COLOURS[0]) -> dict[str, Any]:
    """Colour, shape and dash of each series; the colour of one that stands alone may be chosen."""
    names = frame["series"].unique(maintain_order=True).to_list()
    many = range(len(names))
    colours = [alone] if len(names) == 1 else [COLOURS[n % MOST] for n in many]
    return {
        "color": alt.Color("series:N", scale=_scale(names, colours), legend=None),
        "shape": alt.Shape("series:N", scale=_scale(names, [SHAPES[n % MOST] for n in many]), legend=None),
        "strokeDash": alt.StrokeDash("series:N", scale=_scale(names, [DASHES[n % MOST] for n in many]), legend=None),
    }


def _scale(names: Sequence[str], values: Sequence[Any]) -> Any:
    return alt.Scale(domain=list(names), range=list(values))


def apart(values: Sequence[float], span: float, room: float) -> list[float]:
    """The values moved so that labels at them do not overlap: at least `room` (a share of the span) from one another."""
    order = np.argsort(values, kind="stable")
    placed = np.asarray(values, dtype=float)[order]
    least = room * span
    for _ in range(60):
        gaps = np.diff(placed)
        close = gaps < least - 1e-12
        if not close.any():
            break
        push = np.where(close, (least - gaps) / 2, 0.0)
        placed[:-1] -= push
        placed[1:] += push
    out = np.empty(len(placed))
    out[order] = placed
    return [float(value) for value in out]


def named(column: str | None) -> str:
    """The name of a column as a title of an axis."""
    return (column or "length").replace("_", " ")
