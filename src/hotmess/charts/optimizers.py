"""The synthetic optimizer (paper, figures 2d, 4c, 6, 26): every picture has the exact expert in it, dashed."""

from math import log10
from typing import Any

import altair as alt
import polars as pl

from hotmess.charts.theme import BIAS, COLOURS, INK, VARIANCE, WIDTH, apart, axis, finish, log_axis
from hotmess.result import Result

__all__ = [
    "optimizer_departures",
    "optimizer_loss",
    "optimizer_replicates",
    "optimizer_rollouts",
    "optimizer_scaling",
    "optimizer_steps",
]

_EXPERT = "expert"
_SIZES = ("#7FCDBB", "#41B6C4", "#1D91C0", "#225EA8", "#253494", "#081D58")  # from small to large
_HALF = ((WIDTH - 55) // 2, 90)
_SORTS = {
    "jittered": "jittered starts (default)",
    "seeds": "training seeds",
    "starts": "all starts, one task",
    "orthant": "starts on one side",
    "sampled": "sampled decoding",
}


def optimizer_steps(result: Result) -> Any:
    """Incoherence, bias² and variance along the steps, of each size and of the expert."""
    return _along(result, "Incoherence along the steps of the optimizer", "to the optimum; dashed: the exact expert")


def optimizer_departures(result: Result) -> Any:
    """The same of what is between a model and the expert from the same start."""
    return _along(result, "Departures from the expert", "to where it is; dashed: the expert, if it saw and wrote tokens")


def _along(result: Result, title: str, target: str) -> Any:
    points = result.points.filter(pl.col("step") > 0).with_columns(series=_words())
    large = _panel(points, "incoherence", "incoherence", (WIDTH, 140), percent=True, labels=True)
    small = (_panel(points, name, words, _HALF) for name, words in (("bias2", "bias²"), ("variance", "variance")))
    bands = "bands: 95 %, for other starts; thin: each seed"
    return finish(alt.vconcat(large, alt.hconcat(*small, spacing=10), spacing=14), title, target, bands)


def _words() -> pl.Expr:
    """What a line is called: how many weights."""
    size = pl.col("parameters")
    thousands = (size / 1e3).round_sig_figs(2).cast(pl.String).str.replace(r"\.0$", "") + "K"
    millions = (size / 1e6).round_sig_figs(3).cast(pl.String) + "M"
    return (
        pl.when(pl.col("model") == _EXPERT)
        .then(pl.lit(_EXPERT))
        .otherwise(pl.when(size < 999_500).then(thousands).otherwise(millions))
    )


def _colours(points: pl.DataFrame) -> Any:
    """From light to dark with size; the expert in ink."""
    names = points.sort("parameters", nulls_last=True)["series"].unique(maintain_order=True).to_list()
    count = sum(name != _EXPERT for name in names)
    spread = [_SIZES[round(place * (len(_SIZES) - 1) / max(count - 1, 1))] for place in range(count)]
    spread = spread if count > 1 else [_SIZES[3]]
    return alt.Color(
        "series:N", scale=alt.Scale(domain=names, range=[*spread, *([INK] if _EXPERT in names else [])]), legend=None
    )


def _panel(
    points: pl.DataFrame, y: str, title: str, size: tuple[int, int], *, percent: bool = False, labels: bool = False
) -> Any:
    """Lines along steps: pooled ones with their bands, those of seeds thin."""
    colour = _colours(points)
    points = points.with_columns(pl.col(y).clip(0.0, 1.0)) if percent else points.filter(pl.col(y) > 0)
    points = points if percent else points.with_columns(pl.col(f"{y}_low").clip(lower_bound=pl.col(y).min()))
    scale = alt.Scale(domain=[0, 1]) if percent else alt.Scale(type="log", nice=False, padding=5)
    ticks = axis(None, percent=True, ticks=3) if percent else log_axis(points[y].to_numpy(), None, most=4)
    x = alt.X("step:Q", scale=alt.Scale(nice=False), axis=axis("step" if labels else None, ticks=4))
    up = alt.Y(f"{y}:Q", scale=scale, axis=ticks)
    model = pl.col("model") != _EXPERT
    seed = pl.col("seed").is_not_null()
    pooled, seeds, expert = points.filter(model & ~seed), points.filter(seed), points.filter(~model)
    layers = [
        alt.Chart(pooled).mark_area(opacity=0.1).encode(x=x, y=alt.Y(f"{y}_low:Q", scale=scale), y2=f"{y}_high:Q", color=colour),
        alt.Chart(seeds).mark_line(strokeWidth=0.7, opacity=0.4).encode(x=x, y=up, color=colour, detail="seed:N"),
        alt.Chart(pooled).mark_line(strokeWidth=1.8).encode(x=x, y=up, color=colour),
        alt.Chart(expert).mark_line(strokeWidth=1.5, strokeDash=[4, 2]).encode(x=x, y=up, color=colour),
    ]
    layers = [layer for layer, rows in zip(layers, (pooled, seeds, pooled, expert), strict=True) if rows.height]
    if labels:
        layers.append(_names(pl.concat([pooled, expert]), y, size, colour, log=not percent))
    words = alt.TitleParams(title, fontSize=11, fontWeight="normal", offset=3, frame="group")
    return alt.layer(*layers).properties(width=size[0], height=size[1], title=words)


def _names(points: pl.DataFrame, y: str, size: tuple[int, int], colour: Any, *, log: bool) -> Any:
    """The name of each line, right of where it ends."""
    last = points.sort("step").group_by("series", maintain_order=True).last()
    values = last[y].log10().to_list() if log else last[y].to_list()
    known = points[y].log10().to_numpy() if log else [0.0, 1.0]
    placed = apart(values, float(max(known) - min(known)) or 1.0, 13 / size[1])
    last = last.with_columns(pl.Series("_at", [10**place for place in placed] if log else placed))
    return (
        alt.Chart(last)
        .mark_text(align="left", dx=6, fontSize=11)
        .encode(x=alt.value(size[0]), y="_at:Q", text="series:N", color=colour)
    )


def optimizer_scaling(result: Result) -> Any:
    """Bias² and variance at the end of a rollout against size, to the optimum and to the expert."""
    panels = [_against_size(result, target) for target in ("optimum", _EXPERT)]
    said = result.tests.filter((pl.col("what") == "log variance / bias2") & (pl.col("replicates") == "jittered"))
    lines = [f"to the {row['target']}: {_faster(row)}" for row in said.iter_rows(named=True)]
    dashed = "dashed: the expert itself; to the expert, the expert if it saw and wrote tokens"
    return finish(alt.hconcat(*panels, spacing=44), "Bias² and variance at the end, against size", *lines, dashed)


def _faster(row: dict[str, Any]) -> str:
    """Which of the two falls faster, and by how much."""
    if row["value"] is None:
        return str(row["how"])
    sign = 1 if row["value"] >= 0 else -1
    ends = sorted((sign * row["value_low"], sign * row["value_high"])) if row["value_low"] is not None else []
    between = f" [{ends[0]:.1f}, {ends[1]:.1f}]" if ends else ""
    chance = "" if row["p"] is None else ", p < 0.001" if row["p"] < 0.001 else f", p = {row['p']:.2g}"
    name = "bias²" if sign > 0 else "variance"
    return f"{name} falls faster by {sign * row['value']:.1f}{between} in the exponent{chance}".replace("-", "−")


def _against_size(result: Result, target: str) -> Any:
    terms = (("bias2", "bias²", BIAS, "circle"), ("variance", "variance", VARIANCE, "square"))
    points = result.points.filter(pl.col("target") == target)
    models, expert = points.filter(pl.col("parameters").is_not_null()), points.filter(pl.col("parameters").is_null())
    known = result.points.select("bias2", "variance").unpivot()["value"].to_numpy()
    known = known[known > 0]  # of both targets, so that they can be compared
    sizes = models["parameters"].cast(pl.Float64).to_numpy()
    x = alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=12), axis=log_axis(sizes, "parameters", most=3))
    scale = alt.Scale(type="log", nice=False, domain=[known.min() / 1.5, known.max() * 1.5] if len(known) else [0.1, 1.0])
    layers, ends = [], []
    for name, words, colour, shape in terms:
        y = alt.Y(f"{name}:Q", scale=scale, axis=log_axis(known, None, most=4))
        some = models.filter(pl.col(name) > 0)
        layers.append(alt.Chart(some).mark_point(filled=True, size=26, opacity=0.7, color=colour, shape=shape).encode(x=x, y=y))
        line = models.filter(pl.col(f"{name}_fit").is_not_null()).unique("parameters").sort("parameters")
        if line.height > 1:
            fitted = alt.Y(f"{name}_fit:Q", scale=scale)
            layers.append(alt.Chart(line).mark_line(color=colour, strokeWidth=1.6).encode(x=x, y=fitted))
            ends.append((line[f"{name}_fit"].to_list()[-1], words, colour))
        level = expert.filter(pl.col(name) > 0)
        if level.height:
            layers.append(alt.Chart(level).mark_rule(color=colour, strokeDash=[4, 2]).encode(y=y))
    layers += _beside(ends, known, 150)
    words = "to the optimum" if target != _EXPERT else "to the expert"
    title = alt.TitleParams(words, fontSize=11, fontWeight="normal", frame="group")
    return alt.layer(*layers).properties(width=_HALF[0] - 16, height=150, title=title)


def _beside(ends: list[tuple[float, str, str]], known: Any, height: int) -> list[Any]:
    """The name of each line, right of where it ends."""
    span = log10(known.max() / known.min()) if len(known) else 1.0
    places = apart([log10(value) for value, _, _ in ends], span or 1.0, 13 / height)
    return [
        alt.Chart(pl.DataFrame({"at": [10**place], "words": [words]}))
        .mark_text(align="left", dx=3, fontSize=11, color=colour)
        .encode(x=alt.value(_HALF[0] - 16), y="at:Q", text="words:N")
        for place, (_, words, colour) in zip(places, ends, strict=True)
    ]


def optimizer_loss(result: Result) -> Any:
    """Loss on what was held out against size."""
    points, sizes = result.points, result.points["parameters"].cast(pl.Float64).to_numpy()
    x = alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=12), axis=log_axis(sizes, "parameters", most=5))
    scale = alt.Scale(type="log", nice=False, padding=8)
    y = alt.Y("loss:Q", scale=scale, axis=log_axis(points["loss"].to_numpy(), None, most=4))
    dots = alt.Chart(points).mark_point(filled=True, size=26, color=COLOURS[0]).encode(x=x, y=y)
    bars = (
        alt.Chart(points)
        .mark_rule(color=COLOURS[0], opacity=0.6)
        .encode(x=x, y=alt.Y("loss_low:Q", scale=scale), y2="loss_high:Q")
    )
    line = alt.Chart(points.unique("parameters").sort("parameters")).mark_line(color=COLOURS[0], strokeWidth=1.6)
    row = result.tests.row(0, named=True)
    value = "" if row["value"] is None else f"exponent {row['value']:.3f}"
    ends = "" if row["value_low"] is None else f" [{row['value_low']:.3f}, {row['value_high']:.3f}]"
    words = "nats a token of the step; some is left to every model, since it sees rounded states"
    whole = alt.layer(bars, line.encode(x=x, y="loss_fit:Q"), dots).properties(width=WIDTH, height=150)
    return finish(whole, "Loss on trajectories that were held out", words, f"{value}{ends}".replace("-", "−"))


def optimizer_rollouts(result: Result) -> Any:
    """One start, led by a model of each size and by the expert: its error along the steps, and its way."""
    points = result.points.with_columns(series=_words(), seed=pl.lit(None, dtype=pl.Int64))
    points = points.with_columns(error_low=pl.col("error"), error_high=pl.col("error"))
    above = _panel(points, "error", "squared A-norm to the optimum", (WIDTH, 130), labels=True)
    if "x2" not in points.columns:
        return finish(above, "One start, led by each size", "dashed: the exact expert")
    colour, models = _colours(points), points.filter(pl.col("model") != _EXPERT)
    x, y = (
        alt.X("x1:Q", scale=alt.Scale(zero=False), axis=axis("x₁")),
        alt.Y("x2:Q", scale=alt.Scale(zero=False), axis=axis("x₂", ticks=3)),
    )
    way = [
        alt.Chart(models).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, order="step:Q"),
        alt.Chart(points.filter(pl.col("model") == _EXPERT))
        .mark_line(strokeWidth=1.5, strokeDash=[4, 2])
        .encode(x=x, y=y, color=colour, order="step:Q"),
    ]
    title = alt.TitleParams("its way in the first two coordinates", fontSize=11, fontWeight="normal", offset=3, frame="group")
    below = alt.layer(*way).properties(width=WIDTH, height=130, title=title)
    return finish(alt.vconcat(above, below, spacing=14), "One start, led by each size", "dashed: the exact expert")


def optimizer_replicates(result: Result) -> Any:
    """Incoherence along the steps by what varies between replicates."""
    points = result.points.filter(pl.col("step") > 0)
    panels = []
    for sort in (name for name in _SORTS if name in points["replicates"].to_list()):
        some = points.filter(pl.col("replicates") == sort).with_columns(pl.col("incoherence").clip(0.0, 1.0))
        model, expert = some.filter(pl.col("model") != _EXPERT), some.filter(pl.col("model") == _EXPERT)
        x = alt.X("step:Q", scale=alt.Scale(nice=False), axis=axis("step", ticks=3))
        y = alt.Y("incoherence:Q", scale=alt.Scale(domain=[0, 1]), axis=axis(None, percent=True, ticks=2))
        layers = [alt.Chart(model).mark_line(color=_SIZES[3], strokeWidth=1.8).encode(x=x, y=y)]
        if model["incoherence_low"].is_not_null().any():
            band = alt.Chart(model).mark_area(color=_SIZES[3], opacity=0.15)
            layers.insert(
                0, band.encode(x=x, y=alt.Y("incoherence_low:Q", scale=alt.Scale(domain=[0, 1])), y2="incoherence_high:Q")
            )
        if expert.height:
            layers.append(alt.Chart(expert).mark_line(color=INK, strokeWidth=1.5, strokeDash=[4, 2]).encode(x=x, y=y))
        title = alt.TitleParams(_SORTS[sort], fontSize=11, fontWeight="normal", offset=3, frame="group")
        panels.append(alt.layer(*layers).properties(width=_HALF[0], height=70, title=title))
    rows = [alt.hconcat(*panels[place : place + 2], spacing=10) for place in range(0, len(panels), 2)]
    name = points.filter(pl.col("model") != _EXPERT)["model"][0]
    return finish(
        alt.vconcat(*rows, spacing=12),
        "Incoherence by what varies between replicates",
        f"{name}; dashed: the expert, which has no seeds",
    )
