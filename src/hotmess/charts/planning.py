"""What precision costs: cost against samples per question, a line for each number of samples in a context."""

from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.theme import COLOURS, INK, MOST, WIDTH, finish, log_axis
from hotmess.errors import NothingToShow, safe
from hotmess.result import Result

__all__ = ["plan"]

_PANELS = 4  # models, beyond which a picture is too long
_NAMES = ("task", "model", "setting", "first", "second")


def plan(result: Result) -> Any:
    """A panel for each model: what each design costs, up to the upper end of what the pilot allows; the cheapest by name."""
    points = result.points.filter(pl.col("cost").is_not_null())
    if not points.height:
        raise NothingToShow("no design reaches this half-width", why="the contexts alone leave more", hint="a larger half-width")
    points = points.with_columns(per_question=pl.col("samples_each") * pl.col("contexts").fill_null(1))
    names = [name for name in _NAMES if name in points.columns and points[name].n_unique() > 1]
    names = names or [name for name in _NAMES if name in points.columns and name != "task"]
    parts = points.partition_by(names, maintain_order=True) if names else [points]
    fixed = result.method.about == "benchmark"
    shown = [_panel(part, " − ".join(safe(part[n][0] or "-") for n in reversed(names)), fixed=fixed) for part in parts[:_PANELS]]
    said = [f"{_PANELS} of {len(parts)} are drawn"] if len(parts) > _PANELS else []
    if points["questions_high"].is_not_null().any():
        said.insert(0, "band: up to what the pilot's own doubt allows (80 % interval)")
    if points["samples_each"].n_unique() > 1 and points["contexts"].is_not_null().any():
        said.insert(0, "a line for each number of samples in a context")
    if points["rank"].is_not_null().any():
        each = " × contexts × samples in each" if points["contexts"].is_not_null().any() else " × samples of each"
        said.insert(0, f"named are the cheapest: questions{each}")
    whole = alt.vconcat(*shown, spacing=14).resolve_scale(color="shared")
    return finish(whole, _title(result, fixed=fixed), *said)


def _title(result: Result, *, fixed: bool) -> str:
    reach = result.interval.removeprefix("half-width ").partition(", by")[0]
    return f"{reach}, for exactly these questions" if fixed else f"What {reach} costs"


def _panel(points: pl.DataFrame, name: str, *, fixed: bool) -> Any:
    """One model. Of exactly its questions, the half-width; else the cost."""
    y, unit = ("half_width", "") if fixed else ("cost", points["unit"][0])
    points = _lines(points)
    x = alt.X(
        "per_question:Q",
        scale=alt.Scale(type="log", nice=False, padding=6),
        axis=log_axis(points["per_question"].cast(pl.Float64).to_numpy(), "samples of each question"),
    )
    values = (
        pl.concat([points[y].cast(pl.Float64), points["cost_high"].cast(pl.Float64).drop_nulls()]) if not fixed else points[y]
    )
    scale = alt.Scale(type="log", nice=False, padding=8)
    along = alt.Y(f"{y}:Q", scale=scale, axis=log_axis(values.to_numpy(), unit or "half-width ±", most=4))
    colour = alt.Color(
        "line:N", scale=alt.Scale(domain=points["line"].unique(maintain_order=True).to_list(), range=list(COLOURS)), legend=None
    )
    base = alt.Chart(points)
    layers = [base.mark_line(strokeWidth=1.5).encode(x=x, y=along, color=colour)]
    high = points.filter(pl.col("cost_high").is_not_null())
    if high.height and not fixed:
        layers.insert(0, alt.Chart(high).mark_area(opacity=0.12).encode(x=x, y=alt.Y(f"{y}:Q"), y2="cost_high:Q", color=colour))
    if points["line"].n_unique() > 1:
        ends = points.sort("per_question").group_by("line", maintain_order=True).last()
        layers.append(
            alt.Chart(ends)
            .mark_text(align="left", dx=5, dy=-7 if fixed else 7, fontSize=11)
            .encode(x=x, y=along, text="line:N", color=colour)
        )
    layers += _cheapest(points.filter(pl.col("rank").is_not_null()), x, along, y)
    title = alt.TitleParams(name, fontSize=11, fontWeight="normal", offset=3, frame="group")
    return alt.layer(*layers).properties(width=WIDTH, height=150, title=title)


def _lines(points: pl.DataFrame) -> pl.DataFrame:
    """The designs with the name of their line: samples in a context; of more than can be told apart, the first."""
    points = points.with_columns(
        line=pl.format("{} in each", "samples_each") if points["contexts"].is_not_null().any() else pl.lit("all")
    )
    kept = points.sort("samples_each")["line"].unique(maintain_order=True).head(MOST)
    return points.filter(pl.col("line").is_in(kept.to_list())).sort("samples_each", "per_question")


def _cheapest(ranked: pl.DataFrame, x: Any, along: Any, y: str) -> list[Any]:
    """A dot with its number for each of the cheapest, and what they are in words where there is room, above left."""
    if not ranked.height:
        return []
    words = ranked.sort("rank").with_columns(
        words=pl.Series([_words(row) for row in ranked.sort("rank").to_dicts()]), place=pl.col("rank") * 14 - 6
    )
    base = alt.Chart(words)
    tips = [alt.Tooltip("words:N"), alt.Tooltip(f"{y}:Q", format=",.3~g")]
    return [
        base.mark_point(filled=True, size=45, opacity=1, color=INK).encode(x=x, y=along, tooltip=tips),
        base.mark_text(dy=-10, fontSize=11, color=INK).encode(x=x, y=along, text="rank:N"),
        *(
            alt.Chart(words.filter(pl.col("rank") == row["rank"]))
            .mark_text(align="left", fontSize=11, color=INK)
            .encode(x=alt.value(6), y=alt.value(row["place"]), text="words:N")
            for row in words.to_dicts()
        ),
    ]


def _words(row: dict[str, Any]) -> str:
    """A design in short: questions × contexts × samples, and what it costs."""
    size = [row["questions"], *([] if row["contexts"] is None else [row["contexts"]]), row["samples_each"]]
    cost = f"${row['cost']:,.2f}" if row["unit"] == "dollars" else f"{row['total']:,}"
    return f"{row['rank']}: {' × '.join(f'{number:,}' for number in size)}: {cost}"
