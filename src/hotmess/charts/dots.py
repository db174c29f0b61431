"""Dots with their intervals, a row for each model: for figures that have no order to draw a line through."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.theme import COLOURS, FAINT, INK, MOST, SHAPES, WIDTH, axis

__all__ = ["Dots", "dots"]

_ROW = 17  # height of a row in units; letters are 11 high
_TALLEST = 60  # rows, beyond which no page is high enough


@dataclass(frozen=True, slots=True)
class Dots:
    """What is drawn.

    Attributes:
        x: the column to the right, with its _low and _high.
        by: the column that colours, and its values in order with the words for them.
        title: of the axis.
        percent: whether x is a share.
        zero: whether a line stands at 0.
    """

    x: str
    by: str = ""
    words: dict[str, str] | None = None
    title: str | None = None
    percent: bool = False
    zero: bool = False
    width: int = WIDTH - 60


def dots(frame: pl.DataFrame, to: Dots) -> Any:
    """A row for each series, a dot for each value of `by`."""
    frame = frame.filter(pl.col(to.x).is_not_null())
    rows = frame["series"].unique(maintain_order=True).to_list()[:_TALLEST]
    frame = frame.filter(pl.col("series").is_in(rows))
    words = to.words or {"": ""}
    many = [key for key in words if not to.by or key in frame[to.by].unique().to_list()]
    height = max(len(rows) * max(_ROW, 8 * len(many)), 34)
    y = alt.Y("series:N", sort=rows, axis=alt.Axis(title=None, labelLimit=170, ticks=False, domain=False))
    at = alt.YOffset(f"{to.by}:N", sort=many, scale=alt.Scale(paddingOuter=0.4)) if to.by and len(many) > 1 else alt.Undefined
    x = alt.X(f"{to.x}:Q", axis=axis(to.title, percent=to.percent), scale=alt.Scale(zero=to.percent or to.zero))
    colour, shape = _by(to, many)
    base = alt.Chart(frame)
    bars = base.mark_rule(strokeWidth=1.4).encode(
        x=alt.X(f"{to.x}_low:Q", axis=axis(to.title, percent=to.percent)), x2=f"{to.x}_high:Q", y=y, yOffset=at, color=colour
    )
    marks = base.mark_point(filled=True, size=34, opacity=1).encode(
        x=x, y=y, yOffset=at, color=colour, shape=shape, tooltip=["series:N", f"{to.x}:Q"]
    )
    layers = [bars, marks]
    if to.zero:
        layers.insert(0, alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=FAINT, strokeDash=[2, 2]).encode(x="zero:Q"))
    return alt.layer(*layers).properties(width=to.width, height=height)


def _by(to: Dots, many: Sequence[str]) -> tuple[Any, Any]:
    """Colour and shape by a column, explained above the picture; in ink where there is none."""
    if not to.by or len(many) < 2:
        return alt.value(COLOURS[0] if to.by else INK), alt.value("circle")
    words = to.words or {}
    label = " : ".join(f"datum.label == '{key}' ? '{words[key]}'" for key in many) + " : datum.label"
    legend = alt.Legend(title=None, orient="top", labelExpr=label, symbolSize=50, columns=3, labelLimit=200)
    colours = alt.Scale(domain=list(many), range=[COLOURS[n % MOST] for n in range(len(many))])
    shapes = alt.Scale(domain=list(many), range=[SHAPES[n % MOST] for n in range(len(many))])
    return alt.Color(f"{to.by}:N", scale=colours, legend=legend), alt.Shape(f"{to.by}:N", scale=shapes, legend=legend)
