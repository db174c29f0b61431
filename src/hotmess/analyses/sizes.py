"""Which models there are, how large each is, and to which family it belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl
from jaxtyping import Int
from numpy import ndarray

from hotmess.asked import Asked, Rules
from hotmess.errors import BadShape, NoSuchColumn, NothingToCompare, Notice
from hotmess.frames import collect
from hotmess.prepare import prepare
from hotmess.samples import Samples

__all__ = ["Models", "outer_keys", "question_codes", "sized"]


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a table that have a size.

    Attributes:
        samples: the samples of all models.
        size: of each model.
        family: of each model, if there is such a column.
        notices: what must be known of the others.
    """

    samples: Samples
    size: dict[str, float]
    family: dict[str, str] | None
    notices: tuple[Notice, ...]


def sized(samples: Samples | Any, rules: Rules, size: str, family: str | None) -> Models:
    """The models of a table with their sizes.

    Raises:
        NoSuchColumn: there is no such column.
        BadShape: a model has two sizes (or families), or a size that is none.
        NothingToCompare: there are fewer than two sizes.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    if not samples.has("model") or "model" in rules.pool:
        raise NothingToCompare("models are not told apart", hint="a column `model`, and no pool=model")
    if not samples.has(size):
        hint = "add the number of parameters of each model, or --size COLUMN"
        raise NoSuchColumn(f"the table has no column `{size}`, so nobody knows how large a model is", hint=hint)
    if not samples.frame.collect_schema()[size].is_numeric():
        raise BadShape(f"`{size}` must hold numbers", why="slopes are per e-fold of size", hint="--size COLUMN")
    table = _of_models(samples, size, family)
    named = family or ("family" if samples.has("family") else None)
    torn = table.filter(pl.col("size_low") != pl.col("size_high"))
    if torn.height:
        first = torn.row(0, named=True)
        found = f"the model `{first['model']}` has two sizes: {first['size_low']:g} and {first['size_high']:g}"
        raise BadShape(found, why="a model has one size", hint=f"one value of `{size}` for each model")
    families = _families(table, named, asked_for=family is not None)
    known = table.filter(pl.col("size_low").is_not_null() & pl.col("size_low").is_not_nan())
    wrong = known.filter(~((pl.col("size_low") > 0) & pl.col("size_low").is_finite()))
    if wrong.height:
        raise BadShape(f"the model `{wrong['model'][0]}` has the size {wrong['size_low'][0]:g}", why="its log does not exist")
    sizes = dict(zip(known["model"], known["size_low"], strict=True))
    if len(set(sizes.values())) < 2:
        found = f"`{size}` has {len(set(sizes.values()))} value(s) among {table.height} model(s)"
        raise NothingToCompare(found, why="a slope needs two sizes", hint="hotmess check shows the models")
    return Models(samples, sizes, families, tuple(_unsized(table, sizes, size)))


def _of_models(samples: Samples, size: str, family: str | None) -> pl.DataFrame:
    """A row per model: the ends of its sizes and of its families."""
    column = family or "family"
    if family is not None and not samples.has(family):
        raise NoSuchColumn(f"the table has no column `{family}`", hint=f"there are {', '.join(samples.columns)}")
    ends = {"size": nw.col(size).cast(nw.Float64)}
    if samples.has(column):
        ends["family"] = nw.col(column).cast(nw.String)
    low = [value.min().alias(f"{name}_low") for name, value in ends.items()]
    high = [value.max().alias(f"{name}_high") for name, value in ends.items()]
    found = collect(samples.frame.group_by("model").agg(*low, *high))
    return found.filter(pl.col("model").is_not_null()).sort("size_low", "model", nulls_last=True)


def _families(table: pl.DataFrame, column: str | None, *, asked_for: bool) -> dict[str, str] | None:
    """The family of each model; one that nobody asked for must be a property of models to be one."""
    if column is None:
        return None
    torn = table.filter(pl.col("family_low") != pl.col("family_high"))
    if torn.height and asked_for:
        first = torn.row(0, named=True)
        found = f"the model `{first['model']}` has two values of `{column}`: {first['family_low']} and {first['family_high']}"
        raise BadShape(found, why="a model belongs to one family", hint="--family COLUMN")
    if torn.height or table["family_low"].n_unique() == 1:
        return None
    return dict(zip(table["model"], table["family_low"].fill_null("other"), strict=True))


def _unsized(table: pl.DataFrame, sizes: dict[str, float], size: str) -> Iterator[Notice]:
    without = [name for name in table["model"] if name not in sizes]
    if without:
        shown = ", ".join(without[:3]) + (" …" if len(without) > 3 else "")
        yield Notice("no-size", f"{len(without)} of {table.height} models have no `{size}` and are left out: {shown}")


def outer_keys(asked: Asked, models: Models) -> list[str]:
    """What separates lines of models: the task, and the setting where a model was asked in several."""
    rows = asked.table.table.filter(pl.col("model").is_in([*models.size]))
    outer = [name for name in ("task",) if name in rows.columns and name not in asked.rules.pool]
    if "setting" not in rows.columns or "setting" in asked.rules.pool:
        return outer
    several = rows.group_by([*outer, "model"]).agg(pl.col("setting").n_unique())["setting"].max()
    return [*outer, "setting"] if isinstance(several, int) and several > 1 else outer


def question_codes(asked: Asked, outer: list[str]) -> Int[ndarray, " question"]:
    """A number for each question, the same for every model that was asked it."""
    own = {"model"} if "setting" in (*outer, *asked.rules.pool) else {"model", "setting"}
    names = [name for name in asked.tally.keys if name not in own]
    return asked.table.table.select(pl.struct(names).rank("dense")).to_series().cast(pl.Int64).to_numpy()
