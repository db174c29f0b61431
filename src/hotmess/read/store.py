"""A store: the sample tables of many logs as one folder of Parquet parts, which grows log by log and needs no server.

::

    STORE/hotmess-store.json                        what it is, and its version
    STORE/logs/KEY.json                             a record for each log: what it holds and where, or why it could not be read
    STORE/samples/task=T/model=M/KEY-0.parquet      its samples, sorted by question
    STORE/texts/task=T/model=M/KEY-0-0.parquet      what was said, apart, since it is a thousand times as large

KEY is made of the bytes of the log, of how it was read, and of the version of the readers. A record is written last, so that a
log is in the store whole or not at all; parts without a record are what a killed run left, and nobody reads them.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import narwhals as nw
import polars as pl

from hotmess.engines import HERE, Engine
from hotmess.errors import EmptyTable, Notice, OtherVersion, UnreadableFile
from hotmess.read.files import STORE, is_remote
from hotmess.read.places import Place

__all__ = ["KEYS", "Kept", "Record", "Store", "current", "is_store", "sketch", "stacked", "with_kept_texts"]

VERSION = 1
KEYS = ("task", "model", "setting", "question_id", "context_id", "sample_id", "test_id")
"""What names a response (a row of it, for unit tests)."""

_SKETCH = 64  # hashes: logs that share a twentieth of their responses share one of these in 96 of 100 cases
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A part.

    Attributes:
        path: its place in the store.
        rows: how many rows it has.
        size: in bytes.
        columns: name and type of each column.
    """

    path: str
    rows: int
    size: int
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A log, as the store knows it.

    Attributes:
        key: the name of its content.
        sources: where it lies: the names of its logs, of which several may have the same content.
        size: of the log, in bytes.
        at: when it was read, in nanoseconds since 1970: of two records of one log the later one counts.
        rows: how many samples it holds.
        samples: its parts.
        texts: the parts with what was said.
        notices: what must be known about it: code and words.
        failed: why it could not be read; empty if it could.
        sketch: the smallest hashes of the names of its responses: two logs that share one hold the same responses.
    """

    key: str
    sources: tuple[str, ...]
    size: int
    at: int = 0
    rows: int = 0
    samples: tuple[Kept, ...] = ()
    texts: tuple[Kept, ...] = ()
    notices: tuple[tuple[str, str], ...] = ()
    failed: str = ""
    sketch: tuple[int, ...] = ()

    def to_json(self) -> bytes:
        """As it is kept."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def of(cls, text: bytes) -> "Record":
        """As it was kept.

        Raises:
            msgspec.DecodeError: it is damaged.
        """
        return msgspec.json.decode(text, type=cls)


def is_store(source: str) -> bool:
    """Whether a path is a store."""
    if is_remote(source):
        return "*" not in source and Place(source).has(STORE)
    return (Path(source) / STORE).is_file()


@dataclass(frozen=True, slots=True)
class Store:
    """A store that is there."""

    place: Place

    @classmethod
    def open(cls, root: str) -> "Store":
        """Look whether it is one that can be read.

        Raises:
            OtherVersion: another version of hotmess made it.
            UnreadableFile: its mark is damaged.
        """
        place = Place(root)
        try:
            version = json.loads(place.read(STORE))["hotmess_store"]
        except (ValueError, KeyError, TypeError, OSError) as problem:
            raise UnreadableFile(
                f"`{place.path(STORE)}` is damaged: {problem}", hint="ingest the logs into a new store; nothing of it is lost"
            ) from problem
        if version != VERSION:
            raise OtherVersion(
                f"`{root}` is a store of version {version}; this hotmess reads version {VERSION}",
                hint="hotmess ingest LOGS -o NEW_STORE",
            )
        return cls(place)

    @classmethod
    def make(cls, root: str) -> "Store":
        """The store of this name; a new one, if there is none."""
        place = Place(root)
        if not place.has(STORE):
            place.write(STORE, json.dumps({"hotmess_store": VERSION}).encode())
        return cls.open(root)

    def records(self) -> tuple[list[Record], list[str]]:
        """Every record of the store, by source, and the names of those that are damaged."""
        found, damaged = [], []
        for name in self.place.names("logs"):
            try:
                found.append(Record.of(self.place.read(name)))
            except msgspec.DecodeError:
                damaged.append(name)
        return sorted(found, key=lambda record: (record.sources, record.key)), damaged

    def scan(self, parts: Sequence[Kept], engine: Engine = HERE) -> nw.LazyFrame[Any]:
        """The rows of some parts, lazy; a column that some parts lack is null there."""
        alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for part in parts:
            alike.setdefault(part.columns, []).append(part.path)
        return stacked([self._scan(paths, engine) for paths in alike.values()])

    def _scan(self, paths: Sequence[str], engine: Engine) -> nw.LazyFrame[Any]:
        if self.place.native or not engine.is_here:
            return engine.scan([self.place.path(path) for path in paths])
        return nw.from_native(pl.scan_parquet([self.place.read(path) for path in paths], hive_partitioning=False))

    def samples(self, engine: Engine = HERE) -> tuple[nw.LazyFrame[Any], tuple[Notice, ...], str]:
        """All samples, what must be known about them, and words that say what was read.

        Args:
            engine: what is to run queries over them.

        Raises:
            EmptyTable: no log is in it.
            UnreadableFile: parts are missing.
        """
        records, damaged = self.records()
        records = current(records)
        parts = [part for record in records for part in record.samples]
        if not parts:
            raise EmptyTable(f"the store `{self.place.root}` holds no samples", hint="hotmess ingest LOGS -o STORE")
        there = set(self.place.names("samples"))
        gone = [part.path for part in parts if part.path not in there]
        if gone:
            raise UnreadableFile(
                f"{len(gone)} of {len(parts)} parts of the store `{self.place.root}` are missing, the first: {gone[0]}",
                why="figures of the rest would be about other samples",
                hint="ingest their logs again: only what is missing is read",
            )
        logs = sum(not record.failed for record in records)
        frame, twice = self._once(records, engine)
        return frame, (*_notices(records, damaged), *twice), f"store of {logs:,} log{'s' if logs != 1 else ''}"

    def _once(self, records: Sequence[Record], engine: Engine) -> tuple[nw.LazyFrame[Any], list[Notice]]:
        """The rows of all logs; of those that hold responses of one another, as a retried log does, each response once."""
        apart, torn = list[Record](), list[list[Record]]()
        for group in _overlapping([record for record in records if record.samples]):
            if len(group) > 1:
                torn.append(group)
            else:
                apart += group
        frames = [self.scan([part for record in apart for part in record.samples], engine)] if apart else []
        for group in torn:
            ranked = [self.scan(record.samples, engine).with_columns(_rank=nw.lit(rank)) for rank, record in enumerate(group)]
            frame = stacked(ranked)
            keys = [name for name in KEYS if name in frame.collect_schema()]
            last = nw.col("_rank").max().over(*keys)
            frames.append(frame.with_columns(_last=last).filter(nw.col("_rank") == nw.col("_last")).drop("_rank", "_last"))
        if not torn:
            return stacked(frames), []
        many = sum(len(group) for group in torn)
        found = f"{many:,} logs of the store hold responses of one another, as a retried log does; each response counts once"
        return stacked(frames), [Notice("copies", found)]


def stacked(frames: Sequence[nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
    """The rows of frames of one engine, under each other; a column has one type, and is null where a frame lacks it."""
    if len(frames) == 1:
        return frames[0]
    schemas = [frame.collect_schema() for frame in frames]
    empty = [pl.DataFrame(schema=schema.to_polars()) for schema in schemas]
    common = nw.Schema.from_polars(pl.concat(empty, how="diagonal_relaxed").schema)
    alike = [frame.select(*_as(common, schema)) for frame, schema in zip(frames, schemas, strict=True)]
    return nw.concat(alike, how="vertical")


def _as(common: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[nw.Expr]:
    """Columns of some types, of a frame of others."""
    for name, dtype in common.items():
        if name not in schema:
            yield nw.lit(None, dtype=dtype).alias(name)
        else:
            yield nw.col(name) if schema[name] == dtype else nw.col(name).cast(dtype)


def current(records: Sequence[Record]) -> list[Record]:
    """The records that count: of each log the latest that could be read, and a failure that came after it."""
    read: dict[str, Record] = {}
    failed: dict[str, Record] = {}
    for record in sorted(records, key=lambda one: one.at):
        (failed if record.failed else read).update(dict.fromkeys(record.sources, record))
    later = {one.key for source, one in failed.items() if source not in read or one.at > read[source].at}
    kept = {record.key for record in read.values()} | later
    return [record for record in records if record.key in kept]


def sketch(table: pl.DataFrame) -> tuple[int, ...]:
    """The smallest hashes of the names that a tool gave to its responses; see `Record.sketch`."""
    if table.schema.get("sample_id") != pl.String:
        return ()
    given = ~pl.col("sample_id").str.contains("/", literal=True)  # of those that readers count, two may meet by accident
    names = table.filter(given).select([name for name in KEYS if name in table.columns])
    return tuple(names.hash_rows(seed=0).unique().sort().head(_SKETCH).to_list())


def _overlapping(records: Sequence[Record]) -> list[list[Record]]:
    """The logs in groups: those that share responses, directly or through others, together."""
    groups: dict[int, list[Record]] = {}
    of: dict[int, int] = {}
    for place, record in enumerate(records):
        touched = {of[one] for one in record.sketch if one in of}
        groups[place] = [old for number in sorted(touched) for old in groups.pop(number)] + [record]
        of |= {one: place for old in groups[place] for one in old.sketch}
    return list(groups.values())


def with_kept_texts(frame: pl.LazyFrame, stores: Sequence[Store], questions: Collection[str]) -> pl.LazyFrame:
    """The samples of some questions with what was said in them, from the parts that hold it.

    Args:
        frame: the samples.
        stores: where they are from.
        questions: the `question_id` of those that are wanted, as text.
    """
    wanted = pl.col("question_id").cast(pl.String).is_in(list(questions))
    frame = frame.filter(wanted)
    parts = [(store, part) for store in stores for record in current(store.records()[0]) for part in record.texts]
    if not parts:
        return frame
    texts = pl.concat([store.scan([part]).to_native() for store, part in parts], how="diagonal_relaxed").filter(wanted)
    names = frame.collect_schema().names()
    keys = [name for name in (*KEYS, "source", "source_ref") if name in names and name in texts.collect_schema()]
    said = texts.select(*keys, "completion", "prompt").unique(keys, keep="last")
    return frame.drop("completion", "prompt", strict=False).join(said, on=keys, how="left", nulls_equal=True)


def _notices(records: Sequence[Record], damaged: Sequence[str]) -> list[Notice]:
    """What was said of each log, those of one code together; and which logs could not be read."""
    said: dict[str, list[str]] = {}
    for record in records:
        for code, found in record.notices:
            said.setdefault(code, []).append(found)
    notices = []
    for code, words in said.items():
        shown = "; ".join(dict.fromkeys(words[:_SHOWN]))
        notices.append(Notice(code, shown + (f"; and {len(words) - _SHOWN:,} more like these" if len(words) > _SHOWN else "")))
    failed = [record for record in records if record.failed]
    if failed or damaged:
        first = failed[0].failed if failed else f"the record {damaged[0]} is damaged"
        notices.append(Notice("skipped", f"{len(failed) + len(damaged):,} logs of the store could not be read: {first}"))
    return notices
