"""A picture of each result: one Altair (Vega-Lite) specification. Computes nothing."""

from collections.abc import Callable
from typing import Any

from hotmess.charts.length import by_length, by_wait_ratio
from hotmess.errors import NothingToShow, UsageError
from hotmess.result import Result
from hotmess.tabular import as_html

__all__ = ["FORMATS", "as_figure", "chart", "render"]

FORMATS = (".svg", ".pdf", ".png", ".html", ".json")
_DOTS = 300  # per inch, of a PNG at 3.25 inches

_CHARTS: dict[str, Callable[[Result], Any]] = {
    "by_length": by_length,
    "by_wait_ratio": by_wait_ratio,
}


def chart(result: Result) -> Any:
    """The picture of a result.

    Raises:
        NothingToShow: no figure of it is defined.
    """
    figures = [name for name in result.points.columns if f"{name}_low" in result.points.columns]
    if not result.points.height or (figures and all(result.points[name].is_null().all() for name in figures)):
        raise NothingToShow(
            f"{result.name} found no figure that is defined",
            why="there is no error to be split, or there are too few samples; a picture would show nothing",
            hint="hotmess check tells what is there",
        )
    return _CHARTS[result.name](result)


def as_figure(result: Result) -> str:
    """The picture as SVG for a page; the points as a table where there is nothing to draw."""
    try:
        return render(chart(result), ".svg").decode()
    except NothingToShow:
        return as_html(result.points)


def render(drawn: Any, suffix: str) -> bytes:
    """A picture as a file of this ending holds it; nothing is fetched from anywhere.

    Raises:
        UsageError: the ending is not known.
    """
    import vl_convert

    spec = drawn.to_json()
    if suffix == ".json":
        return (spec + "\n").encode()
    if suffix == ".html":
        return vl_convert.vegalite_to_html(spec, bundle=True).encode()
    if suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    if suffix == ".pdf":
        return vl_convert.vegalite_to_pdf(spec)
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, scale=_DOTS / 96)
    raise UsageError(f"a picture cannot be written as `{suffix}`", hint=" ".join(FORMATS))
