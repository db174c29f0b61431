"""Rankings as a result: mean ranks of entities, how far raters agree, and whether two judged attributes go together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from numpy import ndarray

from hotmess.analyses.points import ends, frame, statement, with_holm
from hotmess.errors import NothingToCompare, Notice, UsageError, one_of, safe
from hotmess.infer import Agreement, Effect, Interval, Related, agreement, as_ranks, mean_ranks, related, within_groups
from hotmess.infer.ranks import gaps_at_one_end
from hotmess.result import Result
from hotmess.rows import Method
from hotmess.sums import DELTA
from hotmess.survey.read import Given

__all__ = ["Wanted", "analysed"]

_METHOD = Method("squared", "unbiased", "class", "score", "population", 0.95, DELTA)
_INTERVAL = "rank 1 is the most · 95 % intervals of mean ranks: Student's t over the raters of an entity"
_INVERTED = "coherence"  # is turned round into incoherence, as in the paper
_OPPOSITES = {"coherence": "incoherence", "incoherence": "coherence"}
_FIRST = "intelligence"  # stands on the x axis
_FEWEST = 4  # entities, below which no correlation is tested
_CHANCE = 0.05  # p-value below which gaps are said to lie at one end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of rankings.

    Attributes:
        invert: attributes to be turned round; None: coherence.
        x: the attribute to the right; None: intelligence, or the first by name.
        y: the attribute upwards; None: the next.
        panels: a picture for each kind.
        seed: of permutations and of entities that are drawn.
        draws: how many.
    """

    invert: Sequence[str] | None = None
    x: str | None = None
    y: str | None = None
    panels: bool = False
    seed: int = 0
    draws: int = 2000


@dataclass(frozen=True, slots=True)
class _Attribute:
    """The ranks by one attribute.

    Attributes:
        name: what it is called, turned round or not.
        asked: what raters were asked.
        ranks: of all entities of the survey; NaN where a rater did not rank one.
    """

    name: str
    asked: str
    ranks: Float[ndarray, "rater entity"]


def analysed(given: Given, wanted: Wanted) -> Result:
    """Mean ranks with their intervals, and what was tested.

    Raises:
        NothingToCompare: panels are wanted of one kind.
        UsageError: an attribute that is named is not there.
    """
    table = given.table
    entities = sorted(table["entity"].unique())  # what is drawn does not hang on the order of rows
    kinds = dict(table.select("entity", "kind").iter_rows())
    attributes = _ordered(_attributes(table, entities, wanted), wanted)
    if wanted.panels and len({kind for kind in kinds.values() if kind is not None}) < 2:
        raise NothingToCompare("panels need two kinds of entities", hint="a column `kind`; or leave out --panels")
    rng = np.random.default_rng(wanted.seed)
    notices = [*given.notices, *(notice for one in attributes for notice in _of_one(one, wanted))]
    tests = [statement({"about": one.name}, *said) for one in attributes for said in _agreement(one, wanted.draws, rng, notices)]
    names = [kinds[entity] for entity in entities]
    pairs = [_pair(*pair, names, wanted.draws, rng, notices) for pair in combinations(attributes, 2)]
    tests += [row for rows, _ in pairs for row in rows]
    each = [row for _, rows in pairs for row in rows]
    every = pl.concat([frame(tests), with_holm(frame(each), ("what", "about"))], how="diagonal_relaxed") if each else frame(tests)
    last = [name for name in ("what", "per", "value", "value_low", "value_high", "p", "p_holm", "how") if name in every.columns]
    every = every.select(*(name for name in every.columns if name not in last), *last)
    raters = ", ".join(f"{len(one.ranks)} raters of {one.asked}" for one in attributes)
    source = f"{given.source}: {raters}, {len(entities)} entities · {_INTERVAL}"
    points = frame(row for one in attributes for row in _points(one, entities, names))
    return Result("survey_panels" if wanted.panels else "survey", points, every, _METHOD, tuple(notices), source, lossless=True)


def _attributes(table: pl.DataFrame, entities: list[str], wanted: Wanted) -> Iterator[_Attribute]:
    """The ranks by each attribute, turned round where that is asked for."""
    there = sorted(table["attribute"].unique())
    chosen = [_INVERTED] if wanted.invert is None else [name for name in wanted.invert if name]
    known = {name.casefold(): name for name in there}
    if wanted.invert is not None:
        for name in chosen:
            one_of("attribute", known.get(name.casefold(), name), tuple(there))
    place = {entity: number for number, entity in enumerate(entities)}
    for name in there:
        rows = table.filter(pl.col("attribute") == name)
        raters = sorted(rows["rater"].unique())
        values = np.full((len(raters), len(entities)), np.nan)
        at = {rater: number for number, rater in enumerate(raters)}
        for row in rows.iter_rows(named=True):
            values[at[row["rater"]], place[row["entity"]]] = row["value"]
        turned = name.casefold() in {one.casefold() for one in chosen}
        shown = _OPPOSITES.get(name.casefold(), f"lack of {name}") if turned else name
        if turned and shown.casefold() in known:
            raise UsageError(
                f"`{name}` turned round is `{shown}`, which was ranked as well", hint="--invert ''    (to turn nothing round)"
            )
        ranked = np.isfinite(values).any(0)
        values[:, ranked] = as_ranks(values[:, ranked], high_first=turned)
        yield _Attribute(shown, name, values)


def _ordered(attributes: Iterator[_Attribute], wanted: Wanted) -> list[_Attribute]:
    """The attributes: first the one to the right, then the one upwards.

    Raises:
        UsageError: one that is named is not there, or both are the same.
    """
    every = sorted(attributes, key=lambda one: (one.asked.casefold() != _FIRST, one.name))
    names = {word.casefold(): one.name for one in every for word in (one.asked, one.name)}
    known = tuple(one.name for one in every)
    x, y = (
        None if word is None else one_of("attribute", names.get(word.casefold(), word), known) for word in (wanted.x, wanted.y)
    )
    if x is not None and x == y:
        raise UsageError(f"`{x}` cannot stand on both axes", hint="--x and --y name two attributes")
    x = x or next((name for name in known if name != y), known[0])
    first = (x, y or next((name for name in known if name != x), x))
    return sorted(every, key=lambda one: first.index(one.name) if one.name in first else len(first))


def _of_one(one: _Attribute, wanted: Wanted) -> Iterator[Notice]:
    """What must be known of the ranks by one attribute: a coherence that is not turned round, and gaps at one end."""
    word = one.asked.casefold()
    if wanted.invert is None and one.name == one.asked and _INVERTED in word and _OPPOSITES[_INVERTED] not in word:
        said = f"`{safe(one.asked)}` has `{_INVERTED}` in its name, and was not turned round"
        yield Notice("not-turned", said, f"--invert '{safe(one.asked)}', or call it `{_INVERTED}`; --invert '' if that is meant")
    value, p = gaps_at_one_end(one.ranks)
    if p < _CHANCE:
        end = "low" if value > 0 else "high"
        said = f"raters of {safe(one.asked)} left out what others rank {end}: gaps and mean ranks go together"
        hint = "let raters rank all, or the same ones"
        yield Notice(
            "gaps-at-one-end",
            f"{said} (Spearman {value:.2f}, p = {p:.2g}); mean ranks and intervals take gaps to be random",
            hint,
        )


# ---------------------------------------------------------------------------------------------- points


def _points(one: _Attribute, entities: list[str], kinds: list[str | None]) -> list[dict[str, Any]]:
    """A row for each entity that was ranked, the most of the attribute first."""
    found = mean_ranks(one.ranks, level=_METHOD.level)
    rows = []
    for place in np.argsort(found.mean, kind="stable"):
        raters, mean, se, low, high = (float(part[place]) for part in (found.raters, found.mean, found.se, found.low, found.high))
        if not raters:
            continue
        mean_rank = ends("mean_rank", Interval(mean, low, high, _METHOD.level))
        named = {"attribute": one.name, "asked": one.asked, "kind": kinds[place], "entity": entities[place]}
        rows.append({**named, "raters": int(raters), **mean_rank, "se": None if np.isnan(se) else se})
    return rows


# ---------------------------------------------------------------------------------------------- tests

Said = tuple[str, str, Effect, str]


def _agreement(one: _Attribute, draws: int, rng: np.random.Generator, notices: list[Notice]) -> list[Said]:
    """How far the raters of an attribute agree."""
    found = agreement(one.ranks, draws=draws, rng=rng, level=_METHOD.level)
    if found.raters < 2:
        notices.append(Notice("one-rater", f"one rater ranked by {one.asked}: no standard error, and nothing to agree with"))
        return []
    if not found.average.value > 0:
        said = f"the mean ranks by {one.asked} have no reliability above 0, so nothing can go together with them"
        notices.append(Notice("no-agreement", said))
    left = "entities left out one at a time"
    shuffled = f"{_chi2(found)}p: each rater's ranks shuffled, {draws:,} times; {left}"
    single = f"reliability of one rater; {left}; mean Spearman of two raters {found.spearman:.3f}"
    return [
        ("Kendall's W", "rater", found.w, shuffled),
        ("ICC(C,1)", "rater", found.single, single),
        ("ICC(C,k)", "rater", found.average, f"reliability of the mean ranks; {left}"),
    ]


def _chi2(found: Agreement) -> str:
    if np.isnan(found.chi2):
        return "from pairs of raters, over what both ranked; "
    return f"ties corrected; chi2({found.entities - 1}) = {found.chi2:.1f}, p = {found.p_chi2:.2g}; "


def _pair(
    one: _Attribute, two: _Attribute, kinds: list[str | None], draws: int, rng: np.random.Generator, notices: list[Notice]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Whether two attributes go together: statements over all entities, and those of each kind."""
    group = {"about": f"{two.name} ~ {one.name}"}
    found = related(one.ranks, two.ranks, draws=draws, rng=rng, level=_METHOD.level)
    _of_pair(found, one, two, notices)
    n = f"mean ranks of {found.entities} entities"
    permuted = f"p: entities permuted, {draws:,} times"
    reliable = " × ".join(f"{value:.2f}" for value in found.reliabilities)
    said: list[Said] = [
        ("Spearman", "entity", found.spearman, f"{n}; entities left out one at a time; {permuted}"),
        ("tau-b", "entity", found.tau_b, f"{n}; entities drawn with replacement; {permuted}"),
        (
            "Spearman, no rater noise",
            "entity",
            found.disattenuated,
            f"Spearman / sqrt({reliable}); entities drawn with replacement",
        ),
    ]
    means = [mean_ranks(of.ranks).mean for of in (one, two)]
    members = {kind: np.array([name == kind for name in kinds]) for kind in dict.fromkeys(kinds) if kind is not None}
    if len(members) < 2:
        return [statement(group, *row) for row in said], []
    both = np.isfinite(means).all(0)
    code = np.array([list(members).index(name) if name is not None else len(members) for name in kinds])
    a, b = (mean[both] for mean in means)
    inside = within_groups(a, b, code[both], draws=draws, rng=rng, level=_METHOD.level)
    how = f"ranks less the mean of their kind; entities drawn with replacement; p: permuted within kinds, {draws:,} times"
    said.insert(1, ("Spearman within kinds", "entity", inside, how))
    each = []
    for kind, of in members.items():
        few = related(one.ranks[:, of], two.ranks[:, of], draws=draws, rng=rng, level=_METHOD.level)
        how = f"mean ranks of {few.entities} entities; entities left out one at a time; {permuted}"
        each.append(statement({**group, "kind": kind}, "Spearman", "entity", few.spearman, how))
    return [statement({**group, "kind": "all"}, *row) for row in said], each


def _of_pair(found: Related, one: _Attribute, two: _Attribute, notices: list[Notice]) -> None:
    """What must be known of the correlation of two attributes."""
    pair = f"{one.name} and {two.name}"
    if found.entities < _FEWEST:
        notices.append(Notice("few-shared", f"{found.entities} entities were ranked by {pair}; a correlation needs {_FEWEST}"))
    missing = int((np.isfinite(one.ranks).any(0) ^ np.isfinite(two.ranks).any(0)).sum())
    if missing:
        notices.append(
            Notice("few-shared", f"{missing} entities were ranked by one of {pair} only, and are not in their correlation")
        )
    if abs(found.disattenuated.value) > 1:
        said = f"without the noise of raters, the correlation of {pair} comes out as {found.disattenuated.value:.2f}, beyond 1"
        notices.append(Notice("beyond-one", f"{said}: the reliabilities are noisy themselves; it is compatible with 1"))
    elif np.isfinite(found.disattenuated.value) and np.isnan(found.disattenuated.low):
        said = f"the correlation of {pair} without the noise of raters has no interval"
        notices.append(Notice("no-noise-interval", f"{said}: in too many draws a reliability is not above 0"))
