"""Small parts put together: as a cover, which holds copies of their rows; see `hotmess.read.covers`.

Parts of one folder and of the same columns are put together, so that a log that is taken out later takes its columns with it. No
lock is needed: two runs at once make two covers of the same rows, of which readers use one, and what a killed run left is read by
nobody. Small covers are put together again with what came since. Texts stay as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from time import time_ns

import polars as pl

from hotmess.read.covers import PART, Cover, stem
from hotmess.read.record import Kept, current
from hotmess.read.store import Store
from hotmess.store.parts import ROWS, write_parts

__all__ = ["Compacted", "compact"]

_SMALL = ROWS // 2  # rows, below which a part is small
_LIGHT = 64 << 20  # bytes, below which it is
_ROWS = 2 * ROWS  # that are put together at once, in memory
_BYTES = 128 << 20

Like = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was put together.

    Attributes:
        before: how many parts.
        after: how many they became.
    """

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class _Small:
    """Rows that are too few for parts of their own: of a part, or what still counts in a cover.

    Attributes:
        parts: the parts that they are of, as records name them.
        files: where they are.
    """

    parts: tuple[Kept, ...]
    files: tuple[Kept, ...]

    @property
    def rows(self) -> int:
        """How many they are."""
        return sum(part.rows for part in self.parts)

    @property
    def size(self) -> int:
        """Of their parts, in bytes."""
        return sum(part.size for part in self.parts)


def compact(store: Store) -> Compacted:
    """Put small parts of samples together, where a folder has several. Figures stay as they are, and so do the records.

    Args:
        store: the store.

    Raises:
        CannotWrite: the disk is full, or nobody may write there.
    """
    before = after = 0
    for (folder, _), found in _small(store).items():
        for some in _together(found):
            made = _cover(store, folder, some)
            before += sum(len(one.files) for one in some) if made else 0
            after += made
    return Compacted(before, after)


def _small(store: Store) -> dict[Like, list[_Small]]:
    """What may be put together: of each folder, of each set of columns."""
    parts = [part for record in current(store.records()[0]) for part in record.samples]
    covered = store.covered(parts)
    every = [_Small((part,), (part,)) for part in parts if part.path not in covered]
    counting: dict[str, list[Kept]] = {}
    for part in parts:
        if part.path in covered:
            counting.setdefault(covered[part.path].name, []).append(part)
    known = {cover.name: cover for cover in covered.values()}
    every += [_Small(tuple(of), known[name].parts) for name, of in counting.items()]
    found: dict[Like, list[_Small]] = {}
    for one in sorted(every, key=lambda one: one.parts[0].path):
        if one.rows < _SMALL and one.size < _LIGHT:
            folder = one.parts[0].path.rpartition("/")[0]
            found.setdefault((folder, frozenset(one.parts[0].columns)), []).append(one)
    return found


def _together(found: Sequence[_Small]) -> Iterator[list[_Small]]:
    """As many at a time as fit into memory; one alone stays as it is."""
    some, rows, size = list[_Small](), 0, 0
    for one in found:
        if rows + one.rows > _ROWS or size + one.size > _BYTES:
            yield some
            some, rows, size = [], 0, 0
        some.append(one)
        rows, size = rows + one.rows, size + one.size
    if len(some) > 1:
        yield some


def _cover(store: Store, folder: str, some: Sequence[_Small]) -> int:
    """Write a cover, and return how many parts it has; none, if what was to be covered is no longer there."""
    read = [(one, rows) for one in some if (rows := _rows(store, one)) is not None]
    if len(read) < 2:
        return 0
    columns = [name for name in read[0][1].columns if name != PART]
    table = pl.concat([rows.select(*columns, PART) for _, rows in read])
    replaces = sorted((replace(part, columns=()) for one, _ in read for part in one.parts), key=lambda part: part.path)
    name = blake2b("\n".join(part.path for part in replaces).encode(), digest_size=10).hexdigest()
    parts = tuple(write_parts(store, folder, table, f"compact-{name}", by_content=True))
    if not store.has(parts):  # somebody cleaned up
        return 0
    cover = Cover(name, time_ns(), tuple(replaces), parts)
    store.place.write(cover.path, cover.to_json())
    return len(parts)


def _rows(store: Store, one: _Small) -> pl.DataFrame | None:
    """Rows with the names of their parts; None if they are not what records say: damaged, or taken out since."""
    try:
        frames = [(file, pl.read_parquet(BytesIO(store.place.read(file.path)))) for file in one.files]
    except (pl.exceptions.PolarsError, OSError):
        return None
    wanted = {stem(part.path): part.rows for part in one.parts}
    named = [rows if PART in rows.columns else rows.with_columns(pl.lit(stem(file.path)).alias(PART)) for file, rows in frames]
    table = pl.concat(named).filter(pl.col(PART).is_in(list(wanted)))
    return table if dict(table.group_by(PART).len().rows()) == {name: rows for name, rows in wanted.items() if rows} else None
