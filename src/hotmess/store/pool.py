"""Rows on their way into parts: held until a part is full, or memory is, and then written, the largest folders first."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

import polars as pl

from hotmess.read.store import Kept, Store
from hotmess.store.parts import ROWS, write_parts

__all__ = ["Pool"]

_ROWS = 2 * ROWS  # that are held at most
_BYTES = 256 << 20
_LONGEST = 80  # characters of a name of a folder


@dataclass(slots=True)
class Pool:
    """Rows of all tasks and models of a log. When it is full is decided by what it was given alone, so that parts are the same.

    Attributes:
        store: where they go.
        root: the folder above the folders of tasks and models.
        stem: what the names of parts begin with.
        parts: what was written.
    """

    store: Store
    root: str
    stem: str
    parts: list[Kept] = field(default_factory=list)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _next: Counter[str] = field(default_factory=Counter)

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows, all of the same columns, and write some if there are too many."""
        if not rows.height:
            return
        self._held.append(rows)
        self._rows += rows.height
        self._bytes += _size(rows)
        if self._rows >= _ROWS or self._bytes >= _BYTES:
            self._write(self._rows // 2)

    def close(self) -> tuple[Kept, ...]:
        """Write what is left, and say what was written."""
        if self._held:
            self._write(0)
        return tuple(self.parts)

    def _write(self, most: int) -> None:
        """Write folders, the largest first, until no more than so many rows are left."""
        folders, left = dict(_folders(pl.concat(self._held, how="diagonal_relaxed"))), self._rows
        for where in sorted(folders, key=lambda name: (-folders[name].height, name)):
            if left <= most:
                break
            rows = folders.pop(where)
            left -= rows.height
            written = list(write_parts(self.store, f"{self.root}/{where}", rows, self.stem, first=self._next[where]))
            self._next[where] += len(written)
            self.parts += written
        self._held = [pl.concat(folders.values())] if folders else []
        self._rows, self._bytes = left, sum(map(_size, self._held))


def _size(rows: pl.DataFrame) -> int:
    """About how many bytes rows take, and always the same number for the same rows."""
    texts = [pl.col(name) for name, dtype in rows.schema.items() if dtype == pl.String]
    lists = [pl.col(name) for name, dtype in rows.schema.items() if dtype == pl.List]
    spelt = [column.list.explode() for column in lists if rows.schema[column.meta.output_name()] == pl.List(pl.String)]
    counts = [column.str.len_bytes().sum() for column in (*texts, *spelt)] + [column.list.len().sum() * 8 for column in lists]
    named = [count.cast(pl.Int64).alias(str(place)) for place, count in enumerate(counts)]
    return rows.height * rows.width * 8 + (rows.select(pl.sum_horizontal(named)).item() if named else 0)


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
