"""Parts to one HTML file: self-contained, complete without scripts, and nothing in it runs that is not ours.

Text from logs is escaped by Jinja, and by the policy of the page no script or style runs but the two whose hashes it names.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from hotmess.errors import explain, safe
from hotmess.infer import Interval
from hotmess.report.evidence import Found
from hotmess.report.part import Part, Refused
from hotmess.report.transcripts import Packed
from hotmess.report.verdict import percent
from hotmess.rows import Row
from hotmess.samples import GROUPS
from hotmess.show import LOSSES, made
from hotmess.tabular import cells

__all__ = ["Line", "Page", "page", "row_number", "rows_of_each"]

_ROWS = 5000  # of all tables of questions together
_PROMPT = 160  # characters of what was asked
_POINTS = 600  # rows of the table below a picture
_SCRIPTS = "transcripts.js", "page.js"
_ROOM = files("hotmess.report")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page is made of.

    Attributes:
        parts: tasks that could be measured, and those that could not.
        source: what was read.
        command: what to type to make the page again.
        seed: of everything that was drawn at random.
        packed: the transcripts, by the number of their row in the page; None where none were asked for.
        prompts: what was asked, by the number of a row, as far as it is known.
        budget: how many bytes the page may have.
        why_none: why there are no transcripts, in a sentence.
    """

    parts: Sequence[Part | Refused]
    source: str
    command: str
    seed: int
    budget: int
    packed: Packed | None = None
    prompts: Mapping[int, str] | None = None
    why_none: str = ""


def row_number(parts: Sequence[Part | Refused], part: Part, place: int) -> int:
    """The number in the page of a question of a part: the tables of all parts stand one after the other."""
    before = parts[: list(parts).index(part)]
    return sum(one.questions.height for one in before if isinstance(one, Part)) + place


def rows_of_each(parts: Sequence[Part | Refused]) -> int:
    """For how many questions of each part the page has a row; the others are in its data."""
    return max(100, _ROWS // max(1, sum(isinstance(part, Part) for part in parts)))


def page(of: Page) -> str:
    """The page, whole."""
    style = _text("page.css") + _text("transcripts.css")
    script = "".join(_text(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    measured = [part for part in of.parts if isinstance(part, Part)]
    starts = {part.id: row_number(of.parts, part, 0) for part in measured}
    facts = {
        "page": of,
        "parts": [_Shown(part, starts[part.id], of, rows_of_each(of.parts)) for part in measured],
        "refused": [part for part in of.parts if isinstance(part, Refused)],
        "alone": len(of.parts) == 1 and len(measured) == 1,
        "style": Markup(style),  # noqa: S704 - our own files
        "script": Markup(script),  # noqa: S704 - our own files
        "policy": policy,
        "data": Markup(_embedded(of)),  # noqa: S704 - JSON in which no tag can open
        "length_unit": _unit(measured),
    }
    return _template().render(facts)


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FunctionLoader(_text)
    made_of = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    made_of.filters |= {
        "safe_svg": lambda svg: Markup(svg),  # noqa: S704 - written by `pictures` from an XML tree
        "number": lambda value: "—" if value is None or value != value else f"{value:.3f}",
        "whole": lambda value: "" if value is None else f"{value:,.0f}",
        "share": _share,
        "interval": percent,
        "ended": _ended,
        "loss": lambda name: LOSSES[name],
        "words": lambda text: str(text).replace("_", " "),
        "clean": lambda text: safe(str(text)),
        "unbroken": _unbroken,
        "explained": lambda notice: explain(notice.code),
    }
    return made_of.get_template("page.html.jinja")


@cache
def _text(name: str) -> str:
    return (_ROOM / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _unit(parts: Sequence[Part]) -> str:
    """What lengths are counted in, where all parts count the same."""
    units = {part.length.rpartition("_")[2] for part in parts if part.length}
    return units.pop() if len(units) == 1 else ""


def _unbroken(text: str) -> str:
    """Words whose intervals stay on one line."""
    return re.sub(r"(?<=[\d\]])[–](?=\d)", "\u2060–\u2060", safe(text)).replace(" [", "\u00a0[")


def _share(value: float | None) -> str:
    return "—" if value is None else f"{100 * min(max(value, 0.0), 1.0):.0f}%"


def _ended(found: Interval) -> str:
    if found.value != found.value:
        return "—"
    return f"{found.value:.3f}" + ("" if found.low != found.low else f" ±{(found.high - found.low) / 2:.3f}")


# ---------------------------------------------------------------------------------------------- what a part shows


@dataclass(frozen=True, slots=True)
class Line:
    """A question in the table.

    Attributes:
        number: in the page.
        error: mean loss of its samples, in units of the loss; variance and share (of the error) likewise.
        length: mean of its samples, in the unit of the column.
        bucket: by length, from 1, the shortest.
        read: whether its transcripts are in the page.
        has_place: whether something leads to it, so that it needs an address.
    """

    number: int
    question: str
    model: str
    error: float
    variance: float
    share: float | None
    way: str | None
    length: float | None
    bucket: int | None
    samples: int
    read: bool
    has_place: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """A part as the template goes through it."""

    part: Part
    start: int
    page: Page
    most: int

    @property
    def how(self) -> str:
        """How the figures were made, in a line."""
        ways = list(dict.fromkeys(row.interval for row in self.part.measured.rows if row.interval != "none"))
        return made(self.part.measured.method, self.part.measured.source, ways)

    @property
    def interval(self) -> str:
        """What the intervals are, in a few words."""
        method = self.part.measured.method
        about = "questions like these" if method.about == "population" else "exactly these questions"
        return f"{method.level:.0%} interval for {about}"

    @property
    def named(self) -> list[tuple[str, Row]]:
        """The rows with their names, the largest incoherence first."""
        rows = list(zip(self.part.names, self.part.measured.rows, strict=True))
        return sorted(
            rows, key=lambda named: (named[1].incoherence.value != named[1].incoherence.value, -named[1].incoherence.value)
        )

    @property
    def blobs(self) -> Mapping[int, str]:
        """The transcripts of the page."""
        return {} if self.page.packed is None else self.page.packed.blobs

    @property
    def rows(self) -> list[Line]:
        """The first questions of the table, the messiest first."""
        several = len(self.part.names) > 1
        return [
            self._row(place, row, several=several)
            for place, row in enumerate(self.part.questions.head(self.most).iter_rows(named=True))
        ]

    def _row(self, place: int, row: Mapping[str, Any], *, several: bool) -> Line:
        number = self.start + place
        there = number in self.blobs
        model = safe(self.part.names[row["row"]]) if several else ""
        return Line(
            number, safe(str(row["question_id"])), model, row["error"], row["variance"], row["share"], row["way"], row["length"],
            row["bucket"], row["samples"], there, there or place in self.part.strips,
        )  # fmt: skip

    def messy(self, place: int) -> Line:
        """A question whose answers are shown."""
        return self._row(place, self.part.questions.row(place, named=True), several=True)

    def prompt(self, number: int) -> str:
        """What was asked, as far as there is room."""
        found = safe(" ".join((self.page.prompts or {}).get(number, "").split()))
        return found if len(found) <= _PROMPT else f"{found[: _PROMPT - 1]}…"

    @property
    def messiest(self) -> list[tuple[str, tuple[int, ...]]]:
        """The models whose messiest questions are shown: first the one that the headline is about."""
        return self._ordered(self.part.messiest)

    @property
    def repeated(self) -> list[tuple[str, tuple[int, ...]]]:
        """The models that are systematic, and the questions that they get wrong in the same way."""
        return self._ordered(self.part.repeated)

    def _ordered(self, lists: Sequence[tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
        shown = [tuple(place for place in places if place in self.part.strips) for places in lists]
        every = [(name, places) for name, places in zip(self.part.names, shown, strict=True) if places]
        order = {name: place for place, (name, _) in enumerate(self.named)}
        told = {name for name, row in self.named if row.verdict in ("hot mess", "systematic", "mixed")}
        return sorted(every, key=lambda one: (one[0] != self.part.verdict.about, one[0] not in told, order[one[0]]))

    @property
    def shared(self) -> bool:
        """Whether the loss has a share that is variance."""
        return self.part.measured.method.loss not in ("zero_one", "spread")

    @property
    def keyed(self) -> bool:
        """Whether some right answer is known by name."""
        return any(strip.key for strip in self.part.strips.values())

    @property
    def ways(self) -> list[str]:
        """The ways in which questions are answered."""
        return self.part.questions["way"].unique().sort().to_list()

    @property
    def buckets(self) -> list[int]:
        """The buckets by length."""
        return self.part.questions["bucket"].drop_nulls().unique().sort().to_list()

    def table(self, found: Found) -> Any:
        """The points of an analysis as cells."""
        return cells(found.result.points.head(_POINTS), spared=["how"])

    def tests(self, found: Found) -> Any:
        """What it tested, as cells."""
        return cells(found.result.tests.head(_POINTS), spared=["how"]) if found.result.tests.height else None


# ---------------------------------------------------------------------------------------------- data


def _embedded(of: Page) -> str:
    """The data of the page as JSON that no tag can end."""
    parts = [_data(part) for part in of.parts if isinstance(part, Part)]
    refused = [{"task": part.title, "problem": part.problem.found} for part in of.parts if isinstance(part, Refused)]
    text = json.dumps(
        {"command": of.command, "seed": of.seed, "parts": parts, "not_measured": refused},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _data(part: Part) -> dict[str, Any]:
    found = [one.result for section in part.evidence.sections for one in section.found]
    return {
        "task": part.title,
        "measurement": json.loads(part.measured.to_json()),
        "questions": _columns(_named(part)),
        "analyses": {result.name: {"points": _columns(result.points), "tests": _columns(result.tests)} for result in found},
    }


def _named(part: Part) -> pl.DataFrame:
    """The questions without what follows from other columns; `row` is the place of the row of the measurement that has the names.

    Where tasks are pooled, the task names a question.
    """
    pooled = "task" in part.questions.columns and "task" not in part.measured.rows[0].group
    return part.questions.drop(*GROUPS[pooled:], "share", "way", strict=False)


def _columns(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """Columns of a frame; numbers with five digits, undefined ones as null."""
    short = [
        pl.col(name).cast(pl.Float64).round_sig_figs(5).fill_nan(None) for name in frame.columns if frame[name].dtype.is_float()
    ]
    words = [pl.col(name).cast(pl.String) for name in GROUPS if name in frame.columns]
    return frame.with_columns(*short, *words).to_dict(as_series=False)
