"""What a gate decided, in the languages of continuous integration: JUnit XML, GitHub's annotations, and Markdown."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as Xml

import numpy as np

from hotmess.decide.decided import Decided
from hotmess.decide.gate import Gate
from hotmess.errors import safe
from hotmess.tabular import cells

__all__ = ["annotations", "junit", "markdown"]

_LEVEL = {"fail": "error", "unsure": "warning"}
_SHOWN = 20  # questions in a summary


def junit(gate: Gate) -> bytes:
    """A test case for each limit: a failure where it is broken, skipped with the reason where nobody can tell."""
    counts = {name: str(sum(one.outcome == name for one in gate.decided)) for name in ("fail", "unsure")}
    suite = Xml.Element(
        "testsuite",
        {
            "name": "hotmess gate",
            "tests": str(len(gate.decided)),
            "failures": counts["fail"],
            "errors": "0",
            "skipped": counts["unsure"],
        },
    )
    for one in gate.decided:
        case = Xml.SubElement(suite, "testcase", {"classname": _whose(one, "."), "name": str(one.limit), "time": "0"})
        if one.outcome != "pass":
            tag = "failure" if one.outcome == "fail" else "skipped"
            Xml.SubElement(case, tag, {"message": _line(one)})
    whole = Xml.Element("testsuites")
    whole.append(suite)
    Xml.indent(whole)
    return Xml.tostring(whole, encoding="utf-8", xml_declaration=True) + b"\n"


def annotations(gate: Gate) -> Iterator[str]:
    """A workflow command of GitHub for each limit that is not kept: an error, or a warning where nobody can tell."""
    for one in gate.decided:
        if one.outcome != "pass":
            title = _escaped(f"hotmess gate: {one.outcome}").replace(":", "%3A").replace(",", "%2C")
            yield f"::{_LEVEL[one.outcome]} title={title}::{_escaped(f'{_whose(one)}: {_line(one)}')}"


def markdown(gate: Gate) -> str:
    """The table, and what was decided, as the summary of a step shows them."""
    found = cells(gate.table())
    rows = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in found.rows]
    head = "| " + " | ".join(found.titles) + " |"
    rule = "|" + "|".join("---:" if right else "---" for right in found.right) + "|"
    lines = [f"### hotmess gate: {gate.said()}", "", head, rule, *rows, ""]
    for into in dict.fromkeys(word for _, word in gate.turned):
        names = [_cell(question) for question, word in gate.turned if word == into]
        lines += [f"{len(names)} questions turned {into}: {' '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}", ""]
    return "\n".join([*lines, _cell(f"{gate.source} · {gate.interval}"), ""])


def _whose(one: Decided, between: str = " ") -> str:
    return between.join(safe(str(name)) for name in one.group.values() if name not in (None, "")) or "all"


def _line(one: Decided) -> str:
    """The figure, its interval and its limit."""
    rose = "rose by " if one.limit.increase else ""
    known = np.isfinite([one.found.low, one.found.high]).all()
    figure = str(one.found) if known else f"{one.found.value:.3g} (no interval)"
    found = f"{one.limit.figure} {rose}{figure} · limit {one.limit.most:g}"
    return f"{found} · needs {one.needs}" if one.needs else found


def _cell(text: str) -> str:
    """Text that ends no cell and begins no tag."""
    return re.sub(r"([\\|`*_\[\]!])", r"\\\1", safe(text).replace("&", "&amp;").replace("<", "&lt;").replace("\n", " "))


def _escaped(text: str) -> str:
    """Text of a workflow command, which ends at a line's end."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
