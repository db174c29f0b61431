"""Parts: rows as files of Parquet, sorted by question, none too large for memory."""

from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from typing import Any

import polars as pl

from hotmess import __version__
from hotmess.frames import SCHEMA
from hotmess.read.store import Kept, Store

__all__ = ["ROWS", "write_parts"]

ROWS = 1 << 20  # of a part at most, so that a part fits into memory everywhere
_GROUP = 1 << 17  # rows of a row group
_SORTED = ("question_id", "context_id", "sample_id")


def write_parts(
    store: Store, folder: str, rows: pl.DataFrame, stem: str, *, first: int = 0, by_content: bool = False
) -> Iterator[Kept]:
    """Write rows as parts of a folder, and yield what the store has to know of each.

    Args:
        store: where.
        folder: its place in the store.
        rows: of one task and model.
        stem: what the names of the parts begin with.
        first: the number of the first of them.
        by_content: whether names end in a hash of the bytes, so that others under the same stem are never written over.
    """
    ordered = rows.sort([name for name in _SORTED if name in rows.columns], maintain_order=True)
    ordered = ordered.cast({name: dtype for name, known in rows.schema.items() if (dtype := _dtype(name, known)) != known})
    for number, piece in enumerate(ordered.iter_slices(ROWS), first):
        stream = BytesIO()
        piece.write_parquet(stream, compression="zstd", row_group_size=_GROUP, metadata={"hotmess": __version__})
        data = stream.getvalue()
        content = f"-{blake2b(data, digest_size=4).hexdigest()}" if by_content else ""
        name = f"{folder}/{stem}-{number}{content}.parquet"
        store.place.write(name, data)
        yield Kept(name, piece.height, len(data), tuple((column, str(dtype)) for column, dtype in piece.schema.items()))


def _dtype(name: str, dtype: Any) -> Any:
    """The type that a column is kept as: one of nothing but nulls has none, and other engines do not read it."""
    if dtype == pl.Null:
        return SCHEMA.get(name, pl.String)
    if isinstance(dtype, pl.List) and dtype.inner == pl.Null:
        known = SCHEMA.get(name)
        return known if isinstance(known, pl.List) else pl.List(_dtype("", dtype.inner))
    if isinstance(dtype, pl.List):
        return pl.List(_dtype("", dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _dtype("", field.dtype) for field in dtype.fields})
    return dtype
