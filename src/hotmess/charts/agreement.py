"""Do models find the same questions long? Every two of them, and length by difficulty (paper, figures 5, 12, 22)."""

from textwrap import wrap
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.curves import Panel, labels
from hotmess.charts.dots import Dots, dots
from hotmess.charts.theme import FAINT, INK, WIDTH, finish, log_axis, look, named, series_of
from hotmess.errors import safe
from hotmess.result import Result

__all__ = ["length_agreement", "length_by_difficulty"]

_NUMBERS = 10  # models, beyond which cells have no room for a number
_ROW = 12  # height of a row where there are many
_LINES = 3  # of a label of difficulty


def length_agreement(result: Result) -> Any:
    """A matrix of correlations, darker where they are higher; for two models, the correlation with its interval."""
    points = series_of(result.points.select(pl.exclude("model")))
    tasks = points["series"].unique(maintain_order=True).to_list()
    title = "Do models find the same questions long?"
    names = [*points["a"].unique(maintain_order=True), *points["b"].unique(maintain_order=True)]
    if len(set(names)) == 2:
        return finish(
            _two(points, f"correlation of mean {named(result.method.length)}"),
            title,
            f"{safe(names[0])} and {safe(names[-1])}"[:70],
        )
    parts = [_matrix(points.filter(pl.col("series") == task), task if len(tasks) > 1 else "") for task in tasks]
    whole = parts[0] if len(parts) == 1 else alt.vconcat(*parts, spacing=14)
    return finish(whole, title, f"rank correlations of the mean {named(result.method.length)} of questions", *_median(result))


def _median(result: Result) -> list[str]:
    rows = result.tests.filter(pl.col("value").is_not_null()).to_dicts()
    return [f"{row['per']}: {_decimals(row['value'])}; intervals are in the table" for row in rows] if len(rows) == 1 else []


def _two(points: pl.DataFrame, title: str) -> Any:
    """The one pair (of each task), by ranks and by logs."""
    kinds = {"spearman": "rank correlation", "pearson": "of the logs"}
    rows = [
        points.select("series", kind=pl.lit(word), value=pl.col(name), value_low=f"{name}_low", value_high=f"{name}_high")
        for name, word in kinds.items()
    ]
    frame = pl.concat(rows)
    alone = frame["series"].n_unique() == 1
    frame = frame.with_columns(series=pl.col("kind") if alone else pl.concat_str("series", pl.lit(" · "), "kind"))
    return dots(frame, Dots("value", title=title, zero=True))


def _matrix(points: pl.DataFrame, title: str) -> Any:
    """The lower triangle: a row and a column for each model, in one order."""
    order = list(dict.fromkeys([*points["a"], *points["b"]]))
    place = {name: number for number, name in enumerate(order)}
    few = len(order) <= _NUMBERS
    short = series_of(pl.DataFrame({"model": order}))["series"]
    rows = [f"{number + 1}  {name}" for number, name in enumerate(short)]
    at = points.with_columns(
        row=pl.max_horizontal(*(pl.col(name).replace_strict(place) for name in ("a", "b"))),
        column=pl.min_horizontal(*(pl.col(name).replace_strict(place) for name in ("a", "b"))) + 1,
        shown=pl.col("spearman").map_elements(_decimals, return_dtype=pl.String),
    ).with_columns(name=pl.col("row").replace_strict(dict(enumerate(rows)), return_dtype=pl.String))
    height = max(_ROW, min(26, 300 // len(order)))
    x = alt.X(
        "column:O",
        scale=alt.Scale(domain=[*range(1, len(order))]),
        axis=alt.Axis(title=None, labelAngle=0, ticks=False, domain=False, labelOverlap=True, orient="bottom"),
    )
    y = alt.Y(
        "name:N", sort=rows, scale=alt.Scale(domain=rows), axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190)
    )
    shade = alt.Color(
        "spearman:Q", scale=alt.Scale(domain=[0, 1], range=["#f4f4f4", "#08306b"], clamp=True), legend=_legend(few=few)
    )
    tips = [alt.Tooltip("a:N"), alt.Tooltip("b:N"), alt.Tooltip("spearman:Q", format=".2f"), alt.Tooltip("questions:Q")]
    layers = [alt.Chart(at).mark_rect(stroke="white", strokeWidth=1 if few else 0).encode(x=x, y=y, color=shade, tooltip=tips)]
    if few:
        light = alt.condition("datum.spearman > 0.55", alt.value("white"), alt.value(INK))
        layers.append(alt.Chart(at.drop_nulls("spearman")).mark_text(fontSize=11).encode(x=x, y=y, text="shown:N", color=light))
    wide = min(WIDTH - 60, 34 * (len(order) - 1)) if few else WIDTH - 60
    return alt.layer(*layers).properties(width=wide, height=height * len(order), title=alt.TitleParams(title, fontSize=11))


def _decimals(value: float) -> str:
    """A correlation in as little room as it needs."""
    return f"{value:.2f}".replace("0.", ".").replace("-", "−")


def _legend(*, few: bool) -> Any:
    return None if few else alt.Legend(title=None, orient="top", gradientLength=120, gradientThickness=8, tickCount=2)


# ---------------------------------------------------------------------------------------------- by difficulty


def length_by_difficulty(result: Result) -> Any:
    """Length, easy to hard, a line for each model."""
    points = series_of(result.points, by="length")
    order = points["difficulty"].unique(maintain_order=True).to_list()
    points = points.with_columns(
        place=pl.col("difficulty").replace_strict({name: n for n, name in enumerate(order)}).cast(pl.Int64)
    )
    bright, dim = points.filter("bright"), points.filter(~pl.col("bright"))
    shape = look(bright)
    scale = alt.Scale(domain=[-0.3, len(order) - 0.7], nice=False)
    x = alt.X("place:Q", scale=scale, axis=alt.Axis(title=None, values=list(range(len(order))), labels=False))
    levels = log_axis(points["length"].to_numpy(), None, most=4)
    y = alt.Y("length:Q", scale=alt.Scale(type="log", nice=False, padding=8), axis=levels)
    base = alt.Chart(bright)
    layers = [
        base.mark_rule(strokeWidth=1.2).encode(x=x, y=alt.Y("length_low:Q"), y2="length_high:Q", color=shape["color"]),
        base.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=shape["color"], strokeDash=shape["strokeDash"]),
        base.mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, color=shape["color"], shape=shape["shape"]),
    ]
    if dim.height:
        layers.insert(0, alt.Chart(dim).mark_line(color=FAINT, strokeWidth=0.7, opacity=0.6).encode(x=x, y=y, detail="series:N"))
    to = Panel("place", "length", "", size=(WIDTH - 40, 150), log_y=True)
    if bright["series"].n_unique() > 1:
        layers.append(labels(bright, to, shape))
    layers.append(_below(order, x, to.size))
    whole = alt.layer(*layers).properties(width=to.size[0], height=to.size[1])
    return finish(whole, f"Mean {named(result.method.length)} of questions, by difficulty", *_correlated(result))


def _below(order: list[str], x: Any, size: tuple[int, int]) -> Any:
    """The names of the groups below the axis, in lines that are short enough for their place."""
    most = max(size[0] // (5 * len(order)), 5)
    lines = ["\n".join(wrap(safe(name), most, max_lines=_LINES, placeholder="…")) for name in order]
    frame = pl.DataFrame({"place": list(range(len(order))), "name": lines})
    marks = alt.Chart(frame).mark_text(baseline="top", lineBreak="\n", fontSize=11, color=INK)
    return marks.encode(x=x, y=alt.value(size[1] + 6), text="name:N")


def _correlated(result: Result) -> list[str]:
    if "value" not in result.tests.columns:
        return []
    tests = series_of(result.tests.filter(pl.col("value").is_not_null()))
    if not 0 < tests.height <= 3:
        return []
    found = []
    for row in tests.to_dicts():
        ends = "" if row["value_low"] is None else f" [{row['value_low']:.2f}, {row['value_high']:.2f}]"
        name = f"{row['series']}: " if tests.height > 1 else ""
        found.append(f"{name}rank correlation " + f"{row['value']:.2f}{ends}".replace("-", "−"))
    return found
