"""Tables of any origin: CSV, TSV, JSON lines, JSON, Parquet and Arrow files.

Columnar files are scanned, so that a query reads only what it needs. Text files are read once, whole.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from hotmess.errors import EmptyTable, NotATable, UnreadableFile

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
_TEXTS = ("task", "model", "setting", "question_id", "context_id", "test_id", "answer", "target", "status")
_SEPARATORS = {"CSV": ",", "TSV": "\t"}


def is_table(file: Path) -> bool:
    """Whether a file has the name of a table."""
    return _suffix(file) in _FORMATS


def read_tables(files: Sequence[Path], columns: Mapping[str, str]) -> tuple[pl.LazyFrame, str]:
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


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix.lower() if file.suffix == ".gz" else file.suffix.lower()


def _format(file: Path) -> str:
    """The format, by name; where the name does not tell, by the first bytes."""
    try:
        with file.open("rb") as stream:
            head = stream.read(4)
    except OSError as problem:
        raise UnreadableFile(f"`{file}` cannot be opened: {problem.strerror}") from problem
    if not head:
        raise EmptyTable(f"`{file}` is empty", why="a job may have died before it wrote")
    known = _FORMATS.get(_suffix(file)) or _MAGIC.get(head)
    if known:
        return known
    raise NotATable(
        f"`{file}` is not a table that hotmess knows",
        why="looked for " + ", ".join(dict.fromkeys(_FORMATS.values())),
        hint="give it one of the endings " + ", ".join(SUFFIXES),
    )


def _frame(file: Path, name: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    try:
        frame = _open(file, name, columns)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError, ValueError) as problem:
        detail = str(problem).strip().splitlines()[0][:200]
        raise UnreadableFile(
            f"`{file}` cannot be read as {name}: {detail}", hint="is it whole, and is its ending right?"
        ) from problem
    return frame


def _open(file: Path, name: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    if name == "Parquet":
        return pl.scan_parquet(file, glob=False)
    if name == "Arrow":
        return pl.scan_ipc(file)
    if name in _SEPARATORS:
        return _csv(file, _SEPARATORS[name], columns)
    if name == "JSON lines":
        with file.open("rb") as stream:
            return pl.read_ndjson(stream, infer_schema_length=None).lazy()
    return _json(file)


def _csv(file: Path, separator: str, columns: Mapping[str, str]) -> pl.LazyFrame:
    """Types are inferred from the whole file, but what names or answers something stays as it is written.

    ``007`` and ``7``, or ``1.0`` and ``1``, are different answers until somebody says otherwise.
    """
    names = pl.read_csv(file, separator=separator, n_rows=0, glob=False).columns
    texts = {columns.get(name, name): pl.String for name in _TEXTS}
    known = {name: dtype for name, dtype in texts.items() if name in names}
    return pl.read_csv(file, separator=separator, schema_overrides=known, infer_schema_length=None, glob=False).lazy()


def _json(file: Path) -> pl.LazyFrame:
    records = json.loads(file.read_text("utf-8"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise NotATable(
            f"`{file}` is JSON, but not a list of records", hint='a table looks like [{"question_id": …, "answer": …}, …]'
        )
    if not records:
        raise EmptyTable(f"`{file}` holds no records")
    return pl.DataFrame(records, infer_schema_length=None, strict=False).lazy()
