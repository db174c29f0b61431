"""What is read together, and becomes one record."""

from dataclasses import dataclass

from hotmess.read import Reading
from hotmess.read.files import File
from hotmess.read.log import How

__all__ = ["Unit"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read together.

    Attributes:
        root: the store.
        files: the files.
        source: what to call it; the same log at another time has the same name.
        size: in bytes.
        how: what to read.
        texts: whether to keep what was said.
        columns: our names and theirs of columns, if it is a table.
    """

    root: str
    files: tuple[File, ...]
    source: str
    size: int
    how: How
    texts: bool
    columns: tuple[tuple[str, str], ...] = ()

    def reading(self) -> Reading:
        """Its samples; a log has names of its own, and `columns` are for tables."""
        reading = Reading.of(self.files, {}, self.how)
        return reading if reading.logs is not None or not self.columns else Reading.of(self.files, dict(self.columns), self.how)
