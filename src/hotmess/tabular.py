"""Tidy frames as people read them: a value and its interval in one cell, and nothing that is the same in every row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from hotmess.errors import safe
from hotmess.samples import GROUPS

__all__ = ["Cells", "as_html", "as_table", "cells", "narrowed"]

_SHARES = ("incoherence", "accuracy", "rate", "output_share", "input_share", "score")
_NAME = 18  # characters of a name that are not folded
_NAMES = {"bias2": "bias²", "p_holm": "p (Holm)", "p_permuted": "p (permuted)"}


@dataclass(frozen=True, slots=True)
class Cells:
    """A table in text."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]


def cells(frame: pl.DataFrame, *, spared: Sequence[str] = ()) -> Cells:
    """The cells of a frame, without the columns `spared`.

    Columns NAME, NAME_low and NAME_high become one cell; task, model and setting are shown where they differ from row to row.
    """
    names = [name for name in frame.columns if not _is_end(name, frame) and name not in spared and not _same(frame, name)]
    writers = {name: _writer(frame, name) for name in names}
    rows = tuple(tuple(writers[name](row) for name in names) for row in frame.iter_rows(named=True))
    titles = tuple(_NAMES.get(name, name.replace("_", " ")) for name in names)
    return Cells(titles, rows, tuple(frame[name].dtype.is_numeric() for name in names))


def _is_end(name: str, frame: pl.DataFrame) -> bool:
    stem, _, end = name.rpartition("_")
    return end in ("low", "high") and stem in frame.columns


def _same(frame: pl.DataFrame, name: str) -> bool:
    """Whether a column says nothing: it is empty, or names what is the same in every row."""
    names = (*GROUPS[:1], *GROUPS[2:], "way", "family")
    return frame[name].null_count() == frame.height or (name in names and frame[name].n_unique() == 1)


def _writer(frame: pl.DataFrame, name: str) -> Callable[[Mapping[str, Any]], str]:
    dtype = frame[name].dtype
    if name == "p" or name.startswith("p_"):
        return lambda row: _p(row[name])
    if not dtype.is_float():
        return lambda row: "-" if row[name] is None else (f"{row[name]:,}" if dtype.is_integer() else safe(row[name]))
    write = _percent if name in _SHARES else _number
    if f"{name}_low" not in frame.columns:
        return lambda row: write(row[name])
    return lambda row: _with_ends(write, row[name], row[f"{name}_low"], row[f"{name}_high"])


def _with_ends(write: Callable[[float | None], str], value: float | None, low: float | None, high: float | None) -> str:
    shown = write(value)
    if _missing(low) or _missing(high):
        return shown
    ends = (f"{100 * end:.0f}" if write is _percent else write(end) for end in (low or 0.0, high or 0.0))
    return f"{shown} [{', '.join(ends)}]"


def _missing(value: float | None) -> bool:
    return value is None or bool(np.isnan(value))


def _number(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}" if 0.001 <= abs(value) < 1 else f"{value:.3g}"


def _percent(value: float | None) -> str:
    """A share of 0 to 1; an unbiased estimate beyond is shown as the end, and stays what it is in the data."""
    return "-" if value is None or np.isnan(value) else f"{100 * min(max(value, 0.0), 1.0):.0f}%"


def _p(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def narrowed(frame: pl.DataFrame, spared: Sequence[str], last: Sequence[str], width: int) -> list[str]:
    """Which of the columns `last` have no room in so many characters, the first of them first; no figure loses its interval."""
    gone: list[str] = []
    for name in (name for name in last if name in frame.columns):
        if _width(frame, [*spared, *gone]) <= width:
            break
        gone.append(name)
    return gone


def _width(frame: pl.DataFrame, spared: Sequence[str]) -> int:
    """How many characters wide a table is; names may be folded."""
    found = cells(frame, spared=spared)
    most = [
        max([len(title), *(len(row[place]) for row in found.rows)])
        if right
        else min(max([0, *(len(r[place]) for r in found.rows)]), _NAME)
        for place, (title, right) in enumerate(zip(found.titles, found.right, strict=True))
    ]
    return sum(most) + 3 * len(most)


def as_table(frame: pl.DataFrame, *, spared: Sequence[str] = ()) -> Table:
    """A frame for the terminal."""
    found = cells(frame, spared=spared)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for title, right in zip(found.titles, found.right, strict=True):
        longest = max((len(row[len(table.columns)]) for row in found.rows), default=0)
        least = longest if right else min(longest, _NAME)
        table.add_column(title, justify="right" if right else "left", overflow="fold", no_wrap=right, min_width=least)
    for row in found.rows:
        table.add_row(*map(Text, row))
    return table


def as_html(frame: pl.DataFrame, *, spared: Sequence[str] = ()) -> str:
    """A frame as an HTML table; text from logs is escaped."""
    found = cells(frame, spared=spared)
    align = [' style="text-align:right"' if right else ' style="text-align:left"' for right in found.right]
    head = "".join(f"<th{a}>{escape(title)}</th>" for a, title in zip(align, found.titles, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{a}>{escape(cell)}</td>" for a, cell in zip(align, row, strict=True)) + "</tr>"
        for row in found.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
