"""What the first screen says in words: a sentence with a truth condition, and what to do about it.

A word about the kind of error stands only where `Row.verdict` allows it: the whole interval of the incoherence lies on one side
of one half. Everything else is said to be mixed, too rare, or too little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import bidirectional

import numpy as np
import polars as pl

from hotmess.errors import safe
from hotmess.figures import FEW_ERRORS
from hotmess.infer import Interval
from hotmess.result import Result
from hotmess.rows import Row

__all__ = ["Said", "Verdict", "isolated", "percent", "verdict"]

Named = tuple[str, Row]

_NAMED = 3  # models, up to which each is named in the headline and below it
_LINES = {  # of one model, of several
    "hot mess": ("is mostly a hot mess when it is wrong", "are mostly a hot mess when they are wrong"),
    "systematic": ("fails mostly the same way each time", "fail mostly the same way each time"),
    "mixed": ("is half and half", "are half and half"),
    "almost never wrong here": ("is almost never wrong here", "are almost never wrong here"),
    "too little to tell": ("gives too little to tell", "give too little to tell"),
}
_HARDLY_RIGHT = 1.8  # of an error of 2, that of a model that is never right
_SAME = 0.97  # of the error, beyond which a mean of samples is as wrong as one
_ENSEMBLE = 4  # samples, of which the advice says what their mean would leave


@dataclass(frozen=True, slots=True)
class Said:
    """Words of a sentence, and how they look: the name of a verdict, `model`, or nothing."""

    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the first screen says.

    Attributes:
        kind: the verdict of the row that the headline is about; that of most rows where it counts them; empty where the loss
            has none.
        headline: the sentence.
        more: what must be added about other models, and about length.
        advice: what to do.
        about: the name of the row that the headline is about; empty where it counts rows.
    """

    kind: str
    headline: tuple[Said, ...]
    more: tuple[str, ...]
    advice: tuple[str, ...]
    about: str = ""


def verdict(
    rows: Sequence[Named],
    loss: str,
    *,
    wrong: Mapping[str, int],
    noun: str = "models",
    length: Result | None = None,
    ensemble: Result | None = None,
) -> Verdict:
    """The sentence, the lines below it, and the advice.

    Args:
        rows: the rows of a measurement, each with the name that it has in the charts.
        loss: the loss they were measured with.
        wrong: by that name, of how many questions some answer is wrong.
        noun: what the rows are, in the plural.
        length: the trends of `by_length`, where there are lengths.
        ensemble: what `by_ensemble` found, where it was asked.
    """
    if loss in ("zero_one", "spread"):
        return _without_share(rows, loss)
    order = sorted(rows, key=_telling)
    counted = len(rows) > _NAMED
    kind = _most(rows) if counted else order[0][1].verdict or ""
    headline = _counts(rows, noun) if counted else _of_one(*order[0], wrong.get(order[0][0], 0))
    more = (
        (_ends(rows) if counted else _of_others(order[1:]))
        + _at_its_limit(rows, loss)
        + _trends(length, [name for name, _ in rows])
    )
    about = _typical(rows, kind) if counted else order[0]
    return Verdict(kind, headline, more, _advice(kind, about, ensemble), "" if counted else about[0])


def percent(found: Interval) -> str:
    """A share with its interval; an estimate beyond 0 or 1 is shown as the end."""
    if np.isnan(found.value):
        return "—"
    ends = "" if np.isnan(found.low) else f" [{100 * found.low:.0f}–{100 * found.high:.0f}]"
    return f"{100 * min(max(found.value, 0.0), 1.0):.0f}%{ends}"


def isolated(name: str) -> str:
    """A name that turns nothing around it around, where its letters run from right to left."""
    return f"\u2068{name}\u2069" if any(bidirectional(letter) in ("R", "AL") for letter in name) else name


def _telling(named: Named) -> tuple[int, float]:
    """What a headline is about first: the messiest, then the most systematic, then what cannot be told."""
    name, row = named
    del name
    order = ["hot mess", "systematic", "mixed", "too little to tell", "almost never wrong here"]
    away = -row.incoherence.value if row.verdict != "systematic" else row.incoherence.value
    return order.index(row.verdict or "too little to tell"), 0.0 if np.isnan(away) else away


# ---------------------------------------------------------------------------------------------- headlines


def _of_one(name: str, row: Row, wrong: int) -> tuple[Said, ...]:
    who, share = Said(name, "model"), percent(row.incoherence)
    if row.verdict == "hot mess":
        rest = Said(f": {share} of its error is variance.")
        return Said("When "), who, Said(" is wrong here, it is mostly a "), Said("hot mess", "hot mess"), rest
    if row.verdict == "systematic":
        rest = Said(f": only {share} of its error is variance.")
        return (
            Said("When "),
            who,
            Said(" is wrong here, it fails mostly "),
            Said("the same way", "systematic"),
            Said(" each time"),
            rest,
        )
    if row.verdict == "mixed":
        rest = Said(f": {share} of its error is variance.")
        return Said("When "), who, Said(" is wrong here, it is "), Said("half and half", "mixed"), rest
    if not wrong:
        most = 1 - 0.05 ** (1 / max(row.questions, 1))  # none of n was seen: the exact bound at 95 %
        asked = _counted(row.questions, "question")
        return who, Said(f" was never wrong in {asked}: at most {most:.1%} of questions like these go wrong (95%).")
    if row.verdict == "almost never wrong here":
        found = f": error {row.error.value:.3f}, at most {row.error.high:.3f}; too few errors to say how it fails."
        return who, Said(" is "), Said("almost never wrong", "almost never wrong here"), Said(" here"), Said(found)
    few = f"{_counted(wrong, 'question')} with a wrong answer, and at least {FEW_ERRORS} are needed"
    why = few if wrong < FEW_ERRORS else f"anything in {share} of its error may be variance"
    return Said("Too little to tell", "too little to tell"), Said(" how "), who, Said(f" fails here: {why}.")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _counts(rows: Sequence[Named], noun: str) -> tuple[Said, ...]:
    """Of many models, how many fail in which way."""
    counts = {kind: sum(row.verdict == kind for _, row in rows) for kind in _LINES}
    there = {kind: count for kind, count in counts.items() if count}
    if len(there) == 1:
        kind = next(iter(there))
        return Said(f"All {len(rows)} {noun} "), Said(_LINES[kind][1], kind), Said(".")
    words: list[Said] = [Said(f"Of {len(rows)} {noun}, ")]
    for place, (kind, count) in enumerate(there.items()):
        last = place == len(there) - 1
        words += [
            Said(f"{count} "),
            Said(_LINES[kind][0 if count == 1 else 1], kind),
            Said("." if last else "; " if place < len(there) - 2 else "; and "),
        ]
    return tuple(words)


def _ends(rows: Sequence[Named]) -> tuple[str, ...]:
    """The messiest and the most systematic of many."""
    known = [named for named in rows if named[1].verdict in ("hot mess", "systematic", "mixed")]
    if len(known) < 2:
        return ()
    known.sort(key=lambda named: -named[1].incoherence.value)
    (most, messiest), (least, steadiest) = known[0], known[-1]
    ends = f"Of those that can be told, the messiest is {isolated(most)}, {percent(messiest.incoherence)} variance"
    return (f"{ends}; the most systematic is {isolated(least)}, {percent(steadiest.incoherence)}.",)


def _at_its_limit(rows: Sequence[Named], loss: str) -> tuple[str, ...]:
    """Where hardly anything is right: with a chance w of being wrong, at most 1 - w/2 of a Brier error is variance."""
    found = [
        isolated(name) for name, row in rows if loss == "brier" and row.verdict == "mixed" and row.error.value > _HARDLY_RIGHT
    ]
    if not found:
        return ()
    who = " and ".join(found) if len(found) <= _NAMED else f"{len(found)} of them"
    return (f"Hardly any answer of {who} is right; then about half is the most that this measure can call variance.",)


def _of_others(rows: Sequence[Named]) -> tuple[str, ...]:
    """What the other models do, those of one verdict together."""
    lines = []
    for kind, words in _LINES.items():
        here = [f"{isolated(name)} ({percent(row.incoherence)})" for name, row in rows if row.verdict == kind]
        if here:
            lines.append(f"{' and '.join(here)} {words[0 if len(here) == 1 else 1]}.")
    return (" ".join(lines),) if lines else ()


def _most(rows: Sequence[Named]) -> str:
    """The commonest verdict; of equally common ones the first in the order of the words."""
    counts = {kind: sum(row.verdict == kind for _, row in rows) for kind in _LINES}
    return max(counts, key=lambda kind: counts[kind])


def _typical(rows: Sequence[Named], kind: str) -> Named:
    return min((named for named in rows if named[1].verdict == kind), key=_telling)


def _without_share(rows: Sequence[Named], loss: str) -> Verdict:
    """0/1 error, whose parts do not add, and answers without a target."""
    name, row = max(rows, key=lambda named: named[1].variance.value)
    who = Said(name, "model")
    if loss == "spread":
        first = "Asked again, " if len(rows) == 1 else "Asked again, the answers of "
        rest = " differs from itself" if len(rows) == 1 else " differ most"
        said = (Said(first), who, Said(f"{rest}: variance {_ended(row.variance)}, of which nobody can say what is error."))
        return Verdict("", said, (), ("Give each question a target to learn which part of it repeats a mistake.",), name)
    said = (Said("0/1 error has no share that is variance; "), who, Said(f" errs in {_ended(row.error)} of its answers."))
    return Verdict("", said, (), ("--loss brier or --loss mode says whether it is wrong the same way each time.",), name)


def _ended(found: Interval) -> str:
    ends = "" if np.isnan(found.low) else f" [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f}{ends}"


# ---------------------------------------------------------------------------------------------- length and advice


def _trends(length: Result | None, names: Sequence[str]) -> tuple[str, ...]:
    """Whether incoherence goes with length, said of those models only where the test says so."""
    if length is None or "what" not in length.tests.columns:
        return ()
    told = pl.col("value").is_not_null() & pl.col("value_low").is_not_null()
    tests = length.tests.filter((pl.col("what") == "incoherence") & told)
    if not tests.height:
        return ()
    p = pl.coalesce("p_holm", "p") if "p_holm" in tests.columns else pl.col("p")
    clear = tests.filter(p < 0.05)
    up, down = clear.filter(pl.col("value") > 0), clear.filter(pl.col("value") < 0)
    unit = f"points per {tests['per'][0]}".replace("_", " ")
    if len(names) == 1:
        row = tests.row(0, named=True)
        value, low, high = (f"{100 * row[name]:+.0f}".replace("-", "−") for name in ("value", "value_low", "value_high"))
        way = "rises with length" if up.height else "falls with length" if down.height else "shows no clear trend with length"
        return (f"Its incoherence {way}: {value} [{low}, {high}] {unit}.",)
    of = f"{tests.height} of {len(names)}" if tests.height < len(names) else f"{tests.height}"
    if not clear.height:
        return (f"Incoherence shows no clear trend with length, in any of the {of} that have lengths.",)
    rest = tests.height - clear.height
    said = f"With length, incoherence clearly rises for {up.height} and falls for {down.height} of {of}"
    return (said + (f"; for {rest} the data do not tell." if rest else "."),)


def _advice(kind: str, about: Named, ensemble: Result | None) -> tuple[str, ...]:
    name, row = about
    if kind == "almost never wrong here":
        return ("Ask harder questions, or more of them, if you need to know how it fails.",)
    if kind == "too little to tell":
        return ("More questions with an error, and more samples of each, would tell.",)
    left = _left(ensemble, name, row)
    if kind == "systematic":
        return (*left, "Most of it stays, however often you ask. Read the wrong answers that recur: they are what it pursues.")
    contain = "Contain what cannot be undone: no vote helps an action that was taken."
    return (
        (*left, contain)
        if kind == "hot mess"
        else (*left, "Read the wrong answers that recur, and contain what cannot be undone.")
    )


def _left(ensemble: Result | None, name: str, row: Row) -> tuple[str, ...]:
    """What the mean of a few samples would leave of the error."""
    if ensemble is None or not row.error.value:
        return ()
    named = [pl.col(key).eq_missing(pl.lit(value)) for key, value in row.group.items() if key in ensemble.points.columns]
    here = pl.all_horizontal(named or [pl.lit(value=True)])
    found = ensemble.points.filter(
        here & (pl.col("size") == _ENSEMBLE) & pl.col("way").is_in(["mean", "new contexts"])
    ).drop_nulls("error")
    if not found.height:
        return ()
    part = found.row(0, named=True)
    who = isolated(safe(name))
    if part["error"] > _SAME * row.error.value:
        return (f"The mean of several samples of {who} would be as wrong as one.",)
    apart = ", each in a new context," if part["way"] == "new contexts" else ""
    ends = "" if part["error_low"] is None else f" [{part['error_low']:.3f}, {part['error_high']:.3f}]"
    found_error = f"an error of {part['error']:.3f}{ends} instead of {row.error.value:.3f}"
    return (f"The mean of {_ENSEMBLE} samples of {who}{apart} would have {found_error}.",)
