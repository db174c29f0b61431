"""What is wrong with rankings, or must be known about them: two spellings, ranks given twice, raters of two attributes."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from hotmess.errors import BadShape, DuplicateSamples, MissingValue, NothingToCompare, Notice, safe
from hotmess.survey.read import Given

__all__ = ["checked"]

_NAMES = ("rater", "entity", "attribute", "kind")
_SHOWN = 3


def checked(given: Given) -> Given:
    """The same with one spelling for each name, each rank once, one kind for each entity, and no rows without a rank.

    Raises:
        MissingValue: a row has no rater, entity or attribute.
        DuplicateSamples: a rater ranked an entity twice, and not the same.
        BadShape: an entity has two kinds.
        NothingToCompare: fewer than two entities were ranked, or nobody put one before another.
    """
    table = given.table.with_columns(
        pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars().replace("", None) for name in _NAMES
    )
    for name in _NAMES[:3]:
        lost = table.filter(pl.col(name).is_null())["place"]
        if lost.len():
            where = ", ".join(lost.head(_SHOWN))
            raise MissingValue(f"{lost.len():,} row(s) have no {name}", where=where, hint="fill the cells, or remove the rows")
    notices = list(given.notices)
    for name in _NAMES[1:]:
        table = _spelled(table, name, notices)
    table = _with_kinds(table).filter(pl.col("value").is_not_null())
    table = _telling(_once(table, notices), notices)
    return replace(given, table=table, notices=(*notices, *_told(table)))


def _spelled(table: pl.DataFrame, name: str, notices: list[Notice]) -> pl.DataFrame:
    """The table with names that differ in case or in the form of letters only written in the way that is most common."""
    counted = table[name].drop_nulls().value_counts(sort=True, name="rows").sort("rows", name, descending=[True, False])
    common: dict[str, str] = {}
    to = {word: common.setdefault(unicodedata.normalize("NFKC", word).casefold(), word) for word in counted[name]}
    moved = [f"`{word}` is `{kept}`" for word, kept in to.items() if word != kept]
    if not moved:
        return table
    found = f"{'; '.join(moved[:_SHOWN])}{f'; and {len(moved) - _SHOWN} more' if len(moved) > _SHOWN else ''}"
    notices.append(Notice("spellings", f"names that differ in case only are one: {found}"))
    return table.with_columns(pl.col(name).replace(to))


def _with_kinds(table: pl.DataFrame) -> pl.DataFrame:
    """The table with the kind of an entity in all of its rows.

    Raises:
        BadShape: an entity has two.
    """
    kinds = table.filter(pl.col("kind").is_not_null()).unique(["entity", "kind"], maintain_order=True)
    two = kinds.filter(pl.col("entity").is_duplicated()).sort("entity", maintain_order=True)
    if two.height:
        first = two.filter(pl.col("entity") == two["entity"][0])
        where = "; ".join(f"{row['kind']} in {row['place']}" for row in first.iter_rows(named=True))
        found = f"{two['entity'].n_unique()} entities have more than one kind; the first is `{two['entity'][0]}`"
        raise BadShape(found, where=where, hint="give each entity one kind")
    return table.drop("kind").join(kinds.select("entity", "kind"), on="entity", how="left", maintain_order="left")


def _once(table: pl.DataFrame, notices: list[Notice]) -> pl.DataFrame:
    """Each rank once.

    Raises:
        DuplicateSamples: two differ.
    """
    keys = ["attribute", "rater", "entity"]
    twice = table.filter(table.select(keys).is_duplicated())
    if not twice.height:
        return table
    other = twice.unique([*keys, "value"]).filter(pl.struct(keys).is_duplicated())
    if other.height:
        first = twice.join(other.select(keys).sort(keys).head(1), on=keys)
        row = first.row(0, named=True)
        raise DuplicateSamples(
            f"rater `{row['rater']}` ranked `{row['entity']}` by {row['attribute']} more than once, and not the same",
            where="; ".join(first["place"].head(_SHOWN)),
            why="nobody can tell which one counts",
            hint="keep the last file of a rater; call two people by two names",
        )
    kept = table.unique(keys, keep="first", maintain_order=True)
    notices.append(
        Notice(
            "copies", f"{table.height - kept.height:,} of {table.height:,} ranks were read more than once, and are counted once"
        )
    )
    return kept


def _telling(table: pl.DataFrame, notices: list[Notice]) -> pl.DataFrame:
    """The ranks of raters who put at least one entity before another; of others, nothing follows.

    Raises:
        NothingToCompare: there are none.
    """
    count = table["entity"].n_unique()
    if count < 2:
        raise NothingToCompare(f"a ranking needs two entities; found {count}", hint="a row per entity, a column per rater")
    each = table.group_by("attribute", "rater", maintain_order=True).agg(pl.col("value").n_unique().alias("levels"))
    silent = each.filter(pl.col("levels") < 2)
    if silent.height == each.height:
        raise NothingToCompare(f"none of {each.height} raters put one entity before another", hint="are these the ranks?")
    if not silent.height:
        return table
    names = ", ".join(f"{safe(row['rater'])} (by {safe(row['attribute'])})" for row in silent.head(_SHOWN).iter_rows(named=True))
    more = f" and {silent.height - _SHOWN} more" if silent.height > _SHOWN else ""
    notices.append(
        Notice("one-rank", f"{silent.height} of {each.height} raters gave one rank only, and are left out: {names}{more}")
    )
    return table.join(silent, on=["attribute", "rater"], how="anti", maintain_order="left")


def _told(table: pl.DataFrame) -> Iterator[Notice]:
    """What must be known of ranks that can be used."""
    shared = table.unique(["rater", "attribute"]).filter(pl.col("rater").is_duplicated())["rater"].unique().sort()
    if shared.len():
        names = ", ".join(safe(name) for name in shared.head(_SHOWN)) + (" …" if shared.len() > _SHOWN else "")
        found = f"{shared.len()} rater(s) ranked by more than one attribute: {names}"
        hint = "if the same name means other people, give each a name of its own"
        yield Notice("shared-raters", f"{found}; intervals and disattenuation take raters to be different people", hint)
    words = table.drop_nulls("question").group_by("attribute", maintain_order=True).agg(pl.col("question").n_unique())
    for attribute, count in words.filter(pl.col("question") > 1).iter_rows():
        yield Notice("two-wordings", f"raters were asked in {count} different ways which is more {attribute}")
    whole = table.group_by("attribute").agg(pl.col("entity").n_unique().alias("entities"))
    each = table.group_by("attribute", "rater").agg(pl.len().alias("ranked")).join(whole, on="attribute")
    part = each.filter(pl.col("ranked") < pl.col("entities"))
    if part.height:
        lost, all_ranks = (part["entities"] - part["ranked"]).sum(), each["entities"].sum()
        found = (
            f"{part.height} of {each.height} raters ranked a part of the entities; {lost:,} of {all_ranks:,} ranks are missing"
        )
        yield Notice("part-ranked", f"{found}: their ranks are stretched over all, and agreement is that of pairs of raters")
