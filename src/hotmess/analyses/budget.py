"""Does it help to ask for more thought? Budgets asked for, beside natural variation in length (paper, figures 7, 8, 17).

One model is asked with several budgets: efforts, or numbers of tokens. Inside each budget, some samples of a question happen to
be longer than others. Both are set against mean length, so that both have the same unit, an effect per doubling of length::

    asked for   the slope over budgets of (incoherence, accuracy) in the mean over questions of log length
    natural     the slope from the shorter to the longer half of each question's samples, inside budgets

A budget is something that was done to a sample. Its length inside a budget is something that happened to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.accuracy import accuracy
from hotmess.analyses.difficulty import natural_order
from hotmess.analyses.halved import HALVES, with_half
from hotmess.analyses.points import additive, ends, figures, frame, kept, of_questions, statement, with_holm
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import EmptyTable, NothingToCompare, Notice, OneSample, UsageError
from hotmess.figures import row_of
from hotmess.frames import distinct
from hotmess.groups import Group, known_columns
from hotmess.infer import between_and_within, share_interval
from hotmess.measure import measurement
from hotmess.prepare import prepare
from hotmess.result import Result
from hotmess.samples import GROUPS, Samples

__all__ = ["by_budget"]

_ASKED, _NATURAL = "asked for", "natural"
_COLUMNS = ("effort", "setting")  # that tell a budget, the likeliest first

PerQuestion = Float[ndarray, " question"]
_Right = tuple[PerQuestion | None, Float[ndarray, " half"] | None]  # accuracy of whole questions, and of their halves


def by_budget(samples: Samples | Any, *, budget: str | None = None, seed: int = 0, rules: Rules = Rules()) -> Result:
    """Incoherence and accuracy against length: by the budget that was asked for, and by chance inside each budget.

    Args:
        samples: a sample table with a length, of models that were asked with several budgets; for natural variation, four
            samples a question and budget at least.
        budget: the column that says what was asked for; by default the first of effort and setting that has two values.
        seed: of tie-breaks in length.
        rules: how to measure.

    Returns:
        Points: `kind` (asked for, natural), `budget`, `half` (empty, shorter, longer), `length` (geometric mean over questions),
        questions, samples, and error, bias2, variance, incoherence, accuracy with their ends; of the questions that were asked
        with all budgets of a model. Tests: the slope of incoherence and of accuracy per doubling of length, asked for, natural,
        and their difference, with questions left out of all budgets at once.

    Raises:
        NothingToCompare: no model was asked the same questions with two budgets.
        NoLength: the table has no length.
        UsageError: one budget of a model was asked for in several settings.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    column = _column(samples, budget, rules)
    by = [] if column in GROUPS else [column]
    whole = additive(ask(samples, rules, by=by, lengths=True))
    measured = measurement(whole)
    split = _split(whole, rules, [*by, "half"], np.random.default_rng(seed))
    models = list(_models(whole, split, [group for _, group in kept(whole, measured.rows)], column))
    usable = [model for model in models if len(model.budgets) > 1 and model.index.shape[1] > 1]
    if not usable:
        found = f"no model was asked the same questions with two values of `{column}`"
        raise NothingToCompare(found, why="a budget is compared with another", hint="--budget COLUMN")
    right = accuracy(whole), accuracy(split)
    points = frame(point for model in usable for point in _points(whole, split, model, right))
    tests = frame(test for model in usable for test in _tests(whole, split, model, right))
    said = [notice for notice in measured.notices if notice.code != "mixed-settings"]
    notices = (*said, *of_questions(whole), *_notices(models, column, natural=split is not whole))
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    made = with_holm(tests, ("kind", "what", "per"))
    return Result("by_budget", points, made, whole.method, notices, whole.samples.source, interval)


def _column(samples: Samples, budget: str | None, rules: Rules) -> str:
    """The column that says what was asked for.

    Raises:
        NothingToCompare: there is none with two values.
    """
    if budget is not None:
        known_columns(samples, [budget])
    there = [budget] if budget else [name for name in _COLUMNS if samples.has(name) and name not in rules.pool]
    for name in there:
        if len(distinct(samples.frame, name)) > 1:
            return name
    found = f"`{budget}` has one value" if budget else f"neither {' nor '.join(_COLUMNS)} has two values"
    raise NothingToCompare(f"{found}, so that only one budget was asked for", hint="--budget COLUMN that says what was asked for")


def _split(whole: Asked, rules: Rules, by: list[str], rng: np.random.Generator) -> Asked:
    """The same samples in halves; as they are, where no question has four."""
    halves = with_half(whole, rng)
    try:
        return ask(halves, replace(rules, max_invalid=1.0), by=by, lengths=True)
    except (EmptyTable, OneSample):
        return whole


# ---------------------------------------------------------------------------------------------- models and their questions


@dataclass(frozen=True, slots=True)
class _Model:
    """A model, and the questions that it was asked with all budgets.

    Attributes:
        name: task and model.
        budgets: in order.
        groups: the questions of each budget.
        index: where each shared question stands in the whole table.
        halves: where its halves stand in the split one; -1 where it has none.
        lost: how many questions were not asked with all budgets.
    """

    name: dict[str, Any]
    budgets: tuple[str, ...]
    groups: tuple[Group, ...]
    index: Int[ndarray, "budget question"]
    halves: Int[ndarray, "budget side question"]
    lost: int


def _models(whole: Asked, split: Asked, groups: list[Group], column: str) -> Iterator[_Model]:
    code, of_halves = _codes(whole, split, column)
    names = [name for name in ("task", "model") if name != column and groups and name in groups[0].name]
    found: dict[tuple[Any, ...], dict[str, list[Group]]] = {}
    for group in groups:
        label = "none" if group.name[column] is None else _label(group.name[column])
        found.setdefault(tuple(group.name[name] for name in names), {}).setdefault(label, []).append(group)
    length = whole.length()
    for values, by_budget in found.items():
        name = dict(zip(names, values, strict=True))
        _refuse_settings(name, by_budget, column)
        chosen = {label: _known(whole, parts[0], length, code) for label, parts in by_budget.items()}
        place = {label: float(np.log(length[members]).mean()) if len(members) else np.nan for label, members in chosen.items()}
        order = natural_order(list(chosen)) or sorted(chosen, key=lambda label: place[label])
        every = np.unique(np.concatenate([code[members] for members in chosen.values()]))
        both = every[np.all([np.isin(every, code[members]) for members in chosen.values()], axis=0)]
        index = np.stack([chosen[label][np.isin(code[chosen[label]], both)] for label in order])
        parts = tuple(by_budget[label][0] for label in order)
        halves = _halves(split, parts, both, of_halves)
        yield _Model(name, tuple(order), parts, index, halves, len(every) - len(both))


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refuse_settings(name: dict[str, Any], by_budget: dict[str, list[Group]], column: str) -> None:
    for label, groups in by_budget.items():
        if len(groups) > 1:
            settings = ", ".join(str(group.name.get("setting")) for group in groups[:3])
            raise UsageError(
                f"the {column} `{label}` of {name.get('model', 'the model')} was asked for in {len(groups)} settings: {settings}",
                why="then budgets differ in something else as well",
                hint='budget="setting", or keep one of them',
            )


def _codes(whole: Asked, split: Asked, column: str) -> tuple[Int[ndarray, " question"], Int[ndarray, " half"]]:
    """A number for each question of both tables, the same with every budget."""
    of_models = {"model", "setting"} - set(whole.rules.pool)  # what is pooled is part of a question's name
    names = [name for name in whole.tally.keys if name != column and name not in of_models]
    tables = [asked.table.table.select(names) for asked in (whole, split)]
    code = pl.concat(tables).select(pl.struct(names).rank("dense")).to_series().cast(pl.Int64).to_numpy()
    return code[: tables[0].height], code[tables[0].height :]


def _known(asked: Asked, group: Group, length: PerQuestion, code: Int[ndarray, " question"]) -> Int[ndarray, " member"]:
    """The questions of a group that have terms and a length, in the order of their code."""
    chosen = asked.usable(group)
    chosen = chosen[length[chosen] > 0]
    return chosen[np.argsort(code[chosen], kind="stable")]


def _halves(
    split: Asked, groups: tuple[Group, ...], both: Int[ndarray, " question"], code: Int[ndarray, " half"]
) -> Int[ndarray, "budget side question"]:
    found = np.full((len(groups), 2, len(both)), -1)
    length = split.length()
    for b, group in enumerate(groups):
        for h, half in enumerate(HALVES):
            part = next((part for part in split.wholes if part.name == {**group.name, "half": half}), None)
            if part is not None:
                chosen = _known(split, part, length, code)
                chosen = chosen[np.isin(code[chosen], both)]
                found[b, h, np.searchsorted(both, code[chosen])] = chosen
    return np.where((found < 0).any(1, keepdims=True), -1, found)


# ---------------------------------------------------------------------------------------------- figures


def _points(whole: Asked, split: Asked, model: _Model, right: _Right) -> Iterator[dict[str, Any]]:
    for b, budget in enumerate(model.budgets):
        place = model.name | {"kind": _ASKED, "budget": budget, "half": ""}
        yield place | _figures(whole, model.groups[b], model.index[b], right[0])
    for b, budget in enumerate(model.budgets):
        for h, half in enumerate(HALVES):
            members = model.halves[b, h][model.halves[b, h] >= 0]
            if len(members):
                place = model.name | {"kind": _NATURAL, "budget": budget, "half": half}
                yield place | _figures(split, model.groups[b], members, right[1])


def _figures(asked: Asked, group: Group, members: Int[ndarray, " member"], right: PerQuestion | None) -> dict[str, Any]:
    members = np.sort(members)
    nested = bool(asked.table.terms.contexts[members].max() >= 2)
    length = float(np.exp(np.log(asked.length()[members]).mean()))
    found = {"length": length} | figures(row_of(asked, Group(group.name, members, nested)))
    if right is None:
        return found
    share = share_interval(right[members], level=asked.method.level, clusters=asked.clusters(members))
    return found | ends("accuracy", share)


def _tests(whole: Asked, split: Asked, model: _Model, right: _Right) -> Iterator[dict[str, Any]]:
    """Slopes per doubling of length."""
    terms = whole.table.terms, split.table.terms
    error, ones = [each.error for each in terms], [np.ones(len(each.error)) for each in terms]
    with np.errstate(divide="ignore"):
        x = np.log2(whole.length()), np.log2(split.length())
    parts = {"incoherence": ([each.variance for each in terms], error)}
    shares = [each for each in right if each is not None]
    parts |= {"accuracy": (shares, ones)} if shares else {"error": (error, ones)}
    for what, (top, bottom) in parts.items():
        found = between_and_within(
            *(_placed(model, *values) for values in (top, bottom, x)),
            level=whole.method.level,
            clusters=whole.clusters(model.index[0]),
        )
        how = "jackknife over questions, of all budgets at once"
        for kind, each in zip((_ASKED, _NATURAL, f"{_ASKED} - {_NATURAL}"), found, strict=True):
            if kind == _ASKED or (model.halves >= 0).any():
                said = statement(model.name | {"kind": kind}, what, f"doubling of {whole.length_column}", each, how)
                halved = int((model.halves >= 0).all(1).any(0).sum())
                yield said | {"questions": halved if kind == _NATURAL else model.index.shape[1]}


def _placed(
    model: _Model, whole: PerQuestion, split: Float[ndarray, " half"]
) -> tuple[Float[ndarray, "budget member"], Float[ndarray, "budget side member"]]:
    """A figure of each shared question with each budget, and in its halves; NaN where it has none."""
    return whole[model.index], np.where(model.halves < 0, np.nan, split[model.halves])


# ---------------------------------------------------------------------------------------------- notices


def _notices(models: list[_Model], column: str, *, natural: bool) -> Iterator[Notice]:
    single = sum(len(model.budgets) < 2 for model in models)
    if single:
        yield Notice("one-budget", f"{single} of {len(models)} models were asked with one value of `{column}` and are left out")
    lost = sum(model.lost for model in models)
    if lost:
        found = f"{lost:,} questions were not answered (often enough) with all values of `{column}`, and are left out"
        yield Notice("not-shared", found)
    if natural:
        found = "halves leave out the variance that lies between them: their incoherence is compared with each other only"
        yield Notice("halves", found)
    else:
        yield Notice("no-halves", "natural variation cannot be told: no question has four samples with a length at one budget")
