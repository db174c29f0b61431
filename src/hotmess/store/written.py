"""One log into parts, a piece at a time: memory depends on the size of a piece, and not on that of the log.

What needs the whole table is found out before, by sums over pieces: whether answers of a task are letters of options, and
whether lists of outcomes are of words of logic or of numbers. Logs are held while they are read (without their texts, which are
read again, as many at a time as memory takes); tables are not.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import NoPrediction, UnreadableFile
from hotmess.frames import lazy, named, polars, typed
from hotmess.kinds import require_question
from hotmess.prepare import letters_counted, with_answers, with_texts
from hotmess.read import Reading
from hotmess.read.store import KEYS, Record, Store, sketch
from hotmess.read.transcripts import told, with_texts_apart
from hotmess.store.pool import Pool
from hotmess.store.spool import spooled
from hotmess.store.unit import Unit

__all__ = ["written"]

_PIECE = 1 << 18  # rows that are held at once at most
_WIDE = 32 << 20  # bytes of a file that a piece of it takes at most
_FEWEST = 1 << 10  # rows of a piece
_TEXTS = 2000  # questions of a log whose texts are asked for first; then as many as will take so many bytes
_SAID = 48 << 20
_PLACE = ("task", "model")


def written(store: Store, unit: Unit, key: str) -> Record:
    """Read a unit and write its parts.

    Args:
        store: where.
        unit: what to read.
        key: the name of its content.

    Raises:
        HotmessError: it cannot be read, or is no sample table.
    """
    columns = dict(unit.columns)
    with TemporaryDirectory(prefix="hotmess-") as scratch:
        files = tuple(spooled(file, columns, Path(scratch)) for file in unit.files) if len(unit.files) == 1 else unit.files
        reading = replace(unit, files=files).reading()
        try:
            return _written(store, unit, key, reading, sum(max(file.size, 0) for file in files))
        except pl.exceptions.PolarsError as problem:
            found = f"{reading.source} is no sample table: {str(problem).strip().splitlines()[0][:160]}"
            raise UnreadableFile(found, hint="look at the types of its columns") from problem


def _written(store: Store, unit: Unit, key: str, reading: Reading, size: int) -> Record:
    samples, texts = Pool(store, "samples", key), Pool(store, "texts", key)
    rows, names, asked = 0, tuple[int, ...](), list[pl.DataFrame]()
    frame, is_log = polars(lazy(reading.frame)), reading.logs is not None
    for table in _tables(frame, reading, _PIECE if is_log else _step(frame, size), apart=unit.texts and not is_log):
        ours = _own(table, key)
        samples.add(ours.drop("completion", "prompt", "_said", "_asked", strict=False))
        rows += table.height
        if is_log:
            names = sketch(ours, names)
            asked.append(table.select(*(name for name in _PLACE if name in table.columns), "question_id").unique())
        elif unit.texts:
            texts.add(_said(ours, reading))
    for said in _again(reading, pl.concat(asked)) if asked and unit.texts else ():
        texts.add(_own(said, key))
    words = tuple((notice.code, notice.found) for notice in reading.notices)
    return Record(key, (unit.source,), unit.size, time_ns(), rows, samples.close(), texts.close(), words, sketch=names)


# ---------------------------------------------------------------------------------------------- pieces


def _step(frame: pl.LazyFrame, size: int) -> int:
    """How many rows of a file a piece has: what it says, or shows, may be long."""
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    return min(max(rows * _WIDE // max(size, 1), _FEWEST), _PIECE)


def _pieces(frame: pl.LazyFrame, step: int) -> Iterator[pl.LazyFrame]:
    """The rows, so many at a time. Slices of a file read no more of it than they need."""
    first = 0
    while (piece := frame.slice(first, step).collect(engine="streaming")).height:
        yield piece.lazy()
        first += piece.height


def _tables(frame: pl.LazyFrame, reading: Reading, step: int, *, apart: bool) -> Iterator[pl.DataFrame]:
    """The sample table, piece by piece; with the texts `apart`, as columns that nobody reads answers from."""
    names = _named(frame.head(0), reading).collect_schema().names()
    require_question(names)
    lists = _lists(frame, reading, step)
    counted = None
    if "choices" in names:
        counted = letters_counted(_named(piece, reading, lists) for piece in _pieces(frame, step))
    first = 0
    for piece in _pieces(frame, step):
        if first == 0 and reading.logs is None:
            _check(reading, piece, step)
        said = with_texts_apart(piece, reading.columns, None).to_native() if apart else piece
        table = with_texts(_named(said, reading, lists), counted).with_columns(pl.col(pl.Categorical).cast(pl.String)).collect()
        if reading.logs is None and not {"sample_id", "test_id"} & set(names):
            table = table.with_columns(sample_id=pl.format("/{}", pl.int_range(first, first + pl.len())))
        yield table
        first += table.height


def _named(piece: pl.LazyFrame, reading: Reading, types: dict[str, Any] | None = None) -> pl.LazyFrame:
    """Rows under our names, of these types, with answers read out of what was said."""
    frame = typed(named(lazy(piece), reading.columns))
    frame = nw.from_native(polars(frame).cast(types)) if types else frame  # type: ignore[arg-type]
    return polars(with_answers(frame, reading.how.pattern))


def _lists(frame: pl.LazyFrame, reading: Reading, step: int) -> dict[str, Any]:
    """The types of lists that are written as text: those of one piece may be of words of logic, of the next of numbers."""
    ours = named(lazy(frame), reading.columns)
    names = [name for name, dtype in ours.collect_schema().items() if name == "tests" and dtype == nw.String]
    if not names:
        return {}
    pieces = (typed(nw.from_native(piece)).collect_schema() for piece in _pieces(polars(ours.select(names)), step))
    empty = [pl.DataFrame(schema=schema.to_polars()) for schema in pieces]
    return dict(pl.concat(empty, how="vertical_relaxed").schema) if empty else {}


def _check(reading: Reading, piece: pl.LazyFrame, step: int) -> None:
    """See that the first rows of a table are samples; all of a large table may look otherwise than these in what is empty."""
    whole = piece.select(pl.len()).collect().item() < step
    with suppress(*(() if whole else (NoPrediction,))):
        replace(reading, frame=piece).each()


def _own(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """Rows with ids that meet those of no other log by accident: ids that hold a slash are of our own making, and count rows."""
    if table.schema.get("sample_id") != pl.String:
        return table
    made = pl.col("sample_id").str.contains("/", literal=True)
    return table.with_columns(sample_id=pl.when(made).then(pl.format(f"{{}} in {key}", "sample_id")).otherwise("sample_id"))


# ---------------------------------------------------------------------------------------------- texts


def _said(table: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """What was said in rows of a table, once for each sample, of which unit tests have many rows."""
    found = told(table, None, reading.how, 1).filter(pl.any_horizontal(pl.col("completion", "prompt").is_not_null()))
    return found.unique([name for name in KEYS if name in found.columns], keep="first", maintain_order=True)


def _again(reading: Reading, asked: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What was said in a log, as many questions at a time as memory takes: each time the log is read again."""
    place = [name for name in _PLACE if name in asked.columns]
    groups = asked.partition_by(place, as_dict=True, maintain_order=True) if place else {(): asked}
    for values, rows in groups.items():
        questions = rows["question_id"].cast(pl.String).unique().sort().to_list()
        only = dict(zip(place, values, strict=True))
        first, many = 0, _TEXTS
        while first < len(questions):
            said = reading.transcripts(questions[first : first + many], **only)
            if said.height:
                yield said
            first += many
            size = said.select(pl.sum_horizontal(pl.col("completion", "prompt").str.len_bytes().sum())).item()
            many = max(many * _SAID // max(size, 1), _TEXTS // 10)
