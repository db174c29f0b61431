"""Tables of text that are larger than memory, as Parquet: read twice, first for the types of columns, then for their values.

The types are those that reading the table whole would give, so that it does not matter how large a table is.
"""

import gzip
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.read.files import File, is_remote
from hotmess.read.gather import FORMATS
from hotmess.read.records import lines
from hotmess.read.table import NESTED, SEPARATORS, TEXTS

__all__ = ["LARGE", "spooled"]

LARGE = 64 << 20  # bytes, from which on a table is not read whole
_PACKED = 8  # times that text shrinks when it is compressed
_GROUP = 1 << 18  # rows of a row group
_FIRST = 1000  # lines that tell whether records are deep
_LINES = (".jsonl", ".ndjson")
_COLUMNAR = (".parquet", ".pq", ".arrow", ".feather", ".ipc")
_WORDS = ("true", "false")
_WHOLE = r"^-?\d+$"
_NUMBER = r"^[-+]?(\d*\.\d+([eE][-+]?\d+)?|inf|NaN|\d+[eE][-+]?\d+|\d+\.)$"


def spooled(file: File, columns: Mapping[str, str], folder: Path) -> File:
    """A table as a file that can be read in pieces: the file itself, or a copy in a folder of this machine.

    Args:
        file: the table.
        columns: our names to its names.
        folder: where there is space for it.

    Raises:
        UnreadableFile: it cannot be parsed.
    """
    packed = file.name.endswith(".gz")
    suffix = Path(file.name.removesuffix(".gz").lower()).suffix
    small = 0 <= file.size * (_PACKED if packed else 1) < LARGE
    if small or suffix not in (".csv", ".tsv", *_LINES, *_COLUMNAR) or any(kind.fits(file, file.head()) for kind in FORMATS):
        return file
    here = _here(file, folder / f"table{suffix}", packed=packed)
    if suffix in _COLUMNAR or (suffix in _LINES and _is_deep(here)):
        return here
    target = folder / "table.parquet"
    try:
        frame = _records(here.path) if suffix in _LINES else _csv(here.path, SEPARATORS[suffix[1:].upper()], columns)
        frame.sink_parquet(target, row_group_size=_GROUP, maintain_order=True)
    except pl.exceptions.PolarsError as problem:
        detail = str(problem).strip().splitlines()[0][:200]
        raise UnreadableFile(
            f"`{file.shown}` cannot be read: {detail}", hint="is it whole, and is its ending right?"
        ) from problem
    return replace(file, path=target.as_posix(), size=target.stat().st_size)


def _here(file: File, path: Path, *, packed: bool) -> File:
    """The file on this machine, and not compressed."""
    if not packed and not is_remote(file.path):
        return file
    with file.open() as stream, _unpacked(stream, packed=packed) as plain, path.open("wb") as kept:
        copyfileobj(plain, kept, 1 << 20)
    return replace(file, path=path.as_posix(), size=path.stat().st_size)


def _unpacked(stream: IO[bytes], *, packed: bool) -> AbstractContextManager[Any]:
    return gzip.open(stream) if packed else stream


def _is_deep(file: File) -> bool:
    """Whether records hold records, over which the engine takes minutes."""
    with file.open() as stream:
        return any(line.count(b"{") > NESTED for line in islice(lines(stream), _FIRST))


def _records(path: str) -> pl.LazyFrame:
    return pl.scan_ndjson(path, infer_schema_length=None)


def _csv(path: str, separator: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    words = pl.scan_csv(path, separator=separator, infer_schema=False, glob=False)
    names = words.collect_schema().names()
    texts = {columns.get(name, name) for name in TEXTS}
    asked = [name for name in names if name not in texts]
    counted = words.select(count for place, name in enumerate(asked) for count in _counts(place, pl.col(name)))
    found = counted.collect(engine="streaming").row(0, named=True)
    types = dict.fromkeys(names, pl.String()) | {name: _type(found, place) for place, name in enumerate(asked)}
    return pl.scan_csv(path, separator=separator, schema=types, glob=False)


def _counts(place: int, column: pl.Expr) -> list[pl.Expr]:
    """How many values there are, and how many of them are what."""
    whole = column.str.contains(_WHOLE)
    kinds = {
        "values": column.count(),
        "logic": column.str.to_lowercase().is_in(_WORDS).sum(),
        "whole": whole.sum(),
        "short": column.cast(pl.Int64, strict=False).count(),
        "long": column.cast(pl.Int128, strict=False).count(),
        "number": (whole | column.str.contains(_NUMBER)).sum(),
    }
    return [count.alias(f"{kind}{place}") for kind, count in kinds.items()]


def _type(found: Mapping[str, int], place: int) -> Any:
    """The type that the engine infers from all values: it takes `+5` for a word."""
    count = found[f"values{place}"]
    logic, whole, short, long, number = (
        count > 0 and found[f"{kind}{place}"] == count for kind in ("logic", "whole", "short", "long", "number")
    )
    if logic:
        return pl.Boolean()
    if whole:
        return pl.Int64() if short else pl.Int128() if long else pl.String()
    return pl.Float64() if number else pl.String()
