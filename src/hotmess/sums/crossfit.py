"""What leaving single samples out costs, where the samples stay on their engine: a second look at the rows.

The midpoint of kl and mode needs every sample beside all others of its cell. Of votes the counts tell it; of probability
vectors `hotmess.decompose` takes the samples one by one, where they are here. Elsewhere the engine does the same sum: it puts
the totals of a cell beside each of its rows, and adds up, over samples k,

    kl      KL(q_k || f_k),   q_k the normalised geometric mean of all the others
    mode    1 - f_k at the most common class of all the others

over the options that are open to the question: as many as its probabilities have, its target, and one more for answers that
could not be read, as in `hotmess.blocks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.frames import collect
from hotmess.sums.classes import readable, rescaled, votes
from hotmess.sums.query import Query, counted_rows, excluded_rows, unread_rows

__all__ = ["crossfit"]

_NEVER = -1e300  # the logarithm of what is no option
_TIED = 1e-9


@dataclass(frozen=True, slots=True)
class _Table:
    """What is asked of the rows: the question; the rule for unreadable answers; and whether these are a class of their own."""

    query: Query
    invalid: str
    extra: bool

    @property
    def places(self) -> int:
        """Of how many options one sample can be."""
        return len(self.query.samples.classes) + self.extra


def crossfit(query: Query, *, invalid: str, extra: bool, keys: Sequence[str]) -> pl.DataFrame:
    """Per cell of `query.where` the sum over its samples of what leaving one out costs, in `crossfit`.

    Args:
        query: what was added up: stated probabilities under kl or mode.
        invalid: what an answer is that could not be read: class, uniform or drop.
        extra: whether such answers are one more class of every question.
        keys: what names a question.
    """
    table = _Table(query, invalid, extra)
    frame = query.samples.frame.with_columns(**_open(table, keys)).with_columns(_options=_how_many(table))
    counted = _counts(table)
    frame = (frame if counted is None else frame.filter(counted)).with_columns(**_values(table))
    where = list(query.where)
    totals = {f"_t{place}": nw.col(f"_v{place}").sum().over(*where) for place in range(table.places)}
    frame = frame.with_columns(_n=nw.len().over(*where), **totals)
    rest = nw.when(nw.col("_n") > 1).then(nw.col("_n") - 1)  # of one sample nothing is left
    others = {f"_o{place}": (nw.col(f"_t{place}") - nw.col(f"_v{place}")) / rest for place in range(table.places)}
    frame = frame.with_columns(**others)
    frame = _kl(table, frame) if query.loss == "kl" else _mode(table, frame)
    return collect(frame.group_by(*where).agg(nw.col("_apart").sum().alias("crossfit"), nw.col("_n").max().alias("left")))


def _stated(table: _Table) -> list[nw.Expr]:
    return [nw.col(f"prob_{place}") for place in range(len(table.query.samples.classes))]


def _open(table: _Table, keys: Sequence[str]) -> dict[str, nw.Expr]:
    """Which places are options of the question."""
    samples, stated = table.query.samples, _stated(table)
    last = [nw.when(~p.is_null()).then(nw.lit(place)).otherwise(nw.lit(0)) for place, p in enumerate(stated, start=1)]
    given = nw.max_horizontal(*last).max().over(*keys)
    given = nw.when(given > 0).then(given).otherwise(nw.lit(len(stated)))
    target = nw.col("target").max().over(*keys)
    right = [(target == value).fill_null(value=False) for value in samples.classes]
    found = {f"_is{place}": (given > place) | right[place] for place in range(len(stated))}
    return found | ({f"_is{len(stated)}": nw.lit(value=True)} if table.extra else {})


def _how_many(table: _Table) -> nw.Expr:
    return reduce(add, [nw.col(f"_is{place}").cast(nw.Int64) for place in range(table.places)]).cast(nw.Float64)


def _counts(table: _Table) -> nw.Expr | None:
    """Which rows are samples of their cell; all, if None."""
    samples = table.query.samples
    excluded = excluded_rows(samples)
    if table.invalid == "drop":
        return counted_rows(excluded, unread_rows(samples, ~readable(_stated(table))))
    return None if excluded is None else ~excluded


def _values(table: _Table) -> dict[str, nw.Expr]:
    """What is added up of a sample at each place: probabilities or their logarithms; votes, for mode."""
    query, stated = table.query, _stated(table)
    unread, read = unread_rows(query.samples, ~readable(stated)), rescaled(stated)
    read = votes(read) if query.loss == "mode" else read
    read = [*read, nw.lit(0.0)] if table.extra else read
    return {
        f"_v{place}": nw.when(unread).then(_told(table, place)).otherwise(_sum(query, value)) for place, value in enumerate(read)
    }


def _told(table: _Table, place: int) -> nw.Expr:
    """The same of an answer that could not be read: a class of its own, or a guess among the options."""
    own = 1.0 if table.extra and place == table.places - 1 else 0.0
    value = 1.0 / nw.col("_options") if table.invalid == "uniform" else nw.lit(own)
    return _sum(table.query, nw.when(nw.col(f"_is{place}")).then(value).otherwise(nw.lit(0.0)))


def _sum(query: Query, value: nw.Expr) -> nw.Expr:
    return (value + query.delta).log() if query.loss == "kl" else value


def _kl(table: _Table, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """KL(q || f) of each row; f is smoothed: log((f + delta) / (1 + C delta))."""
    places, delta = range(table.places), table.query.delta
    shown = [nw.when(nw.col(f"_is{place}")).then(nw.col(f"_o{place}")).otherwise(nw.lit(_NEVER)) for place in places]
    frame = frame.with_columns(_top=nw.max_horizontal(*shown))
    above = {f"_a{place}": shown[place] - nw.col("_top") for place in places}
    frame = frame.with_columns(**above)
    frame = frame.with_columns(**{f"_q{place}": nw.col(f"_a{place}").exp() for place in places})
    mass = reduce(add, [nw.col(f"_q{place}") for place in places])
    gaps = [nw.col(f"_q{place}") * (nw.col(f"_a{place}") - nw.col(f"_v{place}")) for place in places]
    gaps = [nw.when(nw.col(f"_is{place}")).then(gap).otherwise(nw.lit(0.0)) for place, gap in zip(places, gaps, strict=True)]
    smoothing = (nw.col("_options") * delta + 1.0).log()
    return frame.with_columns(_apart=reduce(add, gaps) / mass - mass.log() + smoothing)


def _mode(table: _Table, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """1 - f at the most common class of the others, in the middle of tied ones."""
    places = range(table.places)
    frame = frame.with_columns(_top=nw.max_horizontal(*(nw.col(f"_o{place}") for place in places)))
    first = {f"_m{place}": (nw.col(f"_o{place}") > nw.col("_top") - _TIED) & nw.col(f"_is{place}") for place in places}
    frame = frame.with_columns(**{name: test.cast(nw.Float64) for name, test in first.items()})
    many = reduce(add, [nw.col(f"_m{place}") for place in places])
    hit = reduce(add, [nw.col(f"_m{place}") * nw.col(f"_v{place}") for place in places])
    return frame.with_columns(_apart=1.0 - hit / nw.when(many > 0.0).then(many))
