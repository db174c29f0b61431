"""Curves over length, steps or budgets: a large panel for incoherence and small ones for what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.theme import COLOURS, FAINT, MOST, WIDTH, apart, axis, finish, log_axis, look, series_of
from hotmess.result import Result

__all__ = ["Panel", "curves", "labels", "panel", "said"]

_DOTS = 24  # of a line; more would hide it


@dataclass(frozen=True, slots=True)
class Panel:
    """Where something is drawn against something.

    Attributes:
        x: the column to the right, and its title.
        y: the column upwards, with its _low and _high.
        title: what stands above.
        log: whether x is logarithmic.
        percent: whether y is a share.
        size: width and height.
        labels: whether the series are named at their ends.
        ticks: how many along x.
        colour: of a series that stands alone.
        bare: whether the axis upwards has no numbers, since a panel to the left has them.
        fit: a column with the line that was fitted, to be drawn where several dots of a series share a place.
    """

    x: str
    y: str
    title: str
    x_title: str | None = None
    log: bool = True
    log_y: bool = False
    percent: bool = False
    size: tuple[int, int] = (WIDTH, 130)
    labels: bool = False
    ticks: int = 5
    colour: str = COLOURS[0]
    bare: bool = False
    fit: str = ""


def panel(frame: pl.DataFrame, to: Panel) -> Any:
    """Lines with their bands, labelled at their ends; series beyond the sixth in grey."""
    shape = look(frame.filter("bright"), alone=to.colour)  # of all series, so that panels agree where one has nothing to show
    frame = frame.filter(pl.col(to.y).is_not_null() & pl.col(to.x).is_not_null())
    line = to.fit or to.y
    frame = frame.with_columns(pl.col(to.y, line).clip(0.0, 1.0)) if to.percent else frame  # the table keeps what lies outside
    bright, dim = frame.filter("bright"), frame.filter(~pl.col("bright"))
    x, y = _x(frame, to), _y(frame, to)
    bare = alt.Chart(bright)
    spread = bare.mark_rule(strokeWidth=0.8, opacity=0.5) if to.fit else bare.mark_area(opacity=0.15)
    bands = spread.encode(x=x, y=alt.Y(f"{to.y}_low:Q"), y2=f"{to.y}_high:Q", color=shape["color"])
    along = alt.Y(f"{line}:Q") if to.fit else y
    lines = bare.mark_line(strokeWidth=1.8).encode(x=x, y=along, color=shape["color"], strokeDash=shape["strokeDash"])
    tips = [alt.Tooltip("series:N"), alt.Tooltip(f"{to.x}:Q", format=",.3~g"), alt.Tooltip(f"{to.y}:Q", format=".3~g")]
    dots = (
        alt.Chart(bright)
        .mark_point(filled=True, size=22, opacity=1)
        .encode(x=x, y=y, color=shape["color"], shape=shape["shape"], tooltip=tips)
    )
    few = bright.height <= _DOTS * max(bright["series"].n_unique(), 1)
    layers = ([] if dim.height or (to.fit and not few) else [bands]) + ([lines, dots] if few or to.fit else [lines])
    lonely = bright.filter(pl.len().over("series") == 1)  # a band needs two points
    if lonely.height:
        layers.append(alt.Chart(lonely).mark_rule().encode(x=x, y=f"{to.y}_low:Q", y2=f"{to.y}_high:Q", color=shape["color"]))
    if dim.height:
        faint = alt.Chart(dim).mark_line(color=FAINT, strokeWidth=0.7, opacity=0.6)
        layers.insert(0, faint.encode(x=x, y=along, detail="series:N"))
    if to.labels and bright.height:
        layers.append(labels(bright, to, shape))
    title = alt.TitleParams(to.title, fontSize=11, fontWeight="normal", offset=3, frame="group")
    return alt.layer(*layers).properties(width=to.size[0], height=to.size[1], title=title)


def _x(frame: pl.DataFrame, to: Panel) -> Any:
    values = frame[to.x].cast(pl.Float64).to_numpy()
    if to.log:
        return alt.X(
            f"{to.x}:Q", scale=alt.Scale(type="log", nice=False, padding=5), axis=log_axis(values, to.x_title, most=to.ticks)
        )
    return alt.X(f"{to.x}:Q", scale=alt.Scale(nice=False, zero=False, padding=5), axis=axis(to.x_title, ticks=to.ticks))


def _y(frame: pl.DataFrame, to: Panel) -> Any:
    if to.bare:
        return alt.Y(f"{to.y}:Q", axis=alt.Axis(title=None, labels=False, ticks=False, minExtent=0))
    if to.log_y:
        return alt.Y(
            f"{to.y}:Q", scale=alt.Scale(type="log", nice=False, padding=5), axis=log_axis(frame[to.y].to_numpy(), None, most=4)
        )
    return alt.Y(f"{to.y}:Q", scale=alt.Scale(zero=not to.percent), axis=axis(None, percent=to.percent, ticks=3))


def labels(frame: pl.DataFrame, to: Panel, shape: dict[str, Any]) -> Any:
    """The name of each series, right of where it ends."""
    last = frame.sort(to.x).group_by("series", maintain_order=True).last()
    last = last.with_columns(pl.coalesce(to.fit, to.y).alias(to.y)) if to.fit else last
    ends = frame.select(low=pl.min_horizontal(to.y, f"{to.y}_low").min(), high=pl.max_horizontal(to.y, f"{to.y}_high").max())
    low, high = ends.row(0)
    if to.log_y:
        places = apart(last[to.y].log10().to_list(), log10(high / low) or 1.0, 13 / to.size[1])
        places = [10**place for place in places]
    else:
        places = apart(last[to.y].to_list(), (high - low) or 1.0, 13 / to.size[1])
    words = last.with_columns(pl.Series("_at", places))
    return (
        alt.Chart(words)
        .mark_text(align="left", dx=6, fontSize=11)
        .encode(x=alt.value(to.size[0]), y="_at:Q", text="series:N", color=shape["color"])
    )


def said(result: Result, what: str, *, percent: bool, unit: str = "", most: int = 3) -> list[str]:
    """What the tests of one figure say, a line for each of a few series."""
    if "what" not in result.tests.columns:
        return []
    tests = series_of(result.tests.filter(pl.col("what") == what))
    tests = tests.filter(pl.col("value").is_not_null())
    if tests.height > most:
        return [_counted(tests)]
    alone = tests.height == 1
    return [
        ("" if alone else f"{row['series']}: ") + _sentence(row, unit, percent=percent) for row in tests.iter_rows(named=True)
    ]


def _counted(tests: pl.DataFrame) -> str:
    """How many of many series rise, and how many of the trends would be rare if there were none."""
    p = tests["p_holm"] if "p_holm" in tests.columns else tests["p"]
    up, clear = tests["value"] > 0, (p < 0.05).fill_null(value=False)
    ways = (
        f"up in {up.sum()} ({(up & clear).sum()} clearly), down in {(~up).sum()} ({(~up & clear).sum()} clearly: p < 0.05, Holm)"
    )
    return ways + ("; the narrowest intervals are named" if tests.height > MOST else "")


def _sentence(row: dict[str, Any], unit: str, *, percent: bool) -> str:
    scale, points = (100, " points") if percent else (1, "")
    unit = unit or f"per {row['per'].split(' of ')[0]}"
    low, high = (
        None if end is None else f"{scale * end:+.1f}" if percent else f"{end:+.2g}"
        for end in (row["value_low"], row["value_high"])
    )
    ends = "" if low is None else f" [{low}, {high}]"
    chance, name = (row["p"], "p") if row.get("p_holm") is None else (row["p_holm"], "p (Holm)")
    p = "" if chance is None else f", {name} < 0.001" if chance < 0.001 else f", {name} = {chance:.2g}"
    value = f"{scale * row['value']:+.1f}" if percent else f"{row['value']:+.2g}"
    return f"{value}{points}{ends} {unit}{p}".replace("-", "−")


def curves(frame: pl.DataFrame, to: Panel, small: Sequence[Panel], title: str, subtitle: Sequence[str]) -> Any:
    """The large panel above, the small ones in a row below."""
    row = alt.hconcat(*(panel(frame, part) for part in small), spacing=10).resolve_scale(color="independent")
    whole = alt.vconcat(panel(frame, to), row, spacing=14).resolve_scale(color="independent")
    return finish(whole, title, *subtitle)
