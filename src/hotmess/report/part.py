"""One part of a page: what one task shows, in one kind of prediction; everything that a template needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import narwhals as nw
import polars as pl

from hotmess import analyses
from hotmess.asked import Rules, ask
from hotmess.charts.theme import series_of
from hotmess.errors import HotmessError, Notice, safe
from hotmess.frames import polars
from hotmess.measure import measurement
from hotmess.measurement import Measurement
from hotmess.report.evidence import Evidence, drawn, evidence, notices_of
from hotmess.report.otherwise import Otherwise, otherwise
from hotmess.report.pictures import Picture
from hotmess.report.questions import Strip, answers_of, questions_of, strips
from hotmess.report.verdict import Verdict, verdict
from hotmess.result import Result
from hotmess.samples import GROUPS, Samples

__all__ = ["Part", "Refused", "part", "parts_of"]

MESSIEST = 10  # questions of a model whose answers are shown
_STRIPS = 8000  # cells of all strips together
_BARS = 12  # models in the picture of the first screen; of more, those at both ends


@dataclass(frozen=True, slots=True)
class Part:
    """What one task shows.

    Attributes:
        id: for addresses inside the page.
        title: the task.
        measured: the figures.
        names: what each row is called in the charts.
        verdict: what the first screen says.
        first: the pictures of the first screen: the plane, the bars, the curve over length.
        every: the bars of all rows, where the first screen shows some.
        questions: every question, the messiest first; see `questions_of`.
        messiest: for each row, the places in `questions` of those with the largest variance, whose answers are shown.
        repeated: for each row that is systematic, of those with the largest bias².
        strips: the answers to them, by place.
        evidence: what stands below.
        otherwise: the same samples counted otherwise.
        length: what is meant by length, if anything.
        notices: what must be known, and which analysis says so; empty for the measurement itself.
        samples: the samples, for the transcripts.
    """

    id: str
    title: str
    measured: Measurement
    names: tuple[str, ...]
    verdict: Verdict
    first: tuple[Picture, ...]
    every: Picture | None
    questions: pl.DataFrame
    messiest: tuple[tuple[int, ...], ...]
    repeated: tuple[tuple[int, ...], ...]
    strips: Mapping[int, Strip]
    evidence: Evidence
    otherwise: tuple[Otherwise, ...]
    length: str
    notices: tuple[tuple[str, Notice], ...]
    samples: Samples

    @property
    def sampled(self) -> str:
        """How many models, questions and samples, in words."""
        rows = self.measured.rows
        asked, drawn_ = _span([row.questions for row in rows]), _span([row.samples / max(row.questions, 1) for row in rows])
        who = _noun(self.measured)
        who = f"{len(rows)} {who}" if len(rows) > 1 else "1 model"
        things = ("question" if asked == "1" else "questions", "sample" if drawn_ == "1" else "samples")
        return f"{who} · {asked} {things[0]} × {drawn_} {things[1]}{self._contexts()}"

    def _contexts(self) -> str:
        counts = [len(strip.contexts) for strip in self.strips.values()]
        return f" ({_span(counts)} contexts)" if counts and max(counts) > 1 else ""

    @property
    def unread(self) -> float:
        """The share of answers that could not be read."""
        return _unread(self.measured)


@dataclass(frozen=True, slots=True)
class Refused:
    """A task that cannot be measured, and why."""

    id: str
    title: str
    problem: HotmessError


def parts_of(every: Iterable[Samples], rules: Rules) -> Iterator[tuple[str, Samples]]:
    """Each task by itself, under its name: what has no common scale must not share a picture."""
    for lazy in every:
        samples = replace(lazy, frame=nw.from_native(polars(lazy.frame).collect().lazy()))
        if not samples.has("task") or "task" in rules.pool:
            yield samples.source, samples
            continue
        tasks = samples.frame.select("task").unique().collect("polars").to_native()["task"].sort()
        for task in tasks:
            here = nw.col("task").is_null() if task is None else nw.col("task") == task
            yield "no task" if task is None else safe(str(task)), replace(samples, frame=samples.frame.filter(here))


def part(place: int, title: str, samples: Samples, rules: Rules, *, seed: int, said: Callable[[str], None]) -> Part | Refused:
    """Measure one task, draw it, and find the words for it."""
    name = f"p{place}"
    try:
        said("measure")
        asked = ask(samples, rules, lengths=_has_lengths(samples, rules))
        measured = measurement(asked)
    except HotmessError as problem:
        return Refused(name, title, problem)
    measured, gone = _of_measured(measured, len(asked.wholes))
    samples = _of_groups(samples, measured) if gone else samples
    names = _names(measured)
    count, unread = sum(row.samples for row in measured.rows), _unread(measured)
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(otherwise, samples, rules, measured)
        first = beside.submit(_first, name, samples, rules, measured)
        below = evidence(samples, rules, count=count, unread=unread, seed=seed, name=name, said=said)
    length = next((one.picture for section in below.sections for one in section.found if one.name == "by-length"), None)
    questions = questions_of(asked, [row.group for row in measured.rows])
    ensemble = below.result("by-ensemble") if _can_be_averaged(samples) else None
    words = _verdict(names, measured, questions, below.result("by-length"), ensemble)
    messiest = _lists(questions, measured, by="variance")
    repeated = _lists(questions, measured, by="bias2", verdict="systematic")
    places = [place for rank in zip_longest(*messiest, *repeated) for place in rank if place is not None]
    return Part(
        id=name,
        title=title,
        measured=measured,
        names=names,
        verdict=replace(words, more=(*words.more, *gone)),
        first=tuple(one for one in (*first.result(), length) if one is not None),
        every=drawn(measured.chart, f"{name}-every") if len(names) > _BARS else None,
        questions=questions,
        messiest=messiest,
        repeated=repeated,
        strips=_strips(samples, questions, list(dict.fromkeys(places))),
        evidence=below,
        otherwise=other.result(),
        length=asked.length_column,
        notices=tuple([("", notice) for notice in measured.notices] + list(notices_of(below.sections, measured.notices))),
        samples=samples,
    )


def _verdict(
    names: Sequence[str], measured: Measurement, questions: pl.DataFrame, length: Result | None, ensemble: Result | None
) -> Verdict:
    """The words for what was measured."""
    wrong = questions.filter(pl.col("error") > 0).group_by("row").len()
    counted = {names[row]: number for row, number in wrong.iter_rows()}
    rows = list(zip(names, measured.rows, strict=True))
    return verdict(rows, measured.method.loss, wrong=counted, noun=_noun(measured), length=length, ensemble=ensemble)


def _noun(measured: Measurement) -> str:
    """What the rows are, in the plural."""
    models = len({row.group.get("model") for row in measured.rows})
    return "models" if models == len(measured.rows) else f"settings of {models} model{'s' if models > 1 else ''}"


def _names(measured: Measurement) -> tuple[str, ...]:
    """What each row is called: as in the pictures, and with its model where settings alone tell rows apart there."""
    told = series_of(measured.table(), [key for key in measured.rows[0].group if key not in GROUPS])["series"].to_list()
    models = {row.group.get("model") for row in measured.rows}
    alone = safe(str(next(iter(models)))) if len(models) == 1 and None not in models else ""
    return tuple(name if not alone or name == alone or len(told) == 1 else f"{alone} · {name}" for name in told)


def _of_measured(measured: Measurement, wholes: int) -> tuple[Measurement, tuple[str, ...]]:
    """The rows of which something is known, and what must be said of the others."""
    rows = tuple(row for row in measured.rows if row.questions)
    withheld, empty = wholes - len(measured.rows), len(measured.rows) - len(rows)
    said = [f"{withheld} of {wholes} are withheld: data quality says why."] if withheld else []
    said += [f"{empty} of {wholes} have no question with two samples, and are not shown."] if empty else []
    return replace(measured, rows=rows or measured.rows), tuple(said)


def _of_groups(samples: Samples, measured: Measurement) -> Samples:
    """The samples of the rows that are shown."""
    groups = [{key: row.group[key] for key in GROUPS if key in row.group} for row in measured.rows]
    if not groups[0]:
        return samples
    kept = pl.DataFrame(groups, infer_schema_length=None).lazy()
    frame = polars(samples.frame).join(kept, on=list(groups[0]), how="semi", nulls_equal=True, maintain_order="left")
    return replace(samples, frame=nw.from_native(frame))


def _can_be_averaged(samples: Samples) -> bool:
    """Whether a mean of several samples is something that one could use: of free texts there is none."""
    return samples.kind != "answers" or samples.has("n_choices")


def _unread(measured: Measurement) -> float:
    counted = [(row.samples + row.left_out, row.invalid_rate) for row in measured.rows]
    return sum(many * rate for many, rate in counted) / max(1, sum(many for many, _ in counted))


def _has_lengths(samples: Samples, rules: Rules) -> bool:
    return (rules.length or samples.length) is not None


def _first(name: str, samples: Samples, rules: Rules, measured: Measurement) -> tuple[Picture | None, Picture | None]:
    """The plane and the bars, those that can be drawn."""
    try:
        plane = drawn(analyses.plane(samples, rules=rules).chart, f"{name}-plane")
    except HotmessError:
        plane = None
    bars = drawn(replace(measured, rows=_both_ends(measured)).chart, f"{name}-bars") if _has_error(measured) else None
    if bars is not None and len(measured.rows) > _BARS:
        few = f"of {len(measured.rows)}, those at both ends of what can be told; all stand below"
        bars = replace(bars, lines=(*bars.lines, few))
    return plane, bars


def _has_error(measured: Measurement) -> bool:
    return any(row.error.value > 0 for row in measured.rows)  # of a spread it is not a number


def _both_ends(measured: Measurement) -> tuple[Any, ...]:
    """All rows, or of many those with the most and the least incoherence, the most first."""
    if len(measured.rows) <= _BARS:
        return measured.rows
    told = [row for row in measured.rows if row.verdict in ("hot mess", "systematic", "mixed")]
    known = sorted(told, key=lambda row: -row.incoherence.value)
    return (*known[: _BARS // 2], *known[-(_BARS // 2) :]) if len(known) > _BARS else tuple(known) or measured.rows[:_BARS]


def _lists(questions: pl.DataFrame, measured: Measurement, *, by: str, verdict: str = "") -> tuple[tuple[int, ...], ...]:
    """For each row (of that verdict) the places of the questions of which a term is largest, none where it is nothing."""
    placed = questions.with_row_index("place").filter(pl.col(by) > 0).sort(by, descending=True, maintain_order=True)
    best = placed.group_by("row", maintain_order=True).head(MESSIEST)
    wanted = [row for row, one in enumerate(measured.rows) if not verdict or one.verdict == verdict]
    return tuple(tuple(best.filter(pl.col("row") == row)["place"]) if row in wanted else () for row in range(len(measured.rows)))


def _strips(samples: Samples, questions: pl.DataFrame, places: Sequence[int]) -> dict[int, Strip]:
    """The strips of questions, of the first ones as long as there is room."""
    placed = questions.with_row_index("place")[list(places)]
    room = placed.filter(pl.col("samples").cum_sum() <= max(_STRIPS, int(placed["samples"].head(MESSIEST).sum())))
    if samples.kind == "vector" or not room.height:
        return {}
    by_key = strips(answers_of(samples, room))
    return {row["place"]: by_key[tuple(row[key] for key in samples.keys)] for row in room.iter_rows(named=True)}


def _span(values: Sequence[float]) -> str:
    low, high = round(min(values)), round(max(values))
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
