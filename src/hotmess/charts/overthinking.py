"""Samples by their own length (paper, figures 3 and 17)."""

from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.curves import Panel, curves, labels, said
from hotmess.charts.theme import FAINT, INK, VARIANCE, WIDTH, axis, finish, look, named, series_of
from hotmess.result import Result

__all__ = ["by_overthinking", "by_relative_length"]

_HALVES = ["shorter", "longer"]


def by_overthinking(result: Result) -> Any:
    """A line from the shorter to the longer half of each model."""
    points = series_of(result.points.filter(pl.col("half").is_in(_HALVES)))
    points = points.with_columns(at=pl.when(pl.col("half") == "longer").then(1).otherwise(0))
    figures = [("accuracy", "accuracy"), ("incoherence", "incoherence")]
    there = [name for name in figures if name[0] in points.columns and points[name[0]].is_not_null().any()]
    many = points["series"].n_unique() > 1
    panels = [_pair(points, *name, named_=many and name == there[-1]) for name in there]
    lines = said(result, "incoherence", percent=True, unit="from the shorter to the longer half")
    whole = alt.hconcat(*panels, spacing=14).resolve_scale(color="independent")
    return finish(whole, f"The shorter and the longer half by {named(result.method.length)}", *lines)


def _pair(points: pl.DataFrame, name: str, title: str, *, named_: bool) -> Any:
    """Two dots for each series, with the line between them."""
    shape = look(points.filter("bright"))
    points = points.filter(pl.col(name).is_not_null())
    bright, dim = points.filter("bright"), points.filter(~pl.col("bright"))
    words = alt.Axis(title=None, values=[0, 1], labelExpr="datum.value == 0 ? 'shorter' : 'longer'", tickSize=0)
    x = alt.X("at:Q", axis=words, scale=alt.Scale(domain=[-0.25, 1.25]))
    y = alt.Y(f"{name}:Q", axis=axis(None, percent=True), scale=alt.Scale(zero=False))
    lines = alt.Chart(bright).mark_line(strokeWidth=1.8).encode(x=x, y=y, color=shape["color"], strokeDash=shape["strokeDash"])
    bars = (
        alt.Chart(bright)
        .mark_rule(strokeWidth=1.2, opacity=0.7)
        .encode(x=x, y=f"{name}_low:Q", y2=f"{name}_high:Q", color=shape["color"])
    )
    marks = (
        alt.Chart(bright).mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, color=shape["color"], shape=shape["shape"])
    )
    layers = [lines, bars, marks]
    if dim.height:
        layers.insert(0, alt.Chart(dim).mark_line(color=FAINT, strokeWidth=0.7, opacity=0.6).encode(x=x, y=y, detail="series:N"))
    to = Panel("at", name, title, size=(WIDTH // 2 - 14, 140))
    if named_:
        layers.append(labels(bright, to, shape))
    words_above = alt.TitleParams(title, fontSize=11, fontWeight="normal", offset=3, frame="group")
    return alt.layer(*layers).properties(width=to.size[0], height=to.size[1], title=words_above)


def by_relative_length(result: Result) -> Any:
    """Bins of samples by their length beside that of the others."""
    points = series_of(result.points)
    many = points["series"].n_unique() > 1
    to = Panel(
        "ratio", "incoherence", "incoherence", "length / median of the question’s other samples", percent=True, labels=many
    )
    half = ((WIDTH - 45) // 2, 70)
    small = [
        Panel("ratio", "error", "error", size=half, ticks=3, colour=INK),
        Panel("ratio", "variance", "variance", size=half, ticks=3, colour=VARIANCE),
    ]
    return curves(points, to, small, "Incoherence of samples by relative length", said(result, "incoherence", percent=True))
