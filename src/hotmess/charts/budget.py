"""Budgets asked for, as a line with dots, and natural variation, as a dashed piece at each budget (paper, figures 7, 8, 17)."""

from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.curves import Panel, labels
from hotmess.charts.dots import Dots, dots
from hotmess.charts.theme import INK, WIDTH, axis, finish, log_axis, look, named, series_of
from hotmess.errors import safe
from hotmess.result import Result

__all__ = ["by_budget"]

_LINES = 3  # models that can be drawn as lines; of more, their slopes are
_ROWS = 20  # models, beyond which accuracy has no room beside incoherence
_KINDS = {"asked for": "asked for", "natural": "natural"}
_LETTERS = 12  # of the name of a budget
_TITLE = "Thought asked for, and thought that happened"


def by_budget(result: Result) -> Any:
    """Both kinds in the same units: lines over length, or the slopes per doubling of many models."""
    points = series_of(result.points)
    second = "accuracy" if "accuracy" in points.columns else "error"
    there = [name for name in ("incoherence", second) if points[name].is_not_null().any()]
    many = points["series"].n_unique()
    if many > _LINES:
        return _slopes(result, there if many <= _ROWS else there[:1])
    title = f"mean {named(result.method.length)} of a question"
    parts = [_panel(points, name, title if name == there[-1] else None, first=name == there[0]) for name in there]
    whole = alt.vconcat(*parts, spacing=12).resolve_scale(color="independent")
    key = "bold: budgets asked for; dashed: from the shorter to the longer half"
    return finish(whole, _TITLE, key, *_said(result, points, many))


def _slopes(result: Result, there: list[str]) -> Any:
    """A row for each model: what a doubling of length goes with, by kind."""
    tests = series_of(result.tests.filter(pl.col("value").is_not_null() & pl.col("kind").is_in(list(_KINDS))))
    parts = []
    for name in there:
        percent = name != "error"
        rows = tests.filter(pl.col("what") == name)
        to = Dots("value", "kind", _KINDS, title=f"{name}, change per doubling of length", percent=percent, zero=True)
        parts.append(dots(rows, to))
    whole = parts[0] if len(parts) == 1 else alt.vconcat(*parts, spacing=14).resolve_scale(color="shared")
    return finish(whole, _TITLE, f"per doubling of mean {named(result.method.length)}")


def _panel(points: pl.DataFrame, name: str, x_title: str | None, *, first: bool) -> Any:
    points = points.filter(pl.col(name).is_not_null() & (pl.col("length") > 0))
    percent = name in ("incoherence", "accuracy")
    points = points.with_columns(pl.col(name).clip(0.0, 1.0)) if percent else points
    asked = points.filter(pl.col("kind") == "asked for").sort("series", "length", maintain_order=True)
    natural = points.filter(pl.col("kind") == "natural")
    shape = look(asked, alone=INK)
    scale = alt.Scale(type="log", nice=False, padding=12)
    x = alt.X("length:Q", scale=scale, axis=log_axis(points["length"].to_numpy(), x_title))
    y = alt.Y(f"{name}:Q", scale=alt.Scale(zero=False), axis=axis(None, percent=percent, ticks=4))
    base, colour = alt.Chart(asked), shape["color"]
    pieces = alt.Chart(natural)
    tips = [alt.Tooltip(f"{column}:{kind}") for column, kind in (("series", "N"), ("budget", "N"), ("length", "Q"), (name, "Q"))]
    layers = [
        base.mark_rule(strokeWidth=1).encode(x=x, y=alt.Y(f"{name}_low:Q"), y2=f"{name}_high:Q", color=colour),
        base.mark_line(strokeWidth=2.2).encode(x=x, y=y, color=colour),
        pieces.mark_line(strokeWidth=1.3, strokeDash=[4, 2]).encode(x=x, y=y, color=colour, detail=["series:N", "budget:N"]),
        pieces.mark_point(size=14, filled=True, fill="white", opacity=1).encode(x=x, y=y, stroke=colour),
        base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour, shape=shape["shape"], tooltip=tips),
    ]
    many = asked["series"].n_unique()
    to = Panel("length", name, name, size=(WIDTH, 120))
    if many == 1:
        layers.append(_budgets(asked, x))
    elif first:
        layers.append(labels(asked, to, shape))
    title = alt.TitleParams(name, fontSize=11, fontWeight="normal", offset=3, frame="group")
    return alt.layer(*layers).properties(width=to.size[0], height=to.size[1], title=title)


def _budgets(asked: pl.DataFrame, x: Any) -> Any:
    """The name of each budget above its dot, where no line comes."""
    words = {name: _short(safe(name).rpartition("=")[2]) for name in asked["budget"].unique()}
    shown = asked.with_columns(pl.col("budget").replace(words).alias("_budget"))
    return alt.Chart(shown).mark_text(fontSize=11, color=INK).encode(x=x, y=alt.value(-6), text="_budget:N")


def _short(word: str) -> str:
    return word if len(word) <= _LETTERS else f"{word[:4]}…{word[5 - _LETTERS :]}"


def _said(result: Result, points: pl.DataFrame, many: int) -> list[str]:
    """Both slopes, for one model; how far they are apart, for a few."""
    tests = series_of(result.tests.filter(pl.col("value").is_not_null()))
    if many == 1:
        found = ["points per doubling of length, asked for | natural:"]
        for what in tests["what"].unique(maintain_order=True):
            each = {row["kind"]: row for row in tests.filter(pl.col("what") == what).to_dicts()}
            found.append(f"{what} " + " | ".join(_points(each[kind]) for kind in _KINDS if kind in each))
        return found
    apart = tests.filter((pl.col("kind") == "asked for - natural") & (pl.col("what") == "incoherence"))
    orders = {tuple(part["budget"]) for part in points.filter(pl.col("kind") == "asked for").partition_by("series")}
    dots = [f"dots: {', '.join(safe(name).rpartition('=')[2] for name in next(iter(orders)))}"[:60]] if len(orders) == 1 else []
    head = ["asked for − natural, points of incoherence per doubling:"] if apart.height else []
    return [*dots, *head, *(f"{row['series'][:24]}: {_points(row)}" for row in apart.to_dicts())]


def _points(row: dict[str, Any]) -> str:
    scale = 1 if row["what"] == "error" else 100
    ends = "" if row["value_low"] is None else f" [{scale * row['value_low']:+.2g}, {scale * row['value_high']:+.2g}]"
    return f"{scale * row['value']:+.2g}{ends}".replace("-", "−")
