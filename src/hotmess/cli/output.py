"""Writing to a file: whole or not at all."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import polars as pl

from hotmess.cli.options import print_shown
from hotmess.errors import CannotWrite
from hotmess.measurement import Measurement
from hotmess.read.files import files, is_remote
from hotmess.result import Result

__all__ = ["FIGURES", "check_place", "check_result", "content", "picture", "tell", "write"]

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


def check_result(output: Path | None, inputs: Sequence[str]) -> None:
    """Look at the place for a picture or a table, if one was named, before the work is done."""
    if output is not None:
        from hotmess.charts import FORMATS

        check_place(output, inputs, (*FORMATS, ".html", ".csv", ".parquet", ".txt"))


def tell(
    result: Result, output: Path | None, *, as_json: bool, shown: Callable[[], None] | None = None, following: str = ""
) -> None:
    """Write the result of an analysis where it was wanted, or print it; then what must be known, and what to type next.

    Args:
        result: the result.
        output: a file for its picture or its table.
        as_json: print one JSON object.
        shown: prints it for a person; by default its tables.
        following: what to type next; by default the same command with `-o NAME.svg`, where there is something to draw.
    """
    if output is not None:
        write(output, picture(result, output.suffix))
        click.echo(f"wrote {output}", err=True)
    elif as_json:
        click.echo(result.to_json())
    elif shown is not None:
        shown()
    else:
        print_shown(result.show, str(result))
    for notice in result.notices:
        click.echo(str(notice), err=True)
    if not following and output is None and result.drawable():
        words = [word for word in sys.argv[1:] if word != "--json"]
        following = f"{shlex.join(['hotmess', *words])} -o {result.name.replace('_', '-')}.svg"
    if following:
        click.echo(f"next: {following}", err=True)


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
