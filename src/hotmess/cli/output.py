"""Writing a measurement to a file: whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

from hotmess.errors import CannotWrite
from hotmess.measurement import Measurement
from hotmess.read.files import files, is_remote

__all__ = ["Writer"]

_SUFFIXES = (".json", ".csv", ".parquet", ".txt")


class Writer:
    """A place to write to, looked at before the work is done.

    Raises:
        CannotWrite: the ending is not known, or the folder is not there or may not be written to.
    """

    def __init__(self, path: Path, inputs: Sequence[str]) -> None:
        """Look at the place; nothing is written yet."""
        folder = path.absolute().parent
        if path.exists() and any(not is_remote(file.path) and path.samefile(file.path) for file in files(inputs)):
            raise CannotWrite(
                f"`{path}` is one of the files that are read", why="it would be lost", hint="choose another place with -o"
            )
        if path.is_dir():
            raise CannotWrite(f"`{path}` is a folder", hint=f"-o '{path / 'figures.json'}'")
        if path.suffix not in _SUFFIXES:
            raise CannotWrite(f"`{path}` has no ending that says how to write it", hint="one of " + ", ".join(_SUFFIXES))
        if not folder.is_dir():
            raise CannotWrite(f"the folder `{folder}` does not exist", hint=f"mkdir -p '{folder}'")
        if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            raise CannotWrite(f"`{path}` cannot be written: no permission", hint="choose another place with -o")
        self.path = path

    def write(self, measured: Measurement) -> None:
        """Write beside the place, then rename."""
        content = self._content(measured)
        beside = self.path.with_name(f".{self.path.name}.part")
        try:
            beside.write_bytes(content)
            beside.replace(self.path)
        except OSError as problem:
            beside.unlink(missing_ok=True)
            raise CannotWrite(f"`{self.path}` cannot be written: {problem.strerror}") from problem

    def _content(self, measured: Measurement) -> bytes:
        from io import BytesIO

        if self.path.suffix == ".json":
            return (measured.to_json() + "\n").encode()
        if self.path.suffix == ".txt":
            return (str(measured) + "\n").encode()
        stream = BytesIO()
        table = measured.table()
        if self.path.suffix == ".csv":
            table.write_csv(stream)
        else:
            table.write_parquet(stream)
        return stream.getvalue()
