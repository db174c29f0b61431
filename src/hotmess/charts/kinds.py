"""Which kind of wrong: the plane of bias² and variance, the parts of bias, and what was not read (paper, figure 13, table 1)."""

from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.dots import Dots, dots
from hotmess.charts.theme import BIAS, COLOURS, FAINT, INK, MOST, VARIANCE, WIDTH, apart, axis, finish, look, series_of
from hotmess.measurement import Measurement
from hotmess.result import Result
from hotmess.rows import Row
from hotmess.show import LOSSES

__all__ = ["format_adherence", "measured", "plane", "split_bias"]

_SHARES = (0.25, 0.5, 0.75)
_ALL_LABELS = 12  # models, up to which each is named in the plane; of more, those at the ends


def plane(result: Result) -> Any:
    """A dot for each model, with its intervals; dashed lines are equal incoherence; a line runs from small to large models."""
    names = [name for name in result.points.columns if name not in _FIGURES and not name.endswith(("_low", "_high"))]
    sized = "model_size" in names
    lines = [name for name in names if name not in ("model_size", *(["model"] if sized else []))]
    points = result.points.filter(pl.col("bias2").is_not_null() & pl.col("variance").is_not_null())
    points = series_of(points.drop("model") if sized and "model" in names else points, lines)
    points = (
        points.with_columns(model=result.points.filter(pl.col("bias2").is_not_null())["model"])
        if sized and "model" in names
        else points
    )
    shape = look(points) if points["series"].n_unique() <= MOST else {"color": alt.value(COLOURS[0])}
    highs = points.select(pl.max_horizontal("bias2", "bias2_high", "variance", "variance_high").max()).item()
    top = max(highs * 1.05, 1e-6)  # of both axes: where they had scales of their own, a zone would be as large as one likes
    x = alt.X("bias2:Q", axis=axis("bias² → wrong the same way"), scale=alt.Scale(domain=[0, top], clamp=True))
    y = alt.Y("variance:Q", axis=axis("variance → a hot mess"), scale=alt.Scale(domain=[0, top], clamp=True))
    base = alt.Chart(points).encode(color=shape["color"])
    layers = [
        _tint(top),
        _corners(top),
        *_equal(top),
        base.mark_rule(strokeWidth=0.8, opacity=0.4).encode(x="bias2_low:Q", x2="bias2_high:Q", y=y),
        base.mark_rule(strokeWidth=0.8, opacity=0.4).encode(x=x, y="variance_low:Q", y2="variance_high:Q"),
    ]
    tips = ["series:N", alt.Tooltip("incoherence:Q", format=".0%")]
    marks = base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, tooltip=tips)
    if sized:
        layers.append(base.mark_line(strokeWidth=1.2).encode(x=x, y=y, order="model_size:Q", detail="series:N"))
        scale = alt.Scale(type="log", range=[20, 110])
        marks = marks.encode(size=alt.Size("model_size:Q", scale=scale, legend=None))
    layers.append(marks)
    words = _words_in_plane(points, sized=sized)
    words = words.with_columns(_at=pl.Series(apart(words["variance"].to_list(), top, 0.055), dtype=pl.Float64))
    far = pl.col("bias2") > 0.6 * top  # names there stand to the left of their dots
    sides = (
        alt.Chart(words.filter(~far)).mark_text(align="left", dx=7, dy=-7, fontSize=10),
        alt.Chart(words.filter(far)).mark_text(align="right", dx=-7, dy=-7, fontSize=10),
    )
    layers += [named.encode(x=x, y=alt.Y("_at:Q"), text="words:N", color=shape["color"]) for named in sides]
    whole = alt.layer(*layers).properties(width=WIDTH, height=WIDTH * 0.8)
    return finish(whole, "Which kind of wrong?", "dashed: equal incoherence" + (" · larger dots: larger models" if sized else ""))


def _words_in_plane(points: pl.DataFrame, *, sized: bool) -> pl.DataFrame:
    """Names where they do not cover one another: of few models each, of a line of models the ends."""
    if not sized:
        ends = [points.top_k(1, by="incoherence"), points.top_k(1, by="error"), points.bottom_k(1, by="incoherence")]
        few = pl.concat(ends).unique("series", maintain_order=True)
        return (points if points.height <= _ALL_LABELS else few).with_columns(words="series")
    first = points.group_by("series", maintain_order=True).agg(pl.all().first()).with_columns(words="series")
    if points["series"].n_unique() > 1 or "model" not in points.columns:
        return first
    return pl.concat([points.head(1), points.tail(1)]).with_columns(words=pl.col("model").cast(pl.String).str.slice(0, 26))


_FIGURES = ("questions", "samples", "error", "bias2", "variance", "incoherence")


def _tint(top: float) -> Any:
    """The half in which errors are mostly variance."""
    edge = pl.DataFrame({"x": [0.0, top], "y": [0.0, top], "top": [top, top]})
    return alt.Chart(edge).mark_area(color=VARIANCE, opacity=0.07).encode(x="x:Q", y="y:Q", y2="top:Q")


def _corners(top: float) -> Any:
    """What the corners mean."""
    corners = pl.DataFrame({"x": [0.1, 0.88, 0.1], "y": [0.96, 0.04, 0.04], "words": ["HOT MESS", "SYSTEMATIC", "RELIABLE"]})
    placed = corners.with_columns(pl.col("x", "y") * top)
    words = alt.Chart(placed).mark_text(fontSize=9, color=FAINT, fontWeight="bold")
    return words.encode(x="x:Q", y="y:Q", text="words:N")


def _equal(top: float) -> list[Any]:
    """Lines of equal incoherence with their shares at their ends."""
    ends = []
    for share in _SHARES:
        slope = share / (1 - share)
        x = min(top, top / slope)
        ends.append({"share": share, "x": 0.0, "y": 0.0, "x2": x, "y2": x * slope, "words": f"{share:.0%}"})
    lines = alt.Chart(pl.DataFrame(ends))
    rule = lines.mark_rule(color=FAINT, strokeDash=[3, 3], strokeWidth=0.8).encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q")
    words = lines.mark_text(color=FAINT, fontSize=10, align="right", baseline="bottom", dx=-2).encode(
        x="x2:Q", y="y2:Q", text="words:N"
    )
    return [rule, words]


def format_adherence(result: Result) -> Any:
    """Bars of what could not be read, by reason, with the interval of their sum."""
    points = series_of(result.points)
    rows = points["series"].unique(maintain_order=True).to_list()
    parts = points.filter(~pl.col("outcome").is_in(["read", "not read"]))
    whole = points.filter(pl.col("outcome") == "not read")
    reasons = (
        parts.group_by("outcome").agg(pl.col("rate").sum()).sort("rate", "outcome", descending=[True, False])["outcome"].to_list()
    )
    parts = parts.with_columns(_order=pl.col("outcome").replace_strict({name: n for n, name in enumerate(reasons)}))
    y = alt.Y("series:N", sort=rows, axis=alt.Axis(title=None, labelLimit=170, ticks=False, domain=False))
    legend = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=150, symbolType="square") if reasons else None
    colour = alt.Color(
        "outcome:N",
        sort=reasons,
        scale=alt.Scale(domain=reasons, range=[COLOURS[n % MOST] for n in range(len(reasons))]),
        legend=legend,
    )
    bars = (
        alt.Chart(parts)
        .mark_bar(height=9)
        .encode(x=alt.X("rate:Q", stack=True, axis=axis("share of the answers", percent=True)), y=y, color=colour, order="rate:Q")
    )
    doubt = alt.Chart(whole).mark_rule(color=INK, strokeWidth=1).encode(x="rate_low:Q", x2="rate_high:Q", y=y)
    drawn = alt.layer(bars, doubt).properties(width=WIDTH - 60, height=max(17 * len(rows), 34))
    return finish(drawn, "Answers that could not be read")


_PARTS = {
    "mesa": "training missed its target (mesa)",
    "specification": "the target was not what was meant",
    "overlap": "overlap",
    "bias2": "bias² from what was meant",
    "variance": "variance",
}


def split_bias(result: Result) -> Any:
    """The parts of bias with their intervals; the first three add up to the fourth."""
    many = series_of(result.points)
    if many["series"].n_unique() > 1:
        words = {name: text for name, text in _PARTS.items() if name != "variance"}
        return finish(dots(many, Dots("value", "part", words, title="Brier score", zero=True)), "Which wrong thing is pursued?")
    points = result.points.with_columns(series=pl.col("part").replace(_PARTS))
    said = "mesa + specification + overlap = bias²"
    return finish(dots(points, Dots("value", title="Brier score", zero=True, width=150)), "Which wrong thing is pursued?", said)


def measured(found: Measurement) -> Any:
    """Bias² and variance of each row, one after the other, and their incoherence in figures."""
    table = found.table()
    others = [name for name in table.columns if name in {key for row in found.rows for key in row.group}]
    table = series_of(table, others)
    order = table["series"].unique(maintain_order=True).to_list()
    parts = table.select("series", "bias2", "variance").unpivot(index="series", variable_name="part", value_name="value")
    y = alt.Y("series:N", sort=order, axis=alt.Axis(title=None, labelLimit=170, ticks=False, domain=False))
    legend = alt.Legend(
        title=None, orient="top", labelExpr="datum.label == 'bias2' ? 'bias²: the same way' : 'variance: a hot mess'"
    )
    colour = alt.Color("part:N", scale=alt.Scale(domain=["bias2", "variance"], range=[BIAS, VARIANCE]), legend=legend)
    step = min(max(17, 150 // len(order)), 34)  # few rows have room, and their whiskers stand below them
    thick = 10 if step < 26 else 16
    bars = (
        alt.Chart(parts)
        .mark_bar(height=thick)
        .encode(
            x=alt.X("value:Q", stack=True, axis=axis(f"error ({LOSSES[found.method.loss]})")), y=y, color=colour, order="part:N"
        )
    )
    below = thick / 2 + 4 if step >= 26 else 0
    doubt = alt.Chart(table).mark_rule(color=INK, strokeWidth=1, yOffset=below).encode(x="error_low:Q", x2="error_high:Q", y=y)
    words = [_words(row) for row in found.rows]
    labels = alt.Chart(table.with_columns(words=pl.Series(words))).mark_text(align="left", dx=4, fontSize=11)
    named = labels.encode(x=alt.value(WIDTH - 60), y=y, text="words:N")
    drawn = alt.layer(bars, doubt, named).properties(width=WIDTH - 60, height=max(step * len(order), 34))
    return finish(
        drawn,
        "How much error, of which kind?",
        "line: interval of the error · at the right: incoherence, the share that is variance",
    )


def _words(row: Row) -> str:
    found = row.incoherence
    if found.value != found.value:
        return "-"
    ends = "" if found.low != found.low else f" [{100 * found.low:.0f}-{100 * found.high:.0f}]"
    return f"{100 * min(max(found.value, 0.0), 1.0):.0f}%{ends}"
