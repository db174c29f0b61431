"""What stands below the first screen: the analyses that the data hold, each with what it shows; and why others are not there."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hotmess import analyses, decide
from hotmess.asked import Rules
from hotmess.errors import HotmessError, NothingToShow, Notice
from hotmess.report.pictures import Picture, picture
from hotmess.result import Result
from hotmess.samples import Samples

__all__ = ["Evidence", "Found", "Missing", "Section", "drawn", "evidence", "notices_of"]

_MANY = 10_000  # samples, beyond which what draws them again and again would take longer than all the rest
_DRAWS = 1000
_FEW = 3  # buckets, below which there is no curve


@dataclass(frozen=True, slots=True)
class Found:
    """What one analysis found.

    Attributes:
        name: of the analysis, as `hotmess figure` knows it.
        says: what one is looking at.
        result: the figures.
        picture: the picture, where something can be drawn.
    """

    name: str
    says: str
    result: Result
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Section:
    """Analyses that answer one question."""

    id: str
    title: str
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """An analysis that the data do not hold, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the data hold, and what they do not."""

    sections: tuple[Section, ...]
    missing: tuple[Missing, ...]

    def result(self, name: str) -> Result | None:
        """What an analysis found, if the data hold it."""
        return next((one.result for section in self.sections for one in section.found if one.name == name), None)


@dataclass(frozen=True, slots=True)
class _Analysis:
    """An analysis on a page: its name, what it shows, what it takes beside samples and rules (seed, draws), and its room."""

    name: str
    says: str
    takes: tuple[str, ...] = ()
    room: ModuleType = analyses


_SECTIONS: tuple[tuple[str, str, tuple[_Analysis, ...]], ...] = (
    (
        "length",
        "Are questions with long reasoning the incoherent ones?",
        (
            _Analysis(
                "by-length",
                "Questions sorted by their mean length, in buckets of equally many. The trend is tested over questions, not over "
                "buckets.",
                ("seed",),
            ),
        ),
    ),
    (
        "overthinking",
        "Are a question's own long samples the incoherent ones?",
        (
            _Analysis(
                "by-overthinking",
                "The samples of each question in two halves, the shorter and the longer ones: the question is the same, so that "
                "its difficulty cannot explain a difference.",
                ("seed", "draws"),
            ),
            _Analysis(
                "by-relative-length",
                "Every sample by its length beside that of the others of its question; no half is thrown away.",
            ),
            _Analysis(
                "by-wait-ratio",
                "Questions sorted by how often their traces say “Wait”.",
                ("seed",),
            ),
        ),
    ),
    (
        "differences",
        "Which differences between models are real?",
        (
            _Analysis(
                "compare",
                "The same questions answered by two models: what is hard about a question counts for both and cancels, so that "
                "differences show which separate intervals hide.",
                ("seed", "draws"),
                decide,
            ),
        ),
    ),
    (
        "scale",
        "Does it change with model size?",
        (
            _Analysis(
                "by-scale",
                "Power laws of bias² and variance in model size, for easy and for hard questions.",
            ),
            _Analysis(
                "by-length-and-size",
                "Length and model size at once: which of the two goes with incoherence?",
            ),
        ),
    ),
    (
        "budget",
        "Does asking for more effort help, beside what varies by itself?",
        (
            _Analysis(
                "by-budget",
                "What more effort changes, beside what samples differ in that were asked for the same effort; in the same units.",
                ("seed",),
            ),
        ),
    ),
    (
        "ensembles",
        "What would asking several times leave?",
        (
            _Analysis(
                "by-ensemble",
                "Error, bias² and variance of the mean of several samples. Steps that cannot be undone cannot be averaged.",
            ),
            _Analysis(
                "pass-k",
                "The chance that one of k attempts is right, and that all of them are.",
            ),
        ),
    ),
    (
        "changes",
        "How often does the answer change, by sampling and by context?",
        (
            _Analysis(
                "answer-changes",
                "Of a few answers to one question, how often they are not all the same: asked again in the same context, in "
                "another one, in both ways.",
            ),
        ),
    ),
    (
        "agreement",
        "Do models find the same questions long?",
        (
            _Analysis(
                "length-agreement",
                "Correlation of the mean lengths of questions between models, corrected for their own noise.",
            ),
            _Analysis(
                "length-by-difficulty",
                "Length by a label of difficulty.",
            ),
        ),
    ),
    (
        "spread",
        "How far do open-ended answers lie apart?",
        (
            _Analysis(
                "answer-spread",
                "The variance of the answers to each question, against its mean length.",
            ),
        ),
    ),
    (
        "steps",
        "What happens along the steps?",
        (
            _Analysis(
                "by-step",
                "Error, bias² and variance at each step of an optimizer or an agent.",
            ),
        ),
    ),
    (
        "pursuit",
        "Which wrong thing is pursued?",
        (
            _Analysis(
                "split-bias",
                "Bias in two parts: what training missed of its target, and how far that target was from what was meant.",
            ),
        ),
    ),
    (
        "adherence",
        "Which answers could not be read?",
        (
            _Analysis(
                "format-adherence",
                "The share of answers that could not be read, by reason.",
            ),
        ),
    ),
    (
        "efficiency",
        "Are there enough samples?",
        (
            _Analysis(
                "sample-efficiency",
                "The same figures from fewer samples: the estimate that is used here, beside the paper's plug-in.",
                ("seed",),
            ),
        ),
    ),
)


def evidence(
    samples: Samples, rules: Rules, *, count: int, unread: float, seed: int, name: str, said: Callable[[str], None]
) -> Evidence:
    """Run every analysis that the data hold.

    Args:
        samples: one task, of one kind of prediction.
        rules: how to measure.
        count: how many samples there are; the more there are, the fewer permutations.
        unread: the share of answers that could not be read.
        seed: of everything that is drawn at random.
        name: keeps the pictures of this part of a page apart from others.
        said: is told the name of each analysis before it starts, from any thread.
    """

    def run(one: _Analysis) -> Found | Missing:
        said(one.name)
        without = _left_aside(one.name, samples, count, unread)
        if without:
            return Missing(one.name, without)
        return _found(one, samples, rules, seed, 0 if count > _MANY else _DRAWS, f"{name}-{one.name}")

    every = [one for _, _, members in _SECTIONS for one in members]
    with ThreadPoolExecutor(2) as pool:  # the engine, numpy and the renderer let go of the interpreter much of the time
        made = dict(zip([one.name for one in every], pool.map(run, every), strict=True))
    sections = []
    for id_, title, members in _SECTIONS:
        here = tuple(one for member in members if isinstance(one := made[member.name], Found))
        sections += [Section(id_, title, here)] if here else []
    return Evidence(tuple(sections), tuple(one for one in made.values() if isinstance(one, Missing)))


def _left_aside(name: str, samples: Samples, count: int, unread: float) -> str:
    """Why an analysis that could be made says nothing here; empty if it does."""
    if name == "sample-efficiency" and count > _MANY:
        return f"more than {_MANY:,} samples are drawn from for minutes; `hotmess figure sample-efficiency` does it"
    if name == "format-adherence" and not unread:
        return "every answer could be read"
    if name == "answer-spread" and samples.kind != "vector" and samples.has_target:
        return "answers with a target are not open-ended"
    return ""


def _found(one: _Analysis, samples: Samples, rules: Rules, seed: int, draws: int, name: str) -> Found | Missing:
    """What an analysis found, or why it found nothing."""
    try:
        given = {"seed": seed, "draws": draws}
        run = getattr(one.room, one.name.replace("-", "_"))
        result: Result = run(samples, rules=rules, **{name: given[name] for name in one.takes})
        if not result.points.height:
            return Missing(one.name, "there is nothing to show")
        if one.name == "by-length" and result.points["bucket"].n_unique() < _FEW:
            return Missing(one.name, f"there are too few questions for {_FEW} buckets")
    except HotmessError as problem:
        return Missing(one.name, problem.found)
    return Found(one.name, one.says, result, drawn(result.chart, name))


def drawn(chart: Callable[[], Any], name: str) -> Picture | None:
    """The picture of a chart, where something can be drawn."""
    try:
        return picture(chart(), name)
    except NothingToShow:
        return None


def notices_of(sections: Sequence[Section], known: Sequence[Notice]) -> Iterator[tuple[str, Notice]]:
    """What single analyses have to say beyond what is known already, each thing once."""
    seen = {notice.code for notice in known}
    for section in sections:
        for one in section.found:
            for notice in one.result.notices:
                if notice.code not in seen:
                    seen.add(notice.code)
                    yield one.name, notice
