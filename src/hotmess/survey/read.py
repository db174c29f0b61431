"""What raters said: tables of ranks, long or wide, and the files that the questionnaire saves.

A long table has a row per rater and entity (`rater`, `entity`, `rank` or `score`, `attribute`, perhaps `kind`); a wide one a row
per entity and a column per rater. Rank 1 is the most of the attribute; the highest score is. Nothing is dropped in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import polars as pl

from hotmess.errors import BadShape, EmptyTable, MissingColumn, NotATable, Notice, UnreadableFile, UsageError
from hotmess.frames import lazy, nearest, polars
from hotmess.read.files import files
from hotmess.read.records import Malformed, json_text
from hotmess.read.table import read_tables

__all__ = ["OURS", "Asked", "Given", "read"]

OURS = ("rater", "entity", "rank", "score", "attribute", "kind")
"""The columns of a table of ranks."""

_NOT_RANKED = ("", "na", "n/a", "nan", "null", "none", "-", "–", "—", "?")
_NAMES = ("rater", "entity", "attribute", "kind")
_ENOUGH = 6  # ranks, from which on many ties look like scores
_TEXTS = (".csv", ".tsv")
_TABLES = (*_TEXTS, ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".ipc")
_SCHEMA = pl.Schema({**dict.fromkeys((*_NAMES, "place", "question"), pl.String), "value": pl.Float64})


@dataclass(frozen=True, slots=True)
class Asked:
    """How tables are to be read.

    Attributes:
        columns: our names to theirs; an empty name leaves a column out.
        attribute: what tables are about that do not say it.
        high_first: whether the highest number is the most of the attribute, whatever the column is called.
    """

    columns: Mapping[str, str]
    attribute: str | None = None
    high_first: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What raters said.

    Attributes:
        table: a row per rater, entity and attribute: `value`, the lowest for the most, `kind` (may be null), `place` in a file,
            `question` that was asked (null where a table does not say it).
        notices: what must be known about it.
        source: where it came from.
    """

    table: pl.DataFrame
    notices: tuple[Notice, ...]
    source: str


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
        return _tidy(polars(lazy(sources[0])).collect(), "table", asked)
    every = files(sources)
    known = [file for file in every if file.asked or file.name.lower().endswith(_TABLES)]
    if not known:
        raise NotATable(f"there is no table in `{', '.join(map(str, sources))}`", hint=f"tables end in {', '.join(_TABLES)}")
    parts = [_file(file, asked) for file in known]
    notices = [notice for part in parts for notice in part.notices]
    if len(known) < len(every):
        found = f"{len(every) - len(known)} of {len(every)} files are no tables, and are left aside"
        notices.append(Notice("left-aside", found))
    source = known[0].name if len(known) == 1 else f"{len(known)} files"
    return Given(pl.concat(part.table for part in parts), tuple(notices), source)


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
            return Given(table.cast(_SCHEMA).select(*_SCHEMA), notices, file.shown)
    about = file.name.rpartition(".")[0].replace("_", " ") if file.shown != "standard input" else None
    return _tidy(_frame(file), file.shown, replace(asked, attribute=asked.attribute or about))


def _json(file: Any) -> Any:
    try:
        return json_text(file)
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` is not JSON: {problem}", hint="is it whole?") from problem


def _frame(file: Any) -> pl.DataFrame:
    """A table as it stands there; of text files, every cell as text, so that an entity `007` stays what it is."""
    if not file.name.lower().endswith(_TEXTS):
        return read_tables([file], {})[0].collect()
    data = file.read().removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise EmptyTable(f"`{file.shown}` is empty")
    try:
        return pl.read_csv(data, separator="\t" if file.name.lower().endswith(".tsv") else ",", infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as problem:
        raise UnreadableFile(f"`{file.shown}` cannot be read: {str(problem).splitlines()[0][:160]}") from problem


def _tidy(frame: pl.DataFrame, place: str, asked: Asked) -> Given:
    """A row per rater, entity and attribute, under our names."""
    frame = _named(frame, asked.columns, place).with_columns(
        pl.concat_str(pl.lit(f"{place} row "), pl.int_range(1, pl.len() + 1)).alias("place")
    )
    if not frame.height:
        raise EmptyTable(f"`{place}` has no rows")
    frame, high = _long(frame, place)
    frame = _with_attribute(frame, place, asked.attribute)
    nothing = pl.lit(None, dtype=pl.String)
    frame = frame.with_columns(nothing.alias(name) for name in ("kind", "question") if name not in frame.columns)
    texts = (pl.col(name).cast(pl.String) for name in _NAMES)
    frame = frame.with_columns(*texts, pl.col("value").cast(pl.String).str.strip_chars())
    frame, high = _numbers(frame), high or asked.high_first
    notices = [] if high else list(_doubted(frame, place))
    return Given(frame.with_columns(pl.col("value") * (-1.0 if high else 1.0)).select(*_SCHEMA), tuple(notices), place)


def _doubted(frame: pl.DataFrame, place: str) -> Iterator[Notice]:
    """A word on numbers that were given as ranks, and look like scores."""
    found = frame.drop_nulls("value").with_columns(pl.col("entity").n_unique().over("attribute").alias("entities"))
    each = found.group_by("attribute", "rater").agg(
        pl.col("value").min().alias("least"),
        pl.col("value").max().alias("most"),
        pl.col("value").n_unique().alias("levels"),
        pl.len().alias("ranked"),
        pl.col("entities").first(),
    )
    few = (pl.col("levels") <= pl.col("ranked") / 3) & (pl.col("ranked") >= _ENOUGH)
    odd = each.filter((pl.col("least") < 1) | (pl.col("most") > pl.col("entities")) | few)
    if odd.height:
        words = (
            f"`{place}`: the numbers of {odd.height} of {each.height} raters do not look like ranks of 1 to {odd['entities'][0]}"
        )
        yield Notice("not-ranks", f"{words}; the lowest number is taken for the most", "--high-first, if the highest is")


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
    raters = [name for name in names if name not in OURS]
    if not raters:
        raise MissingColumn(f"`{place}` has no ranks; found: {shown}", hint="a column for each rater, or `rater` and `rank`")
    kept = [name for name in frame.columns if name not in raters]
    text = frame.with_columns(pl.col(raters).cast(pl.String))
    return text.unpivot(on=raters, index=kept, variable_name="rater", value_name="value"), False


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
    found = frame.with_columns(pl.col("value").cast(pl.Float64, strict=False).alias("number"))
    wrong = found.filter(pl.col("value").is_not_null() & (pl.col("number").is_null() | ~pl.col("number").is_finite()))
    if wrong.height:
        row = wrong.row(0, named=True)
        raise BadShape(
            f"{wrong.height:,} rank(s) are no numbers; the first is `{row['value'][:40]}`",
            where=f"{row['place']}, rater {row['rater']}",
            hint=f"leave empty what was not ranked; if that is no rater: --columns '{row['rater']}='",
        )
    return found.drop("value").rename({"number": "value"})
