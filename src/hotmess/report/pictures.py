"""Charts as they stand in the page: static SVG without a background, its title as text, nothing in it that could run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import altair as alt

from hotmess.charts import render

__all__ = ["Picture", "picture"]

_TAGS = {"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath", "linearGradient", "stop"}
_GEOMETRY = {"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "width", "height", "cx", "cy", "r", "viewBox"}
_KEPT = _GEOMETRY | {
    *("fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "fill-opacity", "opacity", "font-size"),
    *("font-weight", "font-style", "text-anchor", "clip-path", "id", "offset", "stop-color"),
}
_IMPLIED = {("opacity", "1"), ("font-weight", "normal"), ("stroke-width", "1"), ("transform", "translate(0,0)")}
_LONG = re.compile(r"(\d+\.\d)\d+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart for a page.

    Attributes:
        title: what stood above it.
        lines: what stood below the title.
        svg: the picture, complete without a style sheet: colours are attributes, so that a strict policy leaves them.
        width: in units, which are pixels where there is room.
    """

    title: str
    lines: tuple[str, ...]
    svg: str
    width: int


def picture(chart: Any, name: str) -> Picture:
    """A chart as a picture whose title is text; `name` keeps the ids in it apart from those of other pictures."""
    title = chart.title if isinstance(chart.title, alt.TitleParams) else alt.TitleParams("")
    said = title.subtitle if isinstance(title.subtitle, list) else []
    bare = chart.copy(deep=False)
    bare.title = alt.Undefined
    drawn = fromstring(render(bare, ".svg"))  # noqa: S314 - see above
    svg = _cleaned(drawn, name)[0]
    svg.attrib |= {
        "role": "img",
        "font-family": "Helvetica, Arial, Liberation Sans, sans-serif",
        "aria-labelledby": f"{name}-title",
    }
    width = int(float(drawn.attrib["width"]))
    return Picture(str(title.text), tuple(map(str, said)), tostring(svg, encoding="unicode"), width)


def _cleaned(element: Element, name: str) -> list[Element]:
    """The element without what a page does not need; one that only held others is replaced by them."""
    tag = element.tag.rpartition("}")[2]
    if tag not in _TAGS or element.get("display") == "none" or _is_background(element):
        return []
    inner = [child for old in element for child in _cleaned(old, name)]
    made = Element(tag, dict(_attributes(element, name)))
    made.text = element.text
    made.extend(inner)
    if tag == "g" and not inner:
        return []
    return inner if tag == "g" and not made.attrib else [made]


def _is_background(element: Element) -> bool:
    """Whether it is the white sheet, or the invisible one behind a group."""
    classes = element.get("class") or ""
    return (element.tag.endswith("rect") and element.get("fill") == "white") or (
        "background" in classes and not element.get("stroke") and not element.get("fill")
    )


def _attributes(element: Element, name: str) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        if key not in _KEPT or (key, value) in _IMPLIED:
            continue
        if key == "id":
            yield key, f"{name}-{value}"
        elif value.startswith("url(#"):
            yield key, value.replace("url(#", f"url(#{name}-")
        else:
            yield key, _LONG.sub(r"\1", value) if key in _GEOMETRY else value
