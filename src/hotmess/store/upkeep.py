"""Looking after a store: whether it is whole, and what a killed run left."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.read.store import Kept, Store

__all__ = ["YOUNG", "Found", "clean", "verify"]

YOUNG = 3600.0  # seconds, below which a part without a record may still get one


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong with a store.

    Attributes:
        missing: parts that a record names and that are not there.
        damaged: parts, or records, that cannot be read, or hold other numbers of rows than their record says.
        orphans: parts that no record names: what a killed run left. Nobody reads them.
    """

    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that was ingested is there."""
        return not (self.missing or self.damaged)


def verify(store: Store) -> Found:
    """Read every part to its end, and compare with the records."""
    records, damaged = store.records()
    parts = [part for record in records for part in (*record.samples, *record.texts)]
    there = {*store.place.names("samples"), *store.place.names("texts")}
    missing = [part.path for part in parts if part.path not in there]
    twice = [path for path, count in Counter(part.path for part in parts).items() if count > 1]
    bad = [part.path for part in parts if part.path in there and not _is_whole(store, part)]
    return Found(tuple(missing), (*damaged, *bad, *twice), tuple(sorted(there - {part.path for part in parts})))


def _is_whole(store: Store, part: Kept) -> bool:
    try:
        frame: pl.LazyFrame = store.scan([part]).to_native()
        rows = frame.select(pl.all().count(), _rows=pl.len()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError):
        return False
    return bool(rows["_rows"][0] == part.rows)


def clean(store: Store, *, older: float = YOUNG) -> tuple[str, ...]:
    """Remove parts that no record names, and return their names.

    Args:
        store: the store.
        older: than how many seconds: the parts of a run that is going on have no record yet.

    Raises:
        UnreadableFile: a record is damaged, so that nobody knows whose parts are whose.
    """
    _, damaged = store.records()
    if damaged:
        raise UnreadableFile(
            f"{len(damaged)} records of the store are damaged, the first: {damaged[0]}",
            why="their parts look as if nobody knew them",
            hint="ingest the logs again, then clean",
        )
    gone = tuple(name for name in verify(store).orphans if store.place.age(name) >= older)
    for name in gone:
        store.place.remove(name)
    return gone
