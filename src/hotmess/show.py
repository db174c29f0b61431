"""Measurements and checks as a terminal shows them. Computes nothing; text from logs is never trusted."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hotmess.errors import safe
from hotmess.infer import Interval
from hotmess.overview import Overview
from hotmess.rows import Method, Row
from hotmess.samples import GROUPS

__all__ = ["LOSSES", "as_text", "made", "show", "show_overview"]

_BAR = 10
_NAME = 24  # characters of a name that are not broken
_WIDE = 120  # columns of a terminal, from which nothing is left out
_SPARED = ("questions × samples", "bracket", "input / output")
_COLOURS = {"hot mess": "dark_orange3", "systematic": "blue", "mixed": "default"}
LOSSES = {
    "zero_one": "0/1",
    "brier": "Brier",
    "kl": "KL",
    "mode": "mode",
    "coverage": "coverage",
    "squared": "squared distance",
    "spread": "spread",
}


def as_text(shown: RenderableType, width: int = 160) -> str:
    """What is shown, without colour."""
    console = Console(file=StringIO(), width=width, no_color=True, force_terminal=False)
    console.print(shown)
    assert isinstance(console.file, StringIO)  # noqa: S101 - made two lines above; for the type checker
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def show(rows: Sequence[Row], method: Method, source: str, *, width: int) -> RenderableType:
    """A table of one line per row, and below it how the figures were made; a narrow one leaves out what can be spared."""
    return Group(_table(rows, method.loss, narrow=width < _WIDE), Text(_made(rows, method, source), style="dim"))


def _table(rows: Sequence[Row], loss: str, *, narrow: bool) -> Table:
    names = _names(rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for name in names:
        longest = max(len(_label(row.group.get(name))) for row in rows)
        table.add_column(name, overflow="fold", min_width=min(longest, _NAME))
    columns = [(title, write) for title, write in _columns(loss) if not (narrow and title in _SPARED)]
    for title, _ in columns:
        table.add_column(title, justify="left" if title in ("incoherence", "verdict") else "right", no_wrap=True)
    for row in rows:
        cells = [Text(_label(row.group.get(name))) for name in names]
        table.add_row(*cells, *(write(row) for _, write in columns))
    return table


def _names(rows: Sequence[Row]) -> list[str]:
    """The columns that name a row: what was asked for, and of task and setting what is not the same everywhere."""
    every = list(dict.fromkeys(name for row in rows for name in row.group))
    seen = {name: {_label(row.group.get(name)) for row in rows} for name in every}
    return [n for n in every if n == "model" or n not in GROUPS or len(seen[n]) > 1 or (n == "setting" and seen[n] != {"-"})]


def _label(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['bucket']}/{value['of']}: {value['low']:,.0f}–{value['high']:,.0f}"
    return "-" if value is None else safe(value)


def _columns(loss: str) -> list[tuple[str, Any]]:
    counts = ("questions × samples", lambda row: f"{row.questions:,} × {_mean_count(row)}")
    if loss == "spread":
        return [counts, ("variance", lambda row: _with_half(row.variance)), ("input / output", _shares_of_variance)]
    if loss == "zero_one":
        wrong = ("where wrong", lambda row: _number(row.more["variance_biased"]))
        right = ("where right", lambda row: _number(row.more["variance_unbiased"]))
        return [
            counts,
            ("error", lambda row: _with_half(row.error)),
            ("bias", lambda row: _number(row.bias2.value)),
            right,
            wrong,
        ]
    columns = [
        counts,
        ("error", lambda row: _with_half(row.error)),
        ("bias²", lambda row: _number(row.bias2.value)),
        ("variance", lambda row: _number(row.variance.value)),
        ("incoherence", _incoherence),
        ("input / output", _shares),
        ("verdict", lambda row: Text(row.verdict or "", style=_COLOURS.get(row.verdict or "", "dim"))),
    ]
    bracket = [("bracket", _bracket)] if loss in ("kl", "mode") else []
    return [*columns[:5], *bracket, *columns[5:]]


def _mean_count(row: Row) -> str:
    mean = row.samples / max(row.questions, 1)
    return f"{mean:,.0f}" if mean >= 100 or mean == round(mean) else f"{mean:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value + 0.0:.3f}".replace("-0.000", "0.000")


def _with_half(found: Interval) -> str:
    half = (found.high - found.low) / 2
    return _number(found.value) + ("" if np.isnan(half) else f" ±{half:.3f}")


def _incoherence(row: Row) -> Text:
    found = row.incoherence
    if np.isnan(found.value):
        return Text("-")
    shown = min(max(found.value, 0.0), 1.0)
    ends = "" if np.isnan(found.low) else f" [{100 * found.low:.0f}-{100 * found.high:.0f}]"
    bar = "█" * round(shown * _BAR)
    return Text(f"{100 * shown:3.0f}%{ends:<9}{bar}", style=_COLOURS.get(row.verdict or "", ""))


def _bracket(row: Row) -> str:
    low, high, error = row.more.get("variance_plugin"), row.more.get("variance_crossfit"), row.error.value
    return "-" if low is None or high is None or not error else f"{100 * low / error:.0f}-{100 * high / error:.0f}%"


def _share(part: float | None, whole: float) -> str:
    return "-" if part is None or not whole or np.isnan(whole) else f"{100 * max(part, 0.0) / whole:.0f}%"


def _shares(row: Row) -> str:
    if row.input_variance is None:
        return "-"
    return f"{_share(row.input_variance, row.error.value)} / {_share(row.output_variance, row.error.value)}"


def _shares_of_variance(row: Row) -> str:
    if row.input_variance is None:
        return "-"
    return f"{_share(row.input_variance, row.variance.value)} / {_share(row.output_variance, row.variance.value)}"


def made(method: Method, source: str, ways: Sequence[str], *, lossless: bool = False) -> str:
    """How figures were made, in a line."""
    unit = {"kl": "nats", "mode": "share of answers", "zero_one": "share of answers"}.get(method.loss, "")
    loss = LOSSES[method.loss] + (f" ({unit})" if unit else "")
    parts = [safe(source), f"label {method.label}"]
    parts += [] if lossless else [f"loss {loss}", method.estimator]
    if method.loss == "kl" and not lossless:
        parts.append(f"delta {method.delta:g}")
    if ways:
        parts.append(f"{method.level:.0%} interval for {_about(method.about)}: {'; '.join(ways)}")
    return " · ".join(parts)


def _made(rows: Sequence[Row], method: Method, source: str) -> str:
    """How the figures of rows were made, and how many answers could not be read."""
    ways = list(dict.fromkeys(row.interval for row in rows if row.interval != "none"))
    counted = sum(row.samples + row.left_out for row in rows)
    unread = sum(row.invalid_rate * (row.samples + row.left_out) for row in rows) / max(1, counted)
    return made(method, source, ways) + (f" · unparsed {unread:.1%} ({method.invalid})" if unread else " · none unparsed")


def _about(about: str) -> str:
    return "questions like these" if about == "population" else "exactly these questions"


def show_overview(seen: Overview, *, alone: bool = True) -> RenderableType:
    """What a table holds: one line per task, model and setting; its columns where it stands alone."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = list(seen.groups[0].name)
    for title in (*names, "questions", "contexts", "samples", "unread", "left out", "usable"):
        table.add_column(title, justify="left" if title in names else "right", overflow="fold")
    for group in seen.groups:
        cells = [Text(_label(group.name[name])) for name in names]
        spans = [f"{group.questions:,}", _span(group.contexts), _span(group.samples)]
        table.add_row(*cells, *spans, f"{group.unread:.1%}", f"{group.excluded:,}", f"{group.usable:,}")
    classes = f" · answers {', '.join(safe(c)[:40] for c in seen.classes[:12])}" if seen.classes else ""
    length = f" · length {seen.length}" if seen.length else ""
    about = f"{safe(seen.source)} · {seen.kind}{classes}{length}"
    lines = [] if not alone else ["columns: " + ", ".join(safe(c) for c in seen.columns)]
    lines += ["cannot be looked for here: " + "; ".join(seen.unseen)] if seen.unseen else []
    return Group(Text(about), table, *(Text(line, style="dim") for line in lines))


def _span(ends: tuple[int, int]) -> str:
    return f"{ends[0]:,}" if ends[0] == ends[1] else f"{ends[0]:,}-{ends[1]:,}"
