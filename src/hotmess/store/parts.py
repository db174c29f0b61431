"""Parts: rows as files of Parquet, sorted by question, none too large for memory."""

from collections.abc import Iterator
from io import BytesIO

import polars as pl

from hotmess import __version__
from hotmess.read.store import Kept, Store

__all__ = ["ROWS", "write_parts"]

ROWS = 1 << 20  # of a part at most, so that a part fits into memory everywhere
_GROUP = 1 << 17  # rows of a row group
_SORTED = ("question_id", "context_id", "sample_id")


def write_parts(store: Store, folder: str, rows: pl.DataFrame, stem: str) -> Iterator[Kept]:
    """Write rows as parts of a folder, and yield what the store has to know of each.

    Args:
        store: where.
        folder: its place in the store.
        rows: of one task and model.
        stem: what the names of the parts begin with.
    """
    ordered = rows.sort([name for name in _SORTED if name in rows.columns], maintain_order=True)
    for number, piece in enumerate(ordered.iter_slices(ROWS)):
        stream = BytesIO()
        piece.write_parquet(stream, compression="zstd", row_group_size=_GROUP, metadata={"hotmess": __version__})
        data, name = stream.getvalue(), f"{folder}/{stem}-{number}.parquet"
        store.place.write(name, data)
        yield Kept(name, piece.height, len(data), tuple((column, str(dtype)) for column, dtype in piece.schema.items()))
