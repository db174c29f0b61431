"""Any log or table in, one `Samples` out.

Each format has a file of its own in this folder. So far: tables (`hotmess.read.table`).
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from glob import glob, has_magic
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from hotmess.errors import NoSuchPath, NotATable, UsageError
from hotmess.prepare import prepare
from hotmess.read.table import SUFFIXES, is_table, read_tables
from hotmess.samples import Label, Samples

__all__ = ["files", "read"]


def read(
    *sources: str | PathLike[str] | Any,
    columns: Mapping[str, str] | None = None,
    label: Label | None = None,
    task: str | None = None,
    model: str | None = None,
) -> Samples:
    """Read repeated samples.

    Args:
        sources: files, folders and patterns; or one frame (pandas, Polars, PyArrow, DuckDB, …).
        columns: our column names to theirs, where they differ.
        label: `"score"` to measure right/wrong where there are answers as well.
        task: keep this task only.
        model: keep this model only.

    Raises:
        HotmessError: nothing can be read, or it is not a sample table; the message says what to type.
    """
    if not sources:
        raise UsageError("nothing to read", hint="hotmess measure FILE")
    if not all(isinstance(source, str | PathLike) for source in sources):
        if len(sources) > 1:
            raise UsageError("give paths, or one frame", hint="hotmess.read(frame)")
        return prepare(sources[0], columns=columns, label=label, task=task, model=model)
    table, name = read_tables(files(sources), columns or {})
    return prepare(table, columns=columns, label=label, task=task, model=model, source=name)


def files(sources: Sequence[str | PathLike[str]]) -> list[Path]:
    """The files that paths, folders and patterns mean, each once.

    Raises:
        NoSuchPath: a path does not exist, or a pattern matches nothing.
        NotATable: a folder holds no table.
    """
    return list(dict.fromkeys(file for source in sources for file in _files(fspath(source))))


def _files(source: str) -> Iterator[Path]:
    """The files that a path or pattern means, sorted."""
    path = Path(source)
    if path.is_dir():
        yield from _inside(path)
    elif path.exists():
        yield path
    elif has_magic(source):
        found = sorted(glob(source, recursive=True))  # noqa: PTH207 - the pattern may be absolute, which Path.glob refuses
        if not found:
            raise NoSuchPath(f"no file matches `{source}`", hint="quote the pattern, and look at what `ls` shows")
        for name in found:
            yield from _inside(Path(name)) if Path(name).is_dir() else [Path(name)]
    else:
        near = get_close_matches(path.name, [other.name for other in path.parent.glob("*")], n=1)
        raise NoSuchPath(f"`{source}` does not exist", hint=f"did you mean `{path.parent / near[0]}`?" if near else "")


def _inside(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.rglob("*") if file.is_file() and is_table(file) and not file.name.startswith("."))
    if not found:
        count = sum(1 for file in folder.rglob("*") if file.is_file())
        raise NotATable(f"none of the {count} files in `{folder}` is a table", hint="tables end in " + ", ".join(SUFFIXES))
    return found
