"""The same samples counted otherwise: what each choice, and each trap that was found, does to the figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import polars as pl

from hotmess.asked import Estimator, Rules, ask
from hotmess.blocks import Invalid
from hotmess.errors import HotmessError
from hotmess.frames import polars
from hotmess.measure import measurement
from hotmess.measurement import Measurement
from hotmess.rows import Row
from hotmess.samples import GROUPS, Samples

__all__ = ["Otherwise", "otherwise"]

_INVALID = {
    "class": "unread answers as one more class",
    "uniform": "unread answers as uniform guesses",
    "drop": "without unread answers",
}


@dataclass(frozen=True, slots=True)
class Otherwise:
    """The rows of a measurement, counted in another way.

    Attributes:
        way: how.
        rows: for each row of the measurement the one that it becomes; None where there is none.
    """

    way: str
    rows: tuple[Row | None, ...]

    def moved(self, rows: Sequence[Row]) -> str:
        """How far incoherence moves in points, and how many verdicts change, against `rows`."""
        pairs = [(old, new) for old, new in zip(rows, self.rows, strict=True) if new is not None]
        points = [100 * (new.incoherence.value - old.incoherence.value) for old, new in pairs]
        known = [value for value in points if not np.isnan(value)]
        if not known:
            return "incoherence is not defined"
        low, high = round(min(known)), round(max(known))
        span = f"{low:+d}" if low == high else f"{low:+d} to {high:+d}"
        changed = sum(old.verdict != new.verdict for old, new in pairs)
        verdicts = (
            "no verdict changes"
            if not changed
            else "the verdict changes"
            if len(rows) == 1
            else f"{changed} of {len(rows)} verdicts change"
        )
        return f"incoherence moves by {span} points; {verdicts}".replace("-", "−")


def otherwise(samples: Samples, rules: Rules, measured: Measurement) -> tuple[Otherwise, ...]:
    """Every other way to count that the data leave open."""
    found = []
    for way, other, ruled in _ways(samples, rules, measured):
        try:
            rows = measurement(ask(other(), replace(ruled, deterministic=True, max_invalid=1.0))).rows
        except HotmessError:  # that way leaves too little
            continue
        by_group = {tuple(row.group.items()): row for row in rows}
        found.append(Otherwise(way, tuple(by_group.get(tuple(row.group.items())) for row in measured.rows)))
    return tuple(found)


def _ways(samples: Samples, rules: Rules, measured: Measurement) -> Iterator[tuple[str, Callable[[], Samples], Rules]]:
    """In words, the samples and the rules of each."""
    method, codes = measured.method, {notice.code for notice in measured.notices}
    if method.loss == "spread":
        return
    rules = replace(rules, paper=False, loss=method.loss, invalid=method.invalid, estimator=_asked_for(method.estimator))
    if any(row.invalid_rate for row in measured.rows):
        possible: tuple[Invalid, ...] = ("class", "uniform", "drop")
        possible = ("class", "drop") if samples.kind in ("tests", "vector") else possible
        yield from (
            (_INVALID[name], lambda: samples, replace(rules, invalid=name)) for name in possible if name != method.invalid
        )
    if method.loss != "zero_one":
        other: Estimator = "plugin" if rules.estimator == "unbiased" else "unbiased"
        name = "plug-in, as in the paper" if other == "plugin" else "unbiased"
        yield name, lambda: samples, replace(rules, estimator=other)
    if samples.kind == "answers" and samples.has_target and method.loss not in ("coverage", "zero_one"):
        yield "right or wrong only, whatever the wrong answer", lambda: samples, replace(rules, loss="coverage", invalid="class")
    if "capped-length" in codes:
        yield "without samples of exactly the greatest length", lambda: _below_the_cap(samples), rules
    if "repeated-completions" in codes:
        yield "each completion of a question once", lambda: _once(samples), rules


def _asked_for(estimator: str) -> Estimator:
    return "plugin" if estimator == "plugin" else "unbiased"


def _below_the_cap(samples: Samples) -> Samples:
    """Without the samples that are exactly as long as the longest of their task, model and setting."""
    length = samples.length or ""
    groups = [name for name in GROUPS if samples.has(name)]
    longest = pl.col(length).max().over(groups) if groups else pl.col(length).max()
    return _kept(samples, pl.col(length).is_null() | (pl.col(length) < longest))


def _once(samples: Samples) -> Samples:
    """The first of the samples of a question that have the same completion."""
    first = pl.col("completion_hash").is_first_distinct().over(samples.keys)
    return _kept(samples, pl.col("completion_hash").is_null() | first)


def _kept(samples: Samples, kept: pl.Expr) -> Samples:
    return replace(samples, frame=nw.from_native(polars(samples.frame).filter(kept)))
