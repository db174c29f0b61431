"""What raters said: tables of ranks, long or wide, and the files that the questionnaire saves.

A long table has a row per rater and entity (`rater`, `entity`, `rank` or `score`, `attribute`, perhaps `kind`); a wide one a row
per entity and a column per rater. Rank 1 is the most of the attribute; the highest score is. Nothing is dropped in silence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import polars as pl

from hotmess.errors import BadShape, EmptyTable, MissingColumn, NotATable, Notice, UnreadableFile, UsageError, safe
from hotmess.frames import lazy, nearest, polars
from hotmess.read.files import files
from hotmess.read.records import Malformed, json_text
from hotmess.read.table import read_tables
from hotmess.survey.meant import check_ranks, counting, named_only
from hotmess.survey.text import separated, text_of

__all__ = ["OURS", "Asked", "Given", "read"]

OURS = ("rater", "entity", "rank", "score", "attribute", "kind")
"""The columns of a table of ranks."""

_NOT_RANKED = ("", "na", "n/a", "nan", "null", "none", "-", "–", "—", "?")
_NAMES = ("rater", "entity", "attribute", "kind")
_DECIMAL_COMMA = r"^(\d+),(\d{1,2})$"  # as Excel writes it where semicolons stand between cells
_MOST = 12  # columns that are named
_TEXTS = (".csv", ".tsv")
_TABLES = (*_TEXTS, ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".ipc")
_COPY = re.compile(r"(\s*\(\d+\)| - (copy|kopie)| copy( \d+)?)+$", re.IGNORECASE)  # what browsers and systems call a second file
_SCHEMA = pl.Schema({**dict.fromkeys((*_NAMES, "place", "question"), pl.String), "value": pl.Float64})


@dataclass(frozen=True, slots=True)
class Asked:
    """How tables are to be read.

    Attributes:
        columns: our names to theirs; an empty name leaves a column out.
        attribute: what tables are about that do not say it.
        high_first: whether the highest number is the most of the attribute, whatever the column is called; None: of scores it
            is, and of ranks, which must be some, the lowest.
    """

    columns: Mapping[str, str]
    attribute: str | None = None
    high_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What raters said.

    Attributes:
        table: a row per rater, entity and attribute: `value`, the lowest for the most, `kind` (may be null), `place` in a file,
            `question` that was asked (null where a table does not say it).
        notices: what must be known about it.
        source: where it came from.
        own: the name of the file, where nothing in it says the attribute.
        raters: the columns that were taken for raters.
    """

    table: pl.DataFrame
    notices: tuple[Notice, ...]
    source: str
    own: str | None = None
    raters: tuple[str, ...] = ()


def read(sources: Sequence[Any], asked: Asked) -> Given:
    """Read tables and saved questionnaires, or take one frame.

    Raises:
        HotmessError: something of it cannot be read.
    """
    _check_columns(asked.columns)
    if not sources:
        raise UsageError("nothing to read", hint="hotmess survey ranks.csv")
    if not all(isinstance(one, str | PathLike) for one in sources):
        if len(sources) > 1:
            raise UsageError("give paths, or one frame", hint="hotmess.survey(frame)")
        table = _tidy(polars(lazy(sources[0])).collect(), "table", asked)
        return replace(table, source=_source(table.source, [table]))
    every = files(sources)
    known = [file for file in every if file.asked or file.name.lower().endswith(_TABLES)]
    if not known:
        raise NotATable(f"there is no table in `{', '.join(map(str, sources))}`", hint=f"tables end in {', '.join(_TABLES)}")
    parts = [_file(file, asked) for file in known]
    _check_attribute(asked.attribute, [part.own for part in parts if part.own])
    notices = list(dict.fromkeys(notice for part in parts for notice in part.notices))
    if len(known) < len(every):
        found = f"{len(every) - len(known)} of {len(every)} files are no tables, and are left aside"
        notices.append(Notice("left-aside", found))
    source = known[0].name if len(known) == 1 else f"{len(known)} files"
    return Given(pl.concat(part.table for part in parts), tuple(notices), _source(source, parts))


def _source(name: str, parts: Sequence[Given]) -> str:
    """Where ranks came from, with the columns that were taken for raters."""
    raters = list(dict.fromkeys(safe(rater) for part in parts for rater in part.raters))
    more = f" and {len(raters) - _MOST} more" if len(raters) > _MOST else ""
    return f"{name} (columns taken for raters: {', '.join(raters[:_MOST])}{more})" if raters else name


def _check_attribute(attribute: str | None, own: Sequence[str]) -> None:
    """One attribute for tables of several names would mix what they are about, unless it is in all of their names."""
    names = list({name.casefold(): name for name in own}.values())
    if attribute and len(names) > 1:
        word = re.compile(rf"(?<!\w){re.escape(attribute)}(?!\w)", re.IGNORECASE)
        if not all(word.search(name) for name in names):
            raise UsageError(
                f"`--attribute {attribute}` would make one attribute of tables with {len(names)} names: {', '.join(names[:5])}",
                why="they may be about different things",
                hint=f"leave it out; or a column `attribute`; or file names with `{attribute}` in them",
            )


def _check_columns(columns: Mapping[str, str]) -> None:
    for ours, theirs in columns.items():
        if theirs and ours not in OURS:
            near = nearest(ours, OURS)
            hint = f"did you mean `{near}`?" if near else "ours are " + ", ".join(OURS)
            raise UsageError(f"`--columns {ours}={theirs}`: there is no `{ours}` in a table of ranks", hint=hint)


def _file(file: Any, asked: Asked) -> Given:
    """The rows of a file."""
    from hotmess.survey.saved import is_saved, saved

    if file.name.lower().endswith(".json"):
        found = _json(file)
        if is_saved(found):
            table, notices = saved(found, file.shown)
            if asked.high_first is not None:
                option = "--high-first" if asked.high_first else "--low-first"
                told = f"what the questionnaire saves says itself which is the most; {option} changes nothing in it"
                notices = (*notices, Notice("does-not-apply", told))
            return Given(table.cast(_SCHEMA).select(*_SCHEMA), notices, file.shown)
    return _tidy(_frame(file), file.shown, asked, _own(file.name) if file.shown != "standard input" else None)


def _own(name: str) -> str:
    """What a file is called, without what systems add to the name of a second copy."""
    stem = name.rpartition(".")[0].replace("_", " ")
    return _COPY.sub("", stem) or stem


def _json(file: Any) -> Any:
    try:
        return json_text(file)
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` is not JSON: {problem}", hint="is it whole?") from problem


def _frame(file: Any) -> pl.DataFrame:
    """A table as it stands there; of text files, every cell as text, so that an entity `007` stays what it is."""
    if not file.name.lower().endswith(_TEXTS):
        return read_tables([file], {})[0].collect()
    return separated(text_of(file), file.shown)


def _tidy(frame: pl.DataFrame, place: str, asked: Asked, own: str | None = None) -> Given:
    """A row per rater, entity and attribute, under our names."""
    frame, notices = named_only(_named(frame, asked.columns, place), place)
    raters = _raters(frame)
    notices += counting(frame, raters, place)
    frame = frame.with_columns(pl.concat_str(pl.lit(f"{place} row "), pl.int_range(1, pl.len() + 1)).alias("place"))
    if not frame.height:
        raise EmptyTable(f"`{place}` has no rows")
    frame, high = _long(frame, place)
    own = own if "attribute" not in frame.columns else None
    frame = _with_attribute(frame, place, asked.attribute or own)
    nothing = pl.lit(None, dtype=pl.String)
    frame = frame.with_columns(nothing.alias(name) for name in ("kind", "question") if name not in frame.columns)
    texts = (pl.col(name).cast(pl.String) for name in _NAMES)
    frame = frame.with_columns(*texts, pl.col("value").cast(pl.String).str.strip_chars())
    frame = _numbers(frame)
    if not high and asked.high_first is None:
        notices += check_ranks(frame, place, raters)
    sign = -1.0 if (high if asked.high_first is None else asked.high_first) else 1.0
    table = frame.with_columns(pl.col("value") * sign).select(*_SCHEMA)
    return Given(table, tuple(notices), place, own, tuple(raters))


def _named(frame: pl.DataFrame, columns: Mapping[str, str], place: str) -> pl.DataFrame:
    """The frame with our names, in whatever case they are written."""
    for ours, theirs in columns.items():
        if theirs and theirs not in frame.columns:
            near = nearest(theirs, frame.columns)
            raise MissingColumn(
                f"`--columns {ours}={theirs}` names a column that is not in `{place}`; found: {', '.join(frame.columns)}",
                hint=f"--columns {ours}={near}" if near else "",
            )
    renamed = {theirs: ours for ours, theirs in columns.items() if theirs}
    for name in frame.columns:
        ours = name.strip().lower()
        if ours in OURS and ours not in columns and ours not in renamed.values() and name not in renamed:
            renamed[name] = ours
    gone = [name for name in frame.columns if columns.get(name) == "" or (name in columns and name not in renamed)]
    return frame.drop(gone).rename({theirs: ours for theirs, ours in renamed.items() if theirs not in gone})


def _long(frame: pl.DataFrame, place: str) -> tuple[pl.DataFrame, bool]:
    """A row per rater and entity, with a `value`; and whether the highest is the most."""
    names = [name for name in frame.columns if name != "place"]
    shown = ", ".join(names)
    if "entity" not in names:
        raise MissingColumn(
            f"`{place}` has no column for what was ranked (`entity`); found: {shown}", hint=f"--columns entity={names[0]}"
        )
    values = [name for name in ("rank", "score") if name in names]
    if len(values) == 2:
        raise UsageError(
            f"`{place}` has ranks and scores", why="they may differ", hint="--columns score=    (to ignore the column)"
        )
    if values and "rater" not in names:
        raise MissingColumn(
            f"`{place}` has a column `{values[0]}`, but none that says who ranked (`rater`); found: {shown}",
            hint="--columns rater=NAME",
        )
    if values:
        return frame.rename({values[0]: "value"}), values[0] == "score"
    if "rater" in names:
        raise MissingColumn(f"`{place}` has raters, but no `rank` and no `score`; found: {shown}", hint="--columns rank=NAME")
    raters = _raters(frame)
    if not raters:
        raise MissingColumn(f"`{place}` has no ranks; found: {shown}", hint="a column for each rater, or `rater` and `rank`")
    kept = [name for name in frame.columns if name not in raters]
    text = frame.with_columns(pl.col(raters).cast(pl.String))
    return text.unpivot(on=raters, index=kept, variable_name="rater", value_name="value"), False


def _raters(frame: pl.DataFrame) -> list[str]:
    """The columns of a wide table that are taken for raters."""
    if {"rater", "rank", "score"} & set(frame.columns):
        return []
    return [name for name in frame.columns if name not in (*OURS, "place")]


def _with_attribute(frame: pl.DataFrame, place: str, attribute: str | None) -> pl.DataFrame:
    if "attribute" in frame.columns:
        return frame
    if attribute is None:
        raise MissingColumn(
            f"`{place}` does not say by which attribute was ranked", hint="--attribute coherence, or a column `attribute`"
        )
    return frame.with_columns(attribute=pl.lit(attribute))


def _numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with values as numbers; what was not ranked is null."""
    there = ~pl.col("value").str.to_lowercase().is_in(_NOT_RANKED)
    frame = frame.with_columns(pl.when(there).then("value").alias("value"))
    pointed = pl.col("value").str.replace(_DECIMAL_COMMA, "${1}.${2}")
    found = frame.with_columns(pointed.cast(pl.Float64, strict=False).alias("number"))
    wrong = found.filter(pl.col("value").is_not_null() & (pl.col("number").is_null() | ~pl.col("number").is_finite()))
    if wrong.height:
        row = wrong.row(0, named=True)
        raise BadShape(
            f"{wrong.height:,} rank(s) are no numbers; the first is `{row['value'][:40]}`",
            where=f"{row['place']}, rater {row['rater']}",
            hint=f"leave empty what was not ranked; if that is no rater: --columns '{row['rater']}='",
        )
    return found.drop("value").rename({"number": "value"})
