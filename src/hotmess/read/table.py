"""Tables of any origin: CSV, TSV, JSON lines, JSON, Parquet and Arrow files.

Columnar files are scanned, so that a query reads only what it needs. Text files are read once, whole.
"""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from hotmess.errors import EmptyTable, NotATable, UnreadableFile
from hotmess.read.files import File, is_remote
from hotmess.read.records import lines

__all__ = ["SUFFIXES", "is_table", "read_tables"]

_FORMATS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
}
SUFFIXES = tuple(_FORMATS)
_MAGIC = {b"PAR1": "Parquet", b"ARRO": "Arrow"}
TEXTS = ("task", "model", "setting", "question_id", "context_id", "test_id", "answer", "target", "status")
NESTED = 20  # objects in one line, from which on they are kept as text
SEPARATORS = {"CSV": ",", "TSV": "\t"}


def is_table(file: File, head: bytes) -> bool:
    """Whether a file has the name of a table, or begins like one; one that was named and is empty must be told so."""
    return _suffix(file.name) in _FORMATS or head[:4] in _MAGIC or (file.asked and not head)


def read_tables(files: Sequence[File], columns: Mapping[str, str]) -> tuple[pl.LazyFrame, str]:
    """Return the rows of all files, matched by the names of columns, and words that say what was read.

    `columns` are our names to theirs; answers and ids are read as text.

    Raises:
        UnreadableFile: a file cannot be opened or parsed.
        NotATable: a file is no table.
        EmptyTable: a file is empty.
    """
    formats = [_format(file) for file in files]
    frames = [_frame(file, name, columns) for file, name in zip(files, formats, strict=True)]
    kinds = " and ".join(dict.fromkeys(formats))
    source = f"{files[0].name}, {kinds}" if len(files) == 1 else f"{len(files)} files, {kinds}"
    return pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0], source


def _suffix(name: str) -> str:
    stem, dot, last = name.lower().rpartition(".")
    return "." + stem.rpartition(".")[2] if last == "gz" and "." in stem else dot + last


def _format(file: File) -> str:
    """The format, by name; where the name does not tell, by the first bytes."""
    with file.open() as stream:
        head = stream.read(4)
    if not head:
        raise EmptyTable(f"`{file.shown}` is empty", why="a job may have died before it wrote")
    return _FORMATS.get(_suffix(file.name)) or _MAGIC.get(head) or "JSON"


def _frame(file: File, name: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    try:
        frame = _open(file, name, columns)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as problem:
        detail = str(problem).strip().splitlines()[0][:200]
        raise UnreadableFile(
            f"`{file.shown}` cannot be read as {name}: {detail}", hint="is it whole, and is its ending right?"
        ) from problem
    return frame


def _open(file: File, name: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    here: Any = BytesIO(file.read()) if is_remote(file.path) else Path(file.path)
    if name == "Parquet":
        return pl.scan_parquet(here, glob=False)
    if name == "Arrow":
        return pl.scan_ipc(here)
    if name in SEPARATORS:
        return _csv(here, SEPARATORS[name], columns)
    if name == "JSON lines":
        return _json_lines(file)
    return _json(file)


def _json_lines(file: File) -> pl.LazyFrame:
    with file.open() as stream:
        nested = any(line.count(b"{") > NESTED for line in lines(stream))
        stream.seek(0)
        if not nested:
            return pl.read_ndjson(stream, infer_schema_length=None).lazy()
        return _flattened([json.loads(line) for line in lines(stream)])  # the engine takes minutes over deep structures


def _csv(here: Any, separator: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    """Types are inferred from the whole file, but what names or answers something stays as it is written.

    ``007`` and ``7``, or ``1.0`` and ``1``, are different answers until somebody says otherwise.
    """
    names = pl.read_csv(here, separator=separator, n_rows=0, glob=False).columns
    texts = {columns.get(name, name): pl.String for name in TEXTS}
    known = {name: dtype for name, dtype in texts.items() if name in names}
    return pl.read_csv(here, separator=separator, schema_overrides=known, infer_schema_length=None, glob=False).lazy()


def _json(file: File) -> pl.LazyFrame:
    records = json.loads(file.read().decode("utf-8"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise NotATable(
            f"`{file.shown}` is JSON, but not a list of records", hint='a table looks like [{"question_id": …, "answer": …}, …]'
        )
    if not records:
        raise EmptyTable(f"`{file.shown}` holds no records")
    return _flattened(records)


def _flattened(records: list[dict[str, Any]]) -> pl.LazyFrame:
    flat = [{name: _flat(value) for name, value in record.items()} for record in records]
    return pl.DataFrame(flat, infer_schema_length=None, strict=False).lazy()


def _flat(value: Any) -> Any:
    """Lists of plain values as they are; what is nested deeper, as JSON text, for no column of ours is."""
    plain = not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(one, dict | list) for one in value))
    return value if plain else json.dumps(value)
