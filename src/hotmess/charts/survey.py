"""A survey of raters (paper, figures 4b and 27): mean ranks of two attributes against each other, together or by kind."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import polars as pl

from hotmess.charts.theme import COLOURS, FAINT, INK, MOST, SHAPES, WIDTH, finish
from hotmess.errors import NothingToShow, safe
from hotmess.result import Result

__all__ = ["survey", "survey_panels"]

_LETTERS = 9  # of the names beside dots
_LETTER = 0.52  # width of a letter, as a share of its height
_LONG = 24  # characters of a name
_DOT = 4  # units from the middle of a dot to where names may stand
_SIDES: tuple[Literal["left", "right", "center"], ...] = ("left", "right", "center")
_MOST_ROWS = 120  # of a list
_TALL = 280
_HALF = 146


@dataclass(frozen=True, slots=True)
class _Field:
    """Where dots stand: the columns, their ends in ranks (the most to the right and above), and the size.

    Attributes:
        x: the ranks at the left and at the right end.
        y: the ranks at the lower and at the upper end.
        size: width and height.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[int, int]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Units from the left and from above."""
        across, up = (x - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])
        return across * self.size[0], (1 - up) * self.size[1]

    def ranks(self, left: float, top: float) -> tuple[float, float]:
        """What stands there."""
        across, up = left / self.size[0], 1 - top / self.size[1]
        return self.x[0] + across * (self.x[1] - self.x[0]), self.y[0] + up * (self.y[1] - self.y[0])


def survey(result: Result) -> Any:
    """A dot for each entity; of one attribute, a list in the order of mean ranks."""
    names = result.points["attribute"].unique(maintain_order=True).to_list()
    if len(names) < 2:
        return _list(result, names[0])
    joined = _joined(result.points, names)
    field, titles = _field(joined, (WIDTH, _TALL)), (_axis_title(names[0]), _axis_title(names[1]))
    drawn = alt.layer(*_layers(joined, field, _colours(joined), titles=titles, legend=True))
    return finish(drawn.properties(width=WIDTH, height=_TALL), _title(names), *_said(result, names))


def survey_panels(result: Result) -> Any:
    """The same, a panel for each kind of entity, all with the same axes."""
    names = result.points["attribute"].unique(maintain_order=True).to_list()
    if len(names) < 2:
        return _list(result, names[0])
    joined = _joined(result.points, names)
    if joined["kind"].null_count() == joined.height:
        return survey(result)
    field, colours = _field(joined, (_HALF, _HALF)), _colours(joined)
    tests = result.tests.filter((pl.col("what") == "Spearman") & (pl.col("about") == f"{names[1]} ~ {names[0]}"))
    kinds = joined["kind"].drop_nulls().unique().sort().to_list()
    panels = []
    for place, kind in enumerate(kinds):
        titles = (safe(names[0])[:_LONG] if place >= len(kinds) - 2 else "", safe(names[1])[:_LONG] if place % 2 == 0 else "")
        layers = _layers(joined.filter(pl.col("kind") == kind), field, colours, titles=titles, legend=False)
        row = next(tests.filter(pl.col("kind") == kind).iter_rows(named=True), None)
        words = alt.TitleParams(
            safe(kind)[:_LONG],
            subtitle="" if row is None else f"Spearman {_with_p(row)}",
            fontSize=11,
            subtitleFontSize=10,
            offset=3,
            frame="group",
        )
        panels.append(alt.layer(*layers).properties(width=_HALF, height=_HALF, title=words))
    rows = [alt.hconcat(*panels[place : place + 2], spacing=12) for place in range(0, len(panels), 2)]
    return finish(alt.vconcat(*rows, spacing=12), _title(names), *_said(result, names), "axes: mean ranks, 1 is most")


def _axis_title(name: str) -> str:
    return f"{safe(name)[:_LONG]}: mean rank, 1 is most"


def _title(names: Sequence[str]) -> str:
    return f"Judged {safe(names[1])} against judged {safe(names[0])}"


def _joined(points: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """A row for each entity that was ranked by both attributes."""
    parts = [points.filter(pl.col("attribute") == name).select("entity", "kind", "mean_rank", "se") for name in names[:2]]
    both = parts[0].join(parts[1].drop("kind"), on="entity", suffix="_y", maintain_order="left")
    if not both.height:
        raise NothingToShow(f"no entity was ranked by both {names[0]} and {names[1]}", hint="--x and --y name two attributes")
    both = both.rename({"mean_rank": "x", "se": "x_se", "mean_rank_y": "y", "se_y": "y_se"})
    both = both.with_columns(pl.col("entity").map_elements(safe, return_dtype=pl.String), pl.col("kind").cast(pl.String))
    low = [(pl.col(name) - pl.col(f"{name}_se").fill_null(0)).alias(f"{name}_low") for name in "xy"]
    high = [(pl.col(name) + pl.col(f"{name}_se").fill_null(0)).alias(f"{name}_high") for name in "xy"]
    return both.with_columns(*low, *high)


def _field(joined: pl.DataFrame, size: tuple[int, int]) -> _Field:
    """The most is to the right and above, so ranks run backwards."""
    return _Field(_span(joined, "x"), _span(joined, "y"), size)


def _span(joined: pl.DataFrame, name: str) -> tuple[float, float]:
    least, most = joined.select(pl.min(f"{name}_low"), pl.max(f"{name}_high")).row(0)
    pad = 0.04 * ((most - least) or 1.0)
    return most + pad, least - pad


def _colours(joined: pl.DataFrame) -> Mapping[str, tuple[str, str]]:
    """Colour and shape of each kind; those beyond the sixth are grey."""
    kinds = joined["kind"].drop_nulls().unique().sort().to_list()
    return {kind: (COLOURS[n], SHAPES[n]) if n < MOST else (FAINT, "circle") for n, kind in enumerate(kinds)}


def _marks(colours: Mapping[str, tuple[str, str]], *, legend: bool) -> dict[str, Any]:
    """Colour and shape by kind, explained above the picture."""
    if not colours:
        return {"color": alt.value(COLOURS[0]), "shape": alt.value("circle")}
    shown = alt.Legend(title=None, orient="top", symbolSize=50, columns=4, labelLimit=130, symbolOpacity=1) if legend else None
    kinds = list(colours)
    scales = [alt.Scale(domain=kinds, range=[colours[kind][place] for kind in kinds]) for place in (0, 1)]
    return {
        "color": alt.Color("kind:N", scale=scales[0], legend=shown),
        "shape": alt.Shape("kind:N", scale=scales[1], legend=shown),
    }


def _layers(
    joined: pl.DataFrame, field: _Field, colours: Mapping[str, tuple[str, str]], *, titles: tuple[str, str], legend: bool
) -> list[Any]:
    """Bars of one standard error, dots, and names where there is room."""
    x_scale, y_scale = (alt.Scale(domain=list(ends), nice=False, zero=False) for ends in (field.x, field.y))
    x = alt.X("x:Q", scale=x_scale, axis=_ranks(titles[0], field.x[0]))
    y = alt.Y("y:Q", scale=y_scale, axis=_ranks(titles[1], field.y[0]))
    marks = _marks(colours, legend=legend)
    bars = alt.Chart(joined).mark_rule(strokeWidth=0.8, opacity=0.35)
    across = bars.encode(x=alt.X("x_low:Q", scale=x_scale), x2="x_high:Q", y=y, color=marks["color"])
    up = bars.encode(x=x, y=alt.Y("y_low:Q", scale=y_scale), y2="y_high:Q", color=marks["color"])
    tips = ["entity:N", alt.Tooltip("x:Q", format=".1f"), alt.Tooltip("y:Q", format=".1f")]
    dots = alt.Chart(joined).mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, tooltip=tips, **marks)
    return [across, up, dots, *_names(joined, field)]


def _ranks(title: str, last: float) -> Any:
    """An axis of ranks: 1 and a few round ones, for there is no rank 0."""
    step = next(step * power for power in (1, 10, 100, 1000, 10**9) for step in (1, 2, 5) if last / (step * power) < 5)
    ticks = sorted({1, *range(step, int(last) + 1, step)})
    return alt.Axis(title=title or None, values=ticks)


def _names(joined: pl.DataFrame, field: _Field) -> Iterator[Any]:
    """The names of entities, beside, above or below their dots."""
    rows = [(*field.place(row["x"], row["y"]), row["entity"]) for row in joined.iter_rows(named=True)]
    placed = pl.DataFrame(list(_placed(rows, field.size)), schema=["left", "top", "align", "words"], orient="row")
    for align in _SIDES:
        some = placed.filter(pl.col("align") == align)
        at = [field.ranks(*row) for row in some.select("left", "top").iter_rows()]
        frame = some.with_columns(pl.Series("x", [one[0] for one in at]), pl.Series("y", [one[1] for one in at]))
        text = alt.Chart(frame).mark_text(align=align, baseline="middle", fontSize=_LETTERS)
        yield text.encode(x="x:Q", y="y:Q", text="words:N", color=alt.value(INK))


Box = tuple[float, float, float, float]


def _placed(rows: Sequence[tuple[float, float, str]], size: tuple[int, int]) -> Iterator[tuple[float, float, str, str]]:
    """Where names stand that cover no dot and no other name; the loneliest dots choose first, and some have none."""
    dots: list[Box] = [(left - 3, top - 3, left + 3, top + 3) for left, top, _ in rows]
    taken = list(dots)
    for place in sorted(range(len(rows)), key=lambda one: -_nearest(rows, one)):
        left, top, name = rows[place]
        words = name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"
        for align, box in _boxes(left, top, _LETTER * _LETTERS * len(words)):
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]
            if inside and not any(_meet(box, other) for at, other in enumerate(taken) if at != place):
                taken.append(box)
                anchor = {"left": box[0], "right": box[2], "center": left}[align]
                yield anchor, (box[1] + box[3]) / 2, align, words
                break


def _nearest(rows: Sequence[tuple[float, float, str]], place: int) -> float:
    """How far the next dot is; names are wide, so what lies above or below counts as nearer."""
    here = rows[place]
    others = (((left - here[0]) / 3) ** 2 + (top - here[1]) ** 2 for at, (left, top, _) in enumerate(rows) if at != place)
    return min(others, default=0.0)


def _boxes(left: float, top: float, width: float) -> Iterable[tuple[str, Box]]:
    """Where a name can stand."""
    high = _LETTERS / 2 + 0.5
    yield "left", (left + _DOT, top - high, left + _DOT + width, top + high)
    yield "right", (left - _DOT - width, top - high, left - _DOT, top + high)
    for above in (top - _DOT - high, top + _DOT + high):
        yield "center", (left - width / 2, above - high, left + width / 2, above + high)


def _meet(one: Box, two: Box) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


# ---------------------------------------------------------------------------------------------- words


def _said(result: Result, names: Sequence[str]) -> list[str]:
    """What was tested, what was turned round, and what the bars are."""
    tests = result.tests.filter(pl.col("about") == f"{names[1]} ~ {names[0]}")
    tests = tests.filter(pl.col("kind") == "all") if "kind" in tests.columns else tests
    rows = {row["what"]: row for row in tests.iter_rows(named=True)}
    lines = [f"Spearman {_with_p(rows['Spearman'], ends=True)}"]
    if "Spearman within kinds" in rows:
        lines.append(f"within kinds {_with_p(rows['Spearman within kinds'], ends=True)}")
    free = rows["Spearman, no rater noise"]
    lines += [f"without the noise of raters {_with_p(free, ends=True)}"] if free["value"] is not None else []
    return [*lines, *_turned(result, names), "bars: one standard error of the mean rank to each side"]


def _turned(result: Result, names: Sequence[str]) -> list[str]:
    pairs = result.points.select("attribute", "asked").unique(maintain_order=True).iter_rows()
    return [f"{safe(name)}: {safe(asked)}, turned round" for name, asked in pairs if name in names[:2] and name != asked]


def _with_p(row: Mapping[str, Any], *, ends: bool = False) -> str:
    """A correlation with its p-value; corrected where kinds were tested beside one another."""
    if row["value"] is None:
        return "not defined"
    shown = f"{row['value']:.2f}"
    shown += f" [{row['value_low']:.2f}, {row['value_high']:.2f}]" if ends and row["value_low"] is not None else ""
    holm = row.get("p_holm")
    p = row["p"] if holm is None else holm
    name = "p" if holm is None else "p (Holm)"
    chance = "" if p is None else f", {name} < 0.001" if p < 0.001 else f", {name} = {p:.2g}"
    return (shown + chance).replace("-", "−")


def _list(result: Result, name: str) -> Any:
    """A row for each entity, the most of the attribute first, with the interval of its mean rank."""
    points = result.points.with_columns(
        pl.col("entity").map_elements(safe, return_dtype=pl.String), pl.col("kind").cast(pl.String)
    )
    shown = points.head(_MOST_ROWS)
    least = shown.select(pl.min_horizontal("mean_rank", "mean_rank_low").min()).item()
    most = shown.select(pl.max_horizontal("mean_rank", "mean_rank_high").max()).item()
    scale = alt.Scale(domain=[least, most], nice=False, padding=6)
    y = alt.Y(
        "entity:N",
        sort=shown["entity"].to_list(),
        axis=alt.Axis(title=None, labelLimit=150, ticks=False, domain=False, labelFontSize=_LETTERS),
    )
    marks = _marks(_colours(points), legend=True)
    base = alt.Chart(shown)
    bars = base.mark_rule(strokeWidth=1.1).encode(
        x=alt.X("mean_rank_low:Q", scale=scale, axis=_ranks(_axis_title(name), most)),
        x2="mean_rank_high:Q",
        y=y,
        color=marks["color"],
    )
    dots = base.mark_point(filled=True, size=30, opacity=1).encode(x=alt.X("mean_rank:Q", scale=scale), y=y, **marks)
    agreed = {row["what"]: row for row in result.tests.iter_rows(named=True)}.get("Kendall's W")
    lines = [] if agreed is None else [f"raters agree: Kendall's W {_with_p(agreed, ends=True)}"]
    lines += [f"the first {_MOST_ROWS} of {points.height:,} entities"] if points.height > _MOST_ROWS else []
    drawn = alt.layer(bars, dots).properties(width=WIDTH - 60, height=max(12 * shown.height, 34))
    return finish(
        drawn, f"Judged {safe(name)}", *lines, *_turned(result, [name]), "bars: 95 % intervals of mean ranks, over raters"
    )
