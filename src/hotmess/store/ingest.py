"""Logs into a store: a map over files, each by itself, idempotent, so that a run may die and be started again.

``sources → units → (read, split, write parts, write the record) → superseded records removed``. A unit is a file, or the files
that only say something together. What one unit becomes depends on its bytes alone: a worker may be killed, its unit done twice.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, file_digest
from pathlib import Path
from platform import node
from time import time_ns
from typing import Literal

import msgspec
import narwhals as nw
import polars as pl

from hotmess.engines import HERE, Engine
from hotmess.errors import (
    CannotWrite,
    HotmessError,
    NotATable,
    PredictionError,
    TableError,
    Unreachable,
    UnreadableFile,
    UsageError,
)
from hotmess.frames import named
from hotmess.read.files import File, files, is_remote
from hotmess.read.gather import together
from hotmess.read.log import How
from hotmess.read.store import Record, Store, current, is_store
from hotmess.store.mapped import mapped
from hotmess.store.unit import Unit
from hotmess.store.written import written

__all__ = ["Ingested", "ingest"]

EXTRACTION = 1  # of the readers: a higher number reads every log again

Became = Literal["new", "grown", "there", "aside", "failed"]


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
    engine: Engine = HERE,
    columns: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Ingested]:
    """Bring logs into a store. The same log twice adds nothing; a log that grew replaces what it was.

    Args:
        sources: files, folders, patterns and addresses of logs.
        root: the store, a folder or an address; it is made if it is not there.
        how: what to read, where a log leaves a choice.
        texts: whether to keep what was said, apart.
        processes: how many logs to read at once, on this machine.
        engine: what reads them, by `hotmess.engines.engine_of`: this machine, or a cluster of Ray or Spark, whose machines see
            the logs and the store under the same names.
        columns: our column names to theirs, where those of tables differ; logs have names of their own.
        progress: is told how many bytes of logs were read, of how many.

    Raises:
        NoSuchPath: a source does not exist.
        NotATable: there is no log among them.
        CannotWrite: the store cannot be written, or there is something else where it should be.
        Unreachable: the cluster cannot be reached, or does not see the store.
        UsageError: `columns` names what no sample table has.
    """
    how, names = how or How(), tuple(sorted((columns or {}).items()))
    if how.keep is not None:
        raise UsageError("a store keeps whole logs", hint="leave `keep` out")
    _check_names(names)
    root = root if is_remote(root) else Path(root).absolute().as_posix()  # workers of a cluster stand elsewhere
    _check_place(root)
    units = [_unit(root, name, group, how, names, texts=texts) for name, group in together(files(sources)).items()]
    if not units:
        raise NotATable("there is no log in what was given", hint="hotmess check FILE says what a file is")
    store = Store.make(root)
    before = [record for record in store.records()[0] if not record.failed]
    known, keys = {source for record in before for source in record.sources}, {record.key for record in before}
    total, done, found = sum(unit.size for unit in units), 0, list[Ingested]()
    for one in mapped(ingest_unit, units, engine=engine, processes=1 if root.startswith("memory://") else processes):
        found.append(_since(one, known, keys))
        keys.add(one.record.key)
        done += one.record.size
        if progress is not None:
            progress(done, total)
    _settle(store, found)
    return sorted(found, key=lambda one: one.record.sources)


def _unit(root: str, name: str, group: Sequence[File], how: How, columns: tuple[tuple[str, str], ...], *, texts: bool) -> Unit:
    return Unit(root, tuple(group), name, sum(max(file.size, 0) for file in group), how, texts, columns)


def _check_place(root: str) -> None:
    """See that a store may be made here: among logs it would hide them.

    Raises:
        CannotWrite: there is something else.
    """
    place = Path(root)
    if is_store(root) or is_remote(root) or not place.exists():  # an address that cannot be reached is said first
        return
    if not place.is_dir() or any(place.iterdir()):
        what = "is a folder that holds other files" if place.is_dir() else "is a file"
        raise CannotWrite(
            f"`{root}` {what}", why="a store is a folder of its own; among logs it would hide them", hint=f"-o {root}-store"
        )


def _check_names(columns: Sequence[tuple[str, str]]) -> None:
    """Refuse names before logs are read by them."""
    theirs = pl.LazyFrame(schema={theirs: pl.String for _, theirs in columns if theirs})
    named(nw.from_native(theirs), dict(columns))


def _since(one: Ingested, known: Collection[str], keys: Collection[str]) -> Ingested:
    """What became of a unit since there were these logs and contents: it is new, too, if a worker that died brought it in."""
    if one.became != "new" and (one.became != "there" or one.record.key in keys):
        return one
    return Ingested(one.record, "grown" if all(source in known for source in one.record.sources) else "new")


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


def ingest_unit(unit: Unit) -> Ingested:
    """Bring one unit in; what is wrong with it is kept as its record, for the others go on.

    Raises:
        Unreachable: the store is not where it was made.
    """
    store = _store(unit.root)
    key, sources = blake2b(unit.source.encode(), digest_size=10).hexdigest(), (unit.source,)
    became: Became = "failed"
    try:
        key = _key(unit)
        known = _known(store, key)
        if known is not None:
            return Ingested(replace(known, sources=sources, size=unit.size), "there")
        record, became = written(store, unit, key), "new"
    except HotmessError as problem:
        record = Record(key, sources, unit.size, time_ns(), failed=_why(problem))
        # a table of something else lies among logs
        aside = isinstance(problem, (NotATable, TableError, PredictionError)) and not any(file.asked for file in unit.files)
        if aside:
            return Ingested(record, "aside")
    store.place.write(f"logs/{record.key}.json", record.to_json())
    return Ingested(record, became)


def _store(root: str) -> Store:
    try:
        return Store.open(root)
    except UnreadableFile as problem:
        if not isinstance(problem.__cause__, FileNotFoundError):
            raise
        raise Unreachable(
            f"the store `{root}` is not there on {node()}",
            why="every machine of a cluster writes its part of it",
            hint="-o s3://bucket/store, or a folder that all machines share",
        ) from problem


def _why(problem: HotmessError) -> str:
    """Why a unit could not be read; a file that was listed may be on the disk of another machine."""
    if isinstance(problem, UnreadableFile) and isinstance(problem.__cause__, FileNotFoundError):
        return f"{problem.found} (on {node()}, though it was listed: deleted since, or on a disk that {node()} does not share)"
    return problem.found


def _known(store: Store, key: str) -> Record | None:
    """The record of this content, if it was read, and all its parts are there."""
    name = f"logs/{key}.json"
    if not store.place.has(name):
        return None
    try:
        record = Record.of(store.place.read(name))
    except msgspec.DecodeError:
        return None
    return record if not record.failed and store.has((*record.samples, *record.texts)) else None


def _key(unit: Unit) -> str:
    """The name of a unit's content: of its bytes, how it is read, and by which readers."""
    whole = blake2b(repr((EXTRACTION, unit.how, unit.texts, *unit.columns)).encode(), digest_size=10)
    for file in unit.files:
        with file.open() as stream:
            whole.update(file_digest(stream, "blake2b").digest())
    return whole.hexdigest()
