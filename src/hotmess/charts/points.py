"""Single questions and single samples as dots (paper, figures 2c, 19, 24), and lines along steps (2d, 26)."""

from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.curves import Panel, curves, said
from hotmess.charts.theme import BIAS, COLOURS, INK, MOST, VARIANCE, WIDTH, axis, finish, log_axis, look, named, series_of
from hotmess.errors import NothingToShow, safe
from hotmess.result import Result

__all__ = ["answer_spread", "by_step", "one_question"]

_ANSWERS = 14  # rows of a strip; rarer answers share the last
_LONG = 34  # characters of an answer


def answer_spread(result: Result) -> Any:
    """A dot for each question, and the power law through them."""
    points = series_of(result.points)
    shown = points.filter((pl.col("variance") > 0) & (pl.col("length") > 0))
    if not shown.height:
        raise NothingToShow(
            "the answers to each question are all the same",
            why="a variance of 0 has no place on a logarithmic axis",
            hint="hotmess check tells what is there",
        )
    names = shown["series"].unique(maintain_order=True)
    bright = shown.filter(pl.col("series").is_in(names.head(MOST).to_list()))
    shape = look(bright)
    x = alt.X(
        "length:Q",
        scale=alt.Scale(type="log", nice=False, padding=5),
        axis=log_axis(shown["length"].to_numpy(), f"mean {named(result.method.length)} of a question"),
    )
    y = alt.Y(
        "variance:Q",
        scale=alt.Scale(type="log", nice=False, padding=5),
        axis=log_axis(shown["variance"].to_numpy(), None, most=4),
    )
    dots = (
        alt.Chart(bright)
        .mark_point(filled=True, size=14, opacity=0.45)
        .encode(x=x, y=y, color=shape["color"], shape=shape["shape"], tooltip=["question_id:N"])
    )
    lines = (
        alt.Chart(bright).mark_line(strokeWidth=2).encode(x=x, y="fitted:Q", color=shape["color"], strokeDash=shape["strokeDash"])
    )
    lines = lines.encode(color=alt.value(INK)) if len(names) == 1 else lines
    layers = [dots, lines]
    if len(names) > 1:
        ends = bright.sort("length").group_by("series", maintain_order=True).last()
        words = alt.Chart(ends).mark_text(align="left", dx=5, fontSize=11)
        layers.append(words.encode(x=x, y="fitted:Q", text="series:N", color=shape["color"]))
    gone = points.height - shown.height
    notes = [f"{gone} questions without any variance are not shown, but fitted"] if gone else []
    whole = alt.layer(*layers).properties(width=WIDTH, height=170)
    title = "Variance of the answers to a question, by length"
    return finish(whole, title, *said(result, "variance", percent=False, unit="is the exponent"), *notes)


def by_step(result: Result) -> Any:
    """Lines along steps."""
    points = series_of(result.points, [name for name in ("model_size",) if name in result.points.columns])
    many = points["series"].n_unique() > 1
    large = Panel("step", "incoherence", "incoherence", "step", log=False, percent=True, labels=many)
    half = ((WIDTH - 55) // 2, 80)
    small = [
        Panel("step", "bias2", "bias²", log=False, log_y=True, size=half, ticks=3, colour=BIAS),
        Panel("step", "variance", "variance", log=False, log_y=True, size=half, ticks=3, colour=VARIANCE),
    ]
    return curves(points, large, small, "Incoherence along the steps", [])


def one_question(result: Result) -> Any:
    """A mark for each sample at its answer, in order of length."""
    points = series_of(result.points)
    most = points["series"].unique(maintain_order=True).head(MOST).to_list()
    points = points.filter(pl.col("series").is_in(most))
    points = points.with_columns(words=_answers(points))
    order = points.group_by("words").agg(pl.len(), pl.col("right").max()).sort("right", "len", descending=True, nulls_last=True)
    by_length = "length" in points.columns and points["length"].is_not_null().any()
    x = alt.X("length:Q", axis=axis(named(result.method.length))) if by_length else alt.X("sample:Q", axis=axis("sample"))
    y = alt.Y("words:N", sort=order["words"].to_list(), axis=alt.Axis(title=None, labelLimit=190, ticks=False, grid=True))
    right = alt.Color(
        "right:N",
        scale=alt.Scale(domain=[True, False], range=[COLOURS[0], VARIANCE]),
        legend=alt.Legend(title=None, orient="top", labelExpr="datum.label == 'true' ? 'right' : 'wrong'"),
    )
    shape = alt.Shape("right:N", scale=alt.Scale(domain=[True, False], range=["circle", "cross"]), legend=None)
    drawn = alt.Chart(points).mark_point(filled=True, size=36, opacity=0.8).encode(x=x, y=y, color=right, shape=shape)
    drawn = drawn.properties(width=WIDTH - 40, height=max(16 * order.height, 40))
    if len(most) > 1:
        drawn = drawn.facet(row=alt.Row("series:N", title=None, header=alt.Header(labelOrient="top", labelAnchor="start")))
    name = safe(str(points["question_id"][0]))[:60]
    return finish(drawn, f"Question {name}", "each mark is a sample")


def _answers(points: pl.DataFrame) -> pl.Series:
    """What was answered, short enough to stand beside an axis; rare answers together."""
    words = [("(no answer)" if answer is None else safe(answer)) for answer in points["answer"]]
    words = [word if len(word) <= _LONG else word[: _LONG - 1] + "…" for word in words]
    common = pl.Series(words).value_counts(sort=True)[:, 0].head(_ANSWERS).to_list()
    return pl.Series([word if word in common else "(others)" for word in words])
