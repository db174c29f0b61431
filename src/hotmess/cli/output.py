"""Writing to a file: whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hotmess.errors import CannotWrite
from hotmess.measurement import Measurement
from hotmess.read.files import files, is_remote
from hotmess.result import Result

__all__ = ["FIGURES", "check_place", "content", "picture", "write"]

_NAMES = {".html": "report"}  # what to call a file in a folder that was named instead
FIGURES = (".json", ".csv", ".parquet", ".txt")


def check_place(path: Path, inputs: Sequence[str], suffixes: Sequence[str]) -> None:
    """Look at the place to write to before the work is done.

    Raises:
        CannotWrite: the ending is not known, or the folder is not there or may not be written to.
    """
    folder = path.absolute().parent
    read = files([source for source in inputs if source != "-"]) if path.exists() else []
    if any(not is_remote(file.path) and path.samefile(file.path) for file in read):
        raise CannotWrite(
            f"`{path}` is one of the files that are read", why="it would be lost", hint="choose another place with -o"
        )
    if path.is_dir():
        name = f"{_NAMES.get(suffixes[0], 'samples')}{suffixes[0]}"
        raise CannotWrite(f"`{path}` is a folder", hint=f"-o '{path / name}'")
    if path.suffix not in suffixes:
        wrong = f"ends in `{path.suffix}`, in which this is not written"
        found = wrong if path.suffix else "has no ending that says how to write it"
        raise CannotWrite(f"`{path}` {found}", hint="one of " + ", ".join(suffixes))
    if not folder.is_dir():
        raise CannotWrite(f"the folder `{folder}` does not exist", hint=f"mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise CannotWrite(f"`{path}` cannot be written: no permission", hint="choose another place with -o")


def write(path: Path, data: bytes) -> None:
    """Write beside the place, then rename.

    Raises:
        CannotWrite: the disk is full, or the place is gone.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise CannotWrite(f"`{path}` cannot be written: {problem.strerror}") from problem


def content(measured: Measurement, suffix: str) -> bytes:
    """A measurement as a file of this ending holds it."""
    if suffix == ".json":
        return (measured.to_json() + "\n").encode()
    return _table(measured.table(), str(measured), suffix)


def picture(result: Result, suffix: str) -> bytes:
    """The result of an analysis as a file of this ending holds it: a picture, or the points as a table."""
    from hotmess.charts import FORMATS, render
    from hotmess.charts.notebook import as_page

    if suffix == ".html":
        return as_page(result).encode()
    if suffix in FORMATS:
        return render(result.chart(), suffix)
    return _table(result.points, str(result), suffix)


def _table(table: pl.DataFrame, text: str, suffix: str) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    if suffix == ".txt":
        return (text + "\n").encode()
    if suffix == ".csv":
        table.write_csv(stream)
    else:
        table.write_parquet(stream)
    return stream.getvalue()
