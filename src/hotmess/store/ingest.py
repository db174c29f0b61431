"""Logs into a store: a map over files, each by itself, idempotent, so that a run may die and be started again.

``sources → units → (read, split, write parts, write the record) → superseded records removed``. A unit is a file, or the files
that only say something together. What one unit becomes depends on its bytes alone: a worker may be killed, its unit done twice.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b, file_digest
from multiprocessing import get_context
from time import time_ns
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import polars as pl

from hotmess.errors import HotmessError, NotATable, PredictionError, TableError, UsageError
from hotmess.read import Reading
from hotmess.read.files import File, files
from hotmess.read.gather import together
from hotmess.read.log import How
from hotmess.read.store import Kept, Record, Store, current, sketch
from hotmess.store.parts import write_parts

__all__ = ["Ingested", "ingest"]

EXTRACTION = 1  # of the readers: a higher number reads every log again
_LONGEST = 80  # characters of a name of a folder
_TEXTS = 2000  # questions whose texts are held at once
_BROKEN = 3  # times that a pool of workers may break, before the rest is done here

Became = Literal["new", "grown", "there", "aside", "failed"]
Engine = Callable[[Callable[["Unit"], "Ingested"], Sequence["Unit"]], Iterator["Ingested"]]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read together.

    Attributes:
        root: the store.
        files: the files.
        source: what to call it; the same log at another time has the same name.
        size: in bytes.
        how: what to read.
        texts: whether to keep what was said.
    """

    root: str
    files: tuple[File, ...]
    source: str
    size: int
    how: How
    texts: bool


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a unit.

    Attributes:
        record: what the store knows of it now.
        became: new; grown, where an older version of it was there; there already; aside, where it is no log; or failed.
    """

    record: Record
    became: Became


def ingest(
    sources: Sequence[str],
    root: str,
    *,
    how: How | None = None,
    texts: bool = True,
    processes: int = 1,
    engine: Engine | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Ingested]:
    """Bring logs into a store. The same log twice adds nothing; a log that grew replaces what it was.

    Args:
        sources: files, folders, patterns and addresses of logs.
        root: the store, a folder or an address; it is made if it is not there.
        how: what to read, where a log leaves a choice.
        texts: whether to keep what was said, apart.
        processes: how many logs to read at once.
        engine: maps a function over units elsewhere, such as on a cluster.
        progress: is told how many bytes of logs were read, of how many.

    Raises:
        NoSuchPath: a source does not exist.
        NotATable: there is no log among them.
        CannotWrite: the store cannot be written.
    """
    how = how or How()
    if how.keep is not None:
        raise UsageError("a store keeps whole logs", hint="leave `keep` out")
    store = Store.make(root)
    units = [_unit(root, name, group, how, texts=texts) for name, group in together(files(sources)).items()]
    if not units:
        raise NotATable("there is no log in what was given", hint="hotmess check FILE says what a file is")
    before = {source for record in store.records()[0] if not record.failed for source in record.sources}
    total, done, found = sum(unit.size for unit in units), 0, []
    for one in (engine or _here(1 if root.startswith("memory://") else processes))(ingest_unit, units):
        grown = one.became == "new" and before.issuperset(one.record.sources)
        found.append(Ingested(one.record, "grown") if grown else one)
        done += one.record.size
        if progress is not None:
            progress(done, total)
    _settle(store, found)
    return sorted(found, key=lambda one: one.record.sources)


def _unit(root: str, name: str, group: Sequence[File], how: How, *, texts: bool) -> Unit:
    return Unit(root, tuple(group), name, sum(max(file.size, 0) for file in group), how, texts)


def _settle(store: Store, found: Sequence[Ingested]) -> None:
    """Say of every record which logs have its content now, and take out what no log has any more.

    A log that another one has the content of, or that was renamed, keeps its record; what could not be read takes nothing out.
    """
    now = {source: one.record.key for one in found if one.became not in ("failed", "aside") for source in one.record.sources}
    records, _ = store.records()
    alive = {record.key for record in current(records)}
    for record in records:
        kept = [source for source in record.sources if now.get(source, record.key) == record.key] if record.key in alive else []
        kept += [source for source, key in now.items() if key == record.key and source not in kept and not record.failed]
        if not kept:
            store.place.remove(f"logs/{record.key}.json")
            for part in (*record.samples, *record.texts):
                store.place.remove(part.path)
        elif tuple(kept) != record.sources:
            store.place.write(f"logs/{record.key}.json", replace(record, sources=tuple(kept)).to_json())


# ---------------------------------------------------------------------------------------------- workers


def _here(processes: int) -> Engine:
    """A map on this machine: in this process, or in several; what a dead one left is done by others."""

    def run(work: Callable[[Unit], Ingested], units: Sequence[Unit]) -> Iterator[Ingested]:
        if processes <= 1 or len(units) < 2:
            yield from map(work, units)
            return
        left = dict(enumerate(units))
        for _ in range(_BROKEN):
            with suppress(BrokenProcessPool):  # somebody killed one of them
                for place, found in _pooled(work, dict(left), processes):
                    del left[place]
                    yield found
            if not left:
                return
        yield from map(work, left.values())

    return run


def _pooled(work: Callable[[Unit], Ingested], left: dict[int, Unit], processes: int) -> Iterator[tuple[int, Ingested]]:
    with ProcessPoolExecutor(min(processes, len(left)), mp_context=get_context("spawn")) as pool:
        try:
            futures = {pool.submit(work, unit): place for place, unit in left.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ingest_unit(unit: Unit) -> Ingested:
    """Bring one unit in; what is wrong with it is kept as its record, for the others go on."""
    store = Store.open(unit.root)
    key, named = blake2b(unit.source.encode(), digest_size=10).hexdigest(), (unit.source,)
    became: Became = "failed"
    try:
        key = _key(unit)
        known = _known(store, key)
        if known is not None:
            return Ingested(replace(known, sources=named, size=unit.size), "there")
        record, became = _written(store, unit, key), "new"
    except HotmessError as problem:
        record = Record(key, named, unit.size, time_ns(), failed=problem.found)
        # a table of something else lies among logs
        aside = isinstance(problem, (NotATable, TableError, PredictionError)) and not any(file.asked for file in unit.files)
        if aside:
            return Ingested(record, "aside")
    store.place.write(f"logs/{record.key}.json", record.to_json())
    return Ingested(record, became)


def _known(store: Store, key: str) -> Record | None:
    """The record of this content, if it was read, and all its parts are there."""
    name = f"logs/{key}.json"
    if not store.place.has(name):
        return None
    try:
        record = Record.of(store.place.read(name))
    except msgspec.DecodeError:
        return None
    parts = (*record.samples, *record.texts)
    return record if not record.failed and all(store.place.size(part.path) == part.size for part in parts) else None


def _key(unit: Unit) -> str:
    """The name of a unit's content: of its bytes, how it is read, and by which readers."""
    whole = blake2b(repr((EXTRACTION, unit.how, unit.texts)).encode(), digest_size=10)
    for file in unit.files:
        with file.open() as stream:
            whole.update(file_digest(stream, "blake2b").digest())
    return whole.hexdigest()


def _written(store: Store, unit: Unit, key: str) -> Record:
    """Read a unit and write its parts."""
    reading = Reading.of(unit.files, {}, unit.how)
    if reading.logs is None and not {"sample_id", "test_id"} & set(reading.frame.collect_schema()):
        reading = replace(reading, frame=reading.frame.with_columns(sample_id=pl.format("/{}", pl.int_range(pl.len()))))
    table = _named(reading.table().with_columns(pl.col(pl.Categorical).cast(pl.String)), key)
    samples, texts = list[Kept](), list[Kept]()
    for where, rows in _folders(table.drop("completion", "prompt", strict=False)):
        samples += write_parts(store, f"samples/{where}", rows, key)
        for at, told in enumerate(_texts(reading, rows) if unit.texts else ()):
            texts += write_parts(store, f"texts/{where}", _named(told, key), f"{key}-{at}")
    said = tuple((notice.code, notice.found) for notice in reading.notices)
    given = sketch(table) if reading.logs is not None else ()
    return Record(key, (unit.source,), unit.size, time_ns(), table.height, tuple(samples), tuple(texts), said, sketch=given)


def _named(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """Rows with ids that meet those of no other log by accident: ids that hold a slash are of our own making, and count rows."""
    if table.schema.get("sample_id") != pl.String:
        return table
    made = pl.col("sample_id").str.contains("/", literal=True)
    return table.with_columns(sample_id=pl.when(made).then(pl.format(f"{{}} in {key}", "sample_id")).otherwise("sample_id"))


def _folders(table: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows of each task and model, and the folder that they belong in."""
    names = [name for name in ("task", "model") if name in table.columns]
    if not names:
        yield "all", table
        return
    for values, rows in table.partition_by(names, maintain_order=True, as_dict=True).items():
        yield "/".join(f"{name}={_quoted(value)}" for name, value in zip(names, values, strict=True)), rows


def _quoted(value: Any) -> str:
    """A name of a folder that any file system takes, and no other value has."""
    plain = quote(str(value), safe="")
    if value is not None and 0 < len(plain) <= _LONGEST:
        return plain
    return f"{plain[:_LONGEST]}~{blake2b(repr(value).encode(), digest_size=4).hexdigest()}"


def _texts(reading: Reading, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What was said in some samples, a number of questions at a time."""
    questions = rows["question_id"].cast(pl.String).unique(maintain_order=True).to_list()
    only = {name: rows[name][0] for name in ("task", "model") if name in rows.columns}
    for first in range(0, len(questions), _TEXTS):
        said = reading.transcripts(questions[first : first + _TEXTS], **only)
        if said.height:
            yield said
