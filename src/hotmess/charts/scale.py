"""Figures against model size, by difficulty of the questions (paper, 4a, 5, 9, 12, 15, 16), and against length and size (14)."""

from dataclasses import replace
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.curves import Panel, curves, panel
from hotmess.charts.theme import BIAS, INK, VARIANCE, WIDTH, finish, log_axis, named, series_of
from hotmess.errors import safe
from hotmess.result import Result

__all__ = ["by_length_and_size", "by_scale"]

_BESIDE = 3  # families, beyond which panels are too narrow
_GAP = 12  # between panels
_MODELS = 12  # on a line
_NUMBERS = 42  # cells that have room for a number
_SMALL = (("bias2", "bias²", BIAS), ("variance", "variance", VARIANCE), ("accuracy", "accuracy", INK))


def by_scale(result: Result) -> Any:
    """Incoherence against size, and below it what it is made of; families side by side."""
    points = _series(_columns(result.points))
    there = [name for name in _SMALL if name[0] in points.columns and points[name[0]].is_not_null().any()]
    columns = points["column"].unique(maintain_order=True).to_list()
    title = "Incoherence by model size"
    if 1 < len(columns) <= _BESIDE:
        return finish(_beside(points, columns, there), title, *_said(result, columns)).configure_axisY(minExtent=30)
    if len(columns) > _BESIDE:
        points = series_of(points.drop("series", "bright", "column"), ["family", "difficulty"])
    many = points["series"].n_unique() > 1
    large = Panel("size", "incoherence", "incoherence", "model size", percent=True, labels=many, fit=_fit(points, "incoherence"))
    wide = (WIDTH - 45 * (len(there) - 1)) // max(len(there), 1)
    small = [_small(points, name, words, (wide, 70), colour) for name, words, colour in there]
    for name, _, _ in there:
        points = points if name == "accuracy" else _above_zero(points, name)
    return curves(points, large, small, title, _said(result, columns))


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column `column`: what separates lines, apart from difficulty."""
    names = [name for name in ("task", "setting", "family") if name in frame.columns]
    return (
        series_of(frame.select(pl.exclude("model")), [name for name in names if name == "family"])
        .rename({"series": "column"})
        .drop("bright")
    )


def _series(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with difficulty as what tells lines apart."""
    found = series_of(frame.select("difficulty"), ["difficulty"])
    return frame.with_columns(found["series"], found["bright"])


def _small(points: pl.DataFrame, name: str, words: str, size: tuple[int, int], colour: str) -> Panel:
    log = name != "accuracy" and bool((points[name] > 0).any())
    share, fit = name == "accuracy", _fit(points, name)
    return Panel("size", name, words, log_y=log, percent=share, size=size, ticks=2, colour=colour, fit=fit)


def _fit(points: pl.DataFrame, name: str) -> str:
    """The column with the fitted line, where models are many or share a size, so that a line through them says nothing."""
    place = [column for column in ("column", "series", "size") if column in points.columns]
    fit = f"{name}_fit"
    crowded = points.select(place).is_duplicated().any() or points["size"].n_unique() > _MODELS
    return fit if crowded and fit in points.columns and points[fit].is_not_null().any() else ""


def _above_zero(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The frame with what a logarithmic axis can show: values above 0, and bands that end at half the lowest of them."""
    least = frame.filter(pl.col(name) > 0)[name].min()
    if least is None:
        return frame
    floor = pl.lit(least) / 2
    value = pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name)
    return frame.with_columns(value, pl.max_horizontal(f"{name}_low", floor).alias(f"{name}_low"))


def _beside(points: pl.DataFrame, columns: list[str], there: list[tuple[str, str, str]]) -> Any:
    """A column of panels for each family."""
    wide = (WIDTH - _GAP * (len(columns) - 1)) // len(columns)
    large = Panel("size", "incoherence", "", percent=True, size=(wide, 100), ticks=2, fit=_fit(points, "incoherence"))
    rows = [large, *(_small(points, name, words, (wide, 60), colour) for name, words, colour in there)]
    made = []
    for to in rows:
        frame = _above_zero(points, to.y) if to.log_y else points
        parts = []
        for place, name in enumerate(columns):
            top, last = to is large, place == len(columns) - 1
            shown = replace(
                to,
                title=_cut(name, wide) if top else to.title if place == 0 else "",
                x_title="model size" if to is rows[-1] else None,
                labels=last and top and points["series"].n_unique() > 1,
                bare=place > 0,
            )
            parts.append(panel(frame.filter(pl.col("column") == name), shown))
        made.append(alt.hconcat(*parts, spacing=_GAP, resolve=_resolved(x="shared", y="shared", color="independent")))
    return alt.vconcat(*made, spacing=8, resolve=_resolved(y="independent", color="independent"))


def _resolved(**scales: Any) -> Any:
    """What panels share; said when they are put together, since saying it afterwards copies them all."""
    return alt.Resolve(scale=alt.ScaleResolveMap(**scales))


def _cut(name: str, wide: int) -> str:
    """A name that is no wider than its panel."""
    most = wide // 6
    return name if len(name) <= most else name[: most - 1] + "…"


def _said(result: Result, columns: list[str]) -> list[str]:
    """What difficulty is; and what the tests say, a line for each group of difficulty, or for each family the difference."""
    by = [str(name) for name in result.points["by"].unique(maintain_order=True) if name]
    first = [f"questions by {_cut(safe(by[0]), WIDTH)}"] if len(by) == 1 else []
    if "what" not in result.tests.columns:
        return first
    tests = _columns(result.tests.filter((pl.col("what") == "incoherence") & pl.col("value").is_not_null()))
    tests = tests if len(columns) == 1 else tests.filter(pl.col("per").str.ends_with("difference"))
    if not 0 < tests.height <= _BESIDE + 1:
        return first
    head, rows = "odds of incoherence ~ size to the power", tests.to_dicts()
    if len(columns) == 1 and result.points["difficulty"].n_unique() == 1:
        return [*first, *(f"{head}: {_number(row)}" for row in rows)]
    names = [f"{_cut(row['column'], 100)}, " * (len(columns) > 1) + _cut(safe(row["difficulty"]), 160) for row in rows]
    return [*first, head, *(f"{name}: {_number(row)}" for name, row in zip(names, rows, strict=True))]


def _number(row: dict[str, Any]) -> str:
    if row["value_low"] is None:
        return "no interval"
    ends = f" [{row['value_low']:+.2f}, {row['value_high']:+.2f}]"
    p = "" if row["p"] is None else ", p < 0.001" if row["p"] < 0.001 else f", p = {row['p']:.2g}"
    return f"{row['value']:+.2f}{ends}{p}".replace("-", "−")


# ---------------------------------------------------------------------------------------------- length and size


def by_length_and_size(result: Result) -> Any:
    """Cells of length and size, darker where more incoherent, and contours of the plane through them."""
    points = _columns(result.points)
    columns = points["column"].unique(maintain_order=True).to_list()
    parts = [_cells(points.filter(pl.col("column") == name), result, name if len(columns) > 1 else "") for name in columns]
    whole = parts[0] if len(parts) == 1 else alt.vconcat(*parts, spacing=14)
    return finish(whole, "Incoherence by length and model size", *_compared(result, columns, points))


def _cells(points: pl.DataFrame, result: Result, title: str) -> Any:
    cells = points.filter((pl.col("kind") == "cell") & pl.col("incoherence").is_not_null())
    cells = cells.with_columns(pl.col("incoherence").clip(0.0, 1.0))
    contours = points.filter(pl.col("kind") == "contour")
    length = f"mean {named(result.method.length)} of a question"
    scale = alt.Scale(type="log", nice=False, padding=4 if contours.height else 16)
    x = alt.X("length:Q", scale=scale, axis=log_axis(cells["length"].to_numpy(), length))
    y = alt.Y("size:Q", scale=scale, axis=log_axis(cells["size"].to_numpy(), "model size"))
    few = cells.height <= _NUMBERS
    shade = alt.Color("incoherence:Q", scale=alt.Scale(domain=[0, 1], range=["#f1f1f1", "#08306b"]), legend=_legend(few=few))
    tips = [alt.Tooltip(f"{name}:{kind}") for name, kind in (("model", "N"), ("length", "Q"), ("incoherence", "Q"))]
    tips = tips if "model" in cells.columns else tips[1:]
    dots = alt.Chart(cells).mark_point(filled=True, size=430 if few else 60, opacity=1, stroke=INK, strokeWidth=0.4)
    layers = [dots.encode(x=x, y=y, color=shade, tooltip=tips)]
    if contours.height:
        lines = alt.Chart(contours).mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 3])
        layers.insert(0, lines.encode(x=x, y=y, detail="incoherence:N"))
        layers += _named_contours(contours, x, y)
    if few:
        light = alt.condition("datum.incoherence > 0.55", alt.value("white"), alt.value(INK))
        numbers = alt.Chart(cells.with_columns(_shown=(100 * pl.col("incoherence")).round(0)))
        layers.append(numbers.mark_text(fontSize=11).encode(x=x, y=y, text=alt.Text("_shown:Q", format=".0f"), color=light))
    return alt.layer(*layers).properties(width=WIDTH, height=210, title=alt.TitleParams(title, fontSize=11))


def _named_contours(contours: pl.DataFrame, x: Any, y: Any) -> list[Any]:
    """The level of each contour where it leaves the picture: at the bottom, at the top, or to the right."""
    ends = contours.sort("length").group_by("incoherence", maintain_order=True).last()
    bottom, top = pl.col("size") < contours["size"].min() * 1.001, pl.col("size") > contours["size"].max() * 0.999  # type: ignore[operator]
    parts: list[tuple[Any, dict[str, Any]]] = [
        (bottom, {"dx": 16, "dy": -3}),
        (~bottom & top, {"dy": -8}),
        (~(bottom | top), {"dx": 16}),
    ]
    text = alt.Text("incoherence:Q", format=".0%")
    return [
        alt.Chart(ends.filter(which)).mark_text(fontSize=11, color=INK, **place).encode(x=x, y=y, text=text)
        for which, place in parts
        if ends.filter(which).height
    ]


def _legend(*, few: bool) -> Any:
    """No legend where every cell has its number."""
    return None if few else alt.Legend(title="incoherence", format=".0%", orient="top", gradientLength=120, tickCount=3)


def _compared(result: Result, columns: list[str], points: pl.DataFrame) -> list[str]:
    """What both variables do to incoherence, each over the range that was seen."""
    few = points.filter(pl.col("kind") == "cell").height <= _NUMBERS * len(columns)
    first = "in circles: incoherence in %; dashed: the fit" if few else "dashed: the fit"
    if len(columns) > 1:
        return [first]
    rows = result.tests.filter(pl.col("per").str.starts_with("sd of log") & pl.col("value").is_not_null()).to_dicts()
    found = []
    for row in rows:
        ends = "" if row["value_low"] is None else f" [{row['value_low']:+.2f}, {row['value_high']:+.2f}]"
        name = named(row["per"].removeprefix("sd of log "))
        what = row["what"].split(" ")[0]
        found.append(f"{what} per sd of log {name}: " + f"{row['value']:+.2f}{ends}".replace("-", "−"))
    return [first, *found]
