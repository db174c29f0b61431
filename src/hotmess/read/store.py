"""A store: the sample tables of many logs as one folder of Parquet parts, which grows log by log and needs no server.

::

    STORE/hotmess-store.json                        what it is, and its version
    STORE/logs/KEY.json                             a record for each log: what it holds and where, or why it could not be read
    STORE/samples/task=T/model=M/KEY-0.parquet      its samples, sorted by question
    STORE/texts/task=T/model=M/KEY-0.parquet        what was said, apart, since it is a thousand times as large

KEY is made of the bytes of the log, of how it was read, and of the version of the readers. A record is written last, so that a
log is in the store whole or not at all; parts without a record are what a killed run left, and nobody reads them. Small parts may
have been put together; see `hotmess.read.covers`.
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
from hotmess.errors import BadShape, EmptyTable, Notice, OtherVersion, UnreadableFile
from hotmess.frames import SCHEMA, polars
from hotmess.read.covers import PART, Cover, covering, covers, known_covers, shares
from hotmess.read.files import STORE, is_remote
from hotmess.read.places import Place
from hotmess.read.record import KEYS, Kept, Record, current, overlapping, sketch, words

__all__ = ["KEYS", "Kept", "Record", "Store", "current", "is_store", "sketch", "stacked", "with_kept_texts"]

VERSION = 1


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
        # What a run was writing when it was killed has another ending.
        names = [name for name in self.place.names("logs") if name.endswith(".json")]
        for name, text in self.place.contents(names):
            try:
                found.append(Record.of(text))
            except msgspec.DecodeError:
                damaged.append(name)
        return sorted(found, key=lambda record: (record.sources, record.key)), damaged

    def covered(self, parts: Sequence[Kept]) -> dict[str, Cover]:
        """The covers that parts are to be read from, by the paths of the parts that they have."""
        return covering(self.place, parts, covers(self.place)[0])

    def has(self, parts: Sequence[Kept]) -> bool:
        """Whether parts are there, or covers that have them."""
        lacking = [part for part in parts if self.place.size(part.path) != part.size]
        return not lacking or len(covering(self.place, lacking, known_covers(self.place))) == len(lacking)

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

    def rows(self, parts: Sequence[Kept], covered: Mapping[str, Cover], engine: Engine = HERE) -> nw.LazyFrame[Any]:
        """The rows of some parts, from where they are.

        Args:
            parts: the parts.
            covered: the covers that some are read from.
            engine: what is to run queries over them.
        """
        plain = [part for part in parts if part.path not in covered]
        frames = [self.scan(plain, engine)] if plain else []
        for kept, names in shares(parts, covered):
            frame = self.scan(kept, engine)
            frame = frame if names is None else frame.filter(nw.col(PART).is_in(names))
            frames.append(frame.drop(PART))
        return stacked(frames)

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
        covered = self.covered(parts)
        gone = self._lacking([part for part in parts if part.path not in covered])
        if gone:
            found = f"{len(gone)} of {len(parts)} parts of the store `{self.place.root}` are missing or cut off"
            raise UnreadableFile(
                f"{found}, the first: {gone[0]}",
                why="figures of the rest would be about other samples",
                hint="ingest their logs again: only what is missing is read",
            )
        logs = sum(not record.failed for record in records)
        frame, twice = self._once(records, covered, engine)
        return frame, (*words(records, damaged), *twice), f"store of {logs:,} log{'s' if logs != 1 else ''}"

    def _lacking(self, parts: Sequence[Kept]) -> list[str]:
        """The parts that are not there whole; at an address, where each question takes its time, what is there is whole."""
        if is_remote(self.place.root):
            there = set(self.place.names("samples"))
            return [part.path for part in parts if part.path not in there]
        return [part.path for part in parts if self.place.size(part.path) != part.size]

    def _once(
        self, records: Sequence[Record], covered: Mapping[str, Cover], engine: Engine
    ) -> tuple[nw.LazyFrame[Any], list[Notice]]:
        """The rows of all logs; of those that hold responses of one another, as a retried log does, each response once."""
        apart, torn = list[Record](), list[list[Record]]()
        for group in overlapping([record for record in records if record.samples]):
            if len(group) > 1:
                torn.append(group)
            else:
                apart += group
        frames = [self.rows([part for record in apart for part in record.samples], covered, engine)] if apart else []
        for group in torn:
            rows = [self.rows(record.samples, covered, engine) for record in group]
            frame = stacked([frame.with_columns(_rank=nw.lit(rank)) for rank, frame in enumerate(rows)])
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
    common = _common(schemas)
    alike = [frame.select(*_as(common, schema)) for frame, schema in zip(frames, schemas, strict=True)]
    return nw.concat(alike, how="diagonal")  # vertically, one engine throws out rows that are alike


def _common(schemas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For every column the type that holds what all frames have in it; of lists, whose types not every engine tells, ours."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for schema in schemas for name in schema):
        dtypes = [schema[name] for schema in schemas if name in schema]
        dtype = dtypes[0] if len(set(dtypes)) == 1 else _wider(name, dtypes)
        if dtype == nw.Unknown and name in SCHEMA:
            dtype = nw.Schema.from_polars(pl.Schema({name: SCHEMA[name]}))[name]
        if dtype != nw.Unknown or len(dtypes) == len(schemas):  # of a list of we do not know what, nothing can be null
            found[name] = dtype
    return found


def _wider(name: str, dtypes: Sequence[Any]) -> Any:
    """A type that holds all of these; numbers and texts together are texts.

    Raises:
        BadShape: there is none.
    """
    empty = [pl.DataFrame(schema=nw.Schema({name: dtype}).to_polars()) for dtype in dict.fromkeys(dtypes)]
    try:
        return nw.Schema.from_polars(pl.concat(empty, how="vertical_relaxed").schema)[name]
    except pl.exceptions.PolarsError as problem:
        if not any(one.schema[name].is_nested() for one in empty):
            return nw.String()
        shown = " and ".join(str(one.schema[name]) for one in empty)
        raise BadShape(
            f"`{name}` holds {shown} in different logs of the store",
            hint=f"--columns {name}=    (to ignore the column), or give these logs a store of their own",
        ) from problem


def _as(common: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[nw.Expr]:
    """Columns of some types, of a frame of others."""
    for name, dtype in common.items():
        if name not in schema:
            yield nw.lit(None, dtype=dtype).alias(name)
        else:
            yield nw.col(name) if schema[name] in (dtype, nw.Unknown) else nw.col(name).cast(dtype)


def with_kept_texts(samples: nw.LazyFrame[Any], stores: Sequence[Store], questions: Collection[str]) -> pl.LazyFrame:
    """The samples of some questions with what was said in them, from the parts that hold it.

    Args:
        samples: all samples; of another engine those that are wanted are fetched.
        stores: where they are from.
        questions: the `question_id` of those that are wanted, as text.
    """
    wanted = nw.col("question_id").cast(nw.String).is_in(list(questions))
    frame = polars(samples.filter(wanted))
    parts = [(store, part) for store in stores for record in current(store.records()[0]) for part in record.texts]
    if not parts:
        return frame
    texts = polars(stacked([store.scan([part]) for store, part in parts]).filter(wanted))
    names = frame.collect_schema().names()
    keys = [name for name in (*KEYS, "source", "source_ref") if name in names and name in texts.collect_schema()]
    said = texts.select(*keys, "completion", "prompt").unique(keys, keep="last")
    return frame.drop("completion", "prompt", strict=False).join(said, on=keys, how="left", nulls_equal=True)
