"""Writing to a file: whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

from hotmess.errors import CannotWrite
from hotmess.measurement import Measurement
from hotmess.read.files import files, is_remote

__all__ = ["FIGURES", "check_place", "content", "write"]

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
        raise CannotWrite(f"`{path}` is a folder", hint=f"-o '{path / f'samples{suffixes[0]}'}'")
    if path.suffix not in suffixes:
        raise CannotWrite(f"`{path}` has no ending that says how to write it", hint="one of " + ", ".join(suffixes))
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
    from io import BytesIO

    if suffix == ".json":
        return (measured.to_json() + "\n").encode()
    if suffix == ".txt":
        return (str(measured) + "\n").encode()
    stream = BytesIO()
    table = measured.table()
    if suffix == ".csv":
        table.write_csv(stream)
    else:
        table.write_parquet(stream)
    return stream.getvalue()
