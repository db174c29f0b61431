"""Looking after a store: whether it is whole, and what nobody reads any more."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.read.covers import COVERS, PART, Cover, covering, covers, stem
from hotmess.read.record import Kept
from hotmess.read.store import Store

__all__ = ["YOUNG", "Found", "clean", "verify"]

YOUNG = 3600.0  # seconds, below which a part without a record may still get one, and a part that was replaced may be being read


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong with a store.

    Attributes:
        missing: parts that a record names and that are not there.
        damaged: parts, or records, that cannot be read, or hold other numbers of rows than their record says.
        orphans: files that nobody reads: what a killed run left, parts that others replace, covers of which nothing counts.
    """

    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that was ingested is there."""
        return not (self.missing or self.damaged)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A store, read to its end.

    Attributes:
        found: what is wrong with it.
        covered: sound covers, by the parts that are read from them.
        known: all covers that can be read.
    """

    found: Found
    covered: Mapping[str, Cover]
    known: Sequence[Cover]


def verify(store: Store) -> Found:
    """Read every part to its end, and compare with the records."""
    return _seen(store).found


def _seen(store: Store) -> _Seen:
    records, damaged = store.records()
    samples = [part for record in records for part in record.samples]
    parts = [*samples, *(part for record in records for part in record.texts)]
    known, torn = covers(store.place)
    covered, bad = _sound(store, samples, known)
    there = {*store.place.names("samples"), *store.place.names("texts")}
    needed = [part for part in parts if part.path not in covered]
    missing = [part.path for part in needed if part.path not in there]
    twice = [path for path, count in Counter(part.path for part in parts).items() if count > 1]
    bad += [part.path for part in needed if part.path in there and not _is_whole(store, part)]
    read = {part.path for part in needed} | {part.path for cover in covered.values() for part in cover.parts}
    # what may hold the only copy of something stays, in whatever state it is
    held = [cover for cover in known if any(part.path in missing for part in cover.replaces)]
    read |= {part.path for cover in held for part in cover.parts} | {cover.path for cover in (*covered.values(), *held)}
    read |= {name for name in there for lost in torn if stem(name).startswith(f"compact-{stem(lost)}-")}
    idle = {*there, *(cover.path for cover in known)} - read
    idle |= {name for folder in ("logs", COVERS) for name in store.place.names(folder) if name.endswith(".part")}
    found = Found(tuple(missing), tuple(dict.fromkeys((*damaged, *torn, *bad, *twice))), tuple(sorted(idle)))
    return _Seen(found, covered, known)


def _sound(store: Store, parts: Sequence[Kept], known: Sequence[Cover]) -> tuple[dict[str, Cover], list[str]]:
    """The covers that parts can be read from, each of them read to its end, and the parts of others that are damaged."""
    checked: dict[str, list[str]] = {}
    while True:
        sound = [cover for cover in known if not checked.get(cover.name)]
        covered = covering(store.place, parts, sound)
        new = {cover.name: cover for cover in covered.values() if cover.name not in checked}
        if not new:
            break
        checked |= {name: _damages(store, cover) for name, cover in new.items()}
    bad = [path for paths in checked.values() for path in paths]
    left = {part.path for part in parts if part.path not in covered}
    broken = [cover for cover in sound if cover.name not in checked and any(part.path in left for part in cover.replaces)]
    return covered, bad + [path for cover in broken for path in _damages(store, cover)]


def _damages(store: Store, cover: Cover) -> list[str]:
    """The parts of a cover that are damaged; the cover itself, if they do not hold what it says."""
    bad = [part.path for part in cover.parts if store.place.size(part.path) != part.size or not _is_whole(store, part)]
    if bad:
        return bad
    frame: pl.LazyFrame = store.scan(cover.parts).to_native()
    found = dict(frame.group_by(PART).agg(pl.len()).collect(engine="streaming").rows())
    return [] if found == {stem(part.path): part.rows for part in cover.replaces if part.rows} else [cover.path]


def _is_whole(store: Store, part: Kept) -> bool:
    try:
        frame: pl.LazyFrame = store.scan([part]).to_native()
        rows = frame.select(pl.all().count(), _rows=pl.len()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError):
        return False
    return bool(rows["_rows"][0] == part.rows)


def clean(store: Store, *, older: float = YOUNG) -> tuple[str, ...]:
    """Remove what nobody reads, and return its names.

    Args:
        store: the store.
        older: than how many seconds: the parts of a run that is going on have no record yet, and what a cover replaces is read by
            those who began before it was there. Less than the longest of these runs is safe only if none goes on.

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
    seen = _seen(store)
    instead = {path: {cover.path} for path, cover in seen.covered.items()}
    for cover in seen.known:
        by = {seen.covered[part.path].path for part in cover.replaces if part.path in seen.covered}
        instead |= dict.fromkeys((cover.path, *(part.path for part in cover.parts)), by)
    gone = [name for name in seen.found.orphans if all(store.place.age(one) >= older for one in (name, *instead.get(name, ())))]
    gone.sort(key=lambda name: (not name.startswith(COVERS), name))  # a cover is not to name parts that are gone
    for name in gone:
        store.place.remove(name)
    return tuple(gone)
