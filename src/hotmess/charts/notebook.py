"""How results display in Jupyter and marimo: the picture as SVG, the figures as a table, and how they were made."""

from html import escape

from hotmess.charts import chart, measured, render
from hotmess.errors import NothingToShow, Notice, safe
from hotmess.measurement import Measurement
from hotmess.result import Result
from hotmess.show import made
from hotmess.tabular import as_html

__all__ = ["as_page", "of_measurement", "of_result"]

_ROWS = 30  # of a table, beyond which a notebook shows the first


def of_result(result: Result) -> str:
    """The picture and the tests; the points where there is nothing to draw."""
    try:
        shown = render(chart(result), ".svg").decode()
    except NothingToShow:
        shown = as_html(result.points.head(_ROWS))
    tests = as_html(result.tests.head(_ROWS), spared=["how"]) if result.tests.height else ""
    return f"<div>{shown}</div>{tests}{_small(result.made(), result.notices)}"


def as_page(result: Result) -> str:
    """The same as a page of its own: complete without scripts, nothing fetched, text from logs escaped."""
    title = f"hotmess · {result.name.replace('_', ' ')} · {escape(safe(result.source))}"
    style = "body{font:14px Helvetica,Arial,sans-serif;margin:2em;max-width:60em}td,th{padding:.1em .6em}table{margin:1em 0}"
    points = as_html(result.points, spared=["how"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>'
        f"<body><main><h1>{title}</h1>{of_result(result)}<h2>Points</h2>{points}</main></body></html>\n"
    )


def of_measurement(found: Measurement) -> str:
    """The picture and the figures."""
    shown = render(measured(found), ".svg").decode()
    ways = list(dict.fromkeys(row.interval for row in found.rows if row.interval != "none"))
    return f"<div>{shown}</div>{_small(made(found.method, found.source, ways), found.notices)}"


def _small(how: str, notices: tuple[Notice, ...]) -> str:
    """How it was made, and what must be known."""
    said = "".join(f"<br>{escape(str(notice))}" for notice in notices)
    return f"<p><small>{escape(how)}{said}</small></p>"
