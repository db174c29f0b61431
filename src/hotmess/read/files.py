"""What paths, folders, patterns and addresses mean: files that can be opened, here or elsewhere."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob, has_magic
from io import BufferedReader, RawIOBase
from logging import NullHandler, getLogger
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from hotmess.errors import HotmessError, MissingExtra, NoSuchPath, Unreachable, UnreadableFile

__all__ = ["STORE", "File", "files", "is_remote", "reaching", "remote"]

STORE = "hotmess-store.json"
"""The file that makes a folder a store; see `hotmess.read.store`."""

getLogger("gcsfs").addHandler(NullHandler())  # it prints, with tracebacks, what it raises as well

_HEAD = 65_536
_LONGEST = 1000  # characters of a path


@dataclass(frozen=True, slots=True)
class File:
    """A file to read.

    Attributes:
        path: where it is: a local path, or an address such as `s3://bucket/run.eval`.
        size: in bytes; -1 where a server does not tell.
        asked: whether the caller named this very file, or it was found in a folder.
        shown: what to call it in messages.
    """

    path: str
    size: int = -1
    asked: bool = True
    shown: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2].partition("?")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the folders above it, and its own."""
        return tuple(part for part in self.path.replace("\\", "/").split("/") if part)

    def open(self, ahead: int | None = None) -> BufferedReader:
        """Open it for reading; remote files fetch the parts that are asked for.

        Args:
            ahead: how many bytes of a remote file to fetch beyond what is asked for; else as many as its file system thinks fit.

        Raises:
            UnreadableFile: it cannot be opened.
            Unreachable: its server does not answer.
        """
        try:
            if is_remote(self.path):
                with reaching(self.path):
                    system, path = remote(self.path)
                    return BufferedReader(_Fetched(self.path, system.open(path, "rb", block_size=ahead)))
            return Path(self.path).open("rb")
        except OSError as problem:
            raise UnreadableFile(f"`{self.shown}` cannot be opened: {problem.strerror or problem}") from problem

    def head(self, count: int = _HEAD) -> bytes:
        """Its first bytes, enough to tell what it is."""
        with self.open(count) as stream:
            return stream.read(count)

    def read(self) -> bytes:
        """All of its bytes."""
        with self.open() as stream:
            return stream.read()

    def beside(self, name: str) -> "File | None":
        """Another file of the same folder, if it is there."""
        folder = self.path.rpartition("/")[0]
        path = f"{folder}/{name}" if folder or self.path.startswith("/") else name
        if is_remote(path):
            with reaching(path):
                system, inside = remote(path)
                return _found(path, system, inside, asked=False) if system.exists(inside) else None
        try:
            return _local(Path(path), asked=False) if Path(path).is_file() else None
        except OSError:  # a log may name a file that no system could hold
            return None

    def sibling(self, prefix: str, suffix: str) -> str | None:
        """The name of a file of the same folder that begins and ends so."""
        folder = self.path.rpartition("/")[0]
        if is_remote(self.path):
            with reaching(folder):
                system, inside = remote(folder)
                names = [str(path).rstrip("/").rpartition("/")[2] for path in system.ls(inside, detail=False)]
        else:
            names = [path.name for path in Path(folder).iterdir()]
        return next((name for name in names if name.startswith(prefix) and name.endswith(suffix)), None)


class _Fetched(RawIOBase):
    """A remote file, whose errors are ours however late they come."""

    def __init__(self, path: str, file: Any) -> None:
        self._path, self._file = path, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        try:
            with reaching(self._path):
                data = self._file.read(len(buffer))
        except OSError as problem:
            raise UnreadableFile(f"`{self._path}` cannot be read to its end: {problem.strerror or problem}") from problem
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Errors of file systems elsewhere, which have classes of their own, as ours; what is not there is `FileNotFoundError`.

    Raises:
        Unreachable: the server does not answer, or may not be asked.
    """
    try:
        yield
    except (HotmessError, FileNotFoundError):
        raise
    except Exception as problem:
        said = (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]
        hint = "is the address right, and may you read it?"
        raise Unreachable(f"`{address}` cannot be reached: {said}", hint=hint) from problem


def files(sources: Sequence[str | PathLike[str] | File]) -> list[File]:
    """The files that paths, folders, patterns and addresses mean, each once, in order.

    Raises:
        NoSuchPath: a path does not exist, or a pattern matches nothing.
        MissingExtra: an address needs a library that is not installed.
    """
    found = [file for source in sources for file in ([source] if isinstance(source, File) else _files(fspath(source)))]
    asked = {file.path for file in found if file.asked}
    return list({file.path: file for file in found if file.asked or file.path not in asked}.values())


def is_remote(path: str) -> bool:
    """Whether a path is an address."""
    return "://" in path


def _files(source: str) -> Iterator[File]:
    path = Path(source)
    if source == "-":
        yield _standard_input()
    elif is_remote(source):
        yield from _elsewhere(source)
    elif len(source) > _LONGEST:
        raise NoSuchPath(f"a path of {len(source):,} characters cannot be", where=source[:80] + "…")
    elif path.is_dir():
        yield from _inside(path)
    elif path.exists():
        yield _local(path)
    elif has_magic(source):
        found = sorted(glob(source, recursive=True))  # noqa: PTH207 - the pattern may be absolute, which Path.glob refuses
        if not found:
            raise NoSuchPath(f"no file matches `{source}`", hint="quote the pattern, and look at what `ls` shows")
        for name in found:
            yield from _inside(Path(name)) if Path(name).is_dir() else [_local(Path(name))]
    else:
        near = get_close_matches(path.name, [other.name for other in path.parent.glob("*")], n=1)
        raise NoSuchPath(f"`{source}` does not exist", hint=f"did you mean `{path.parent / near[0]}`?" if near else "")


def _local(path: Path, *, asked: bool = True) -> File:
    try:
        if not path.is_file():
            raise UnreadableFile(
                f"`{path}` is no regular file", why="a pipe or a device may never end", hint="give `-` to read a pipe"
            )
        return File(path.absolute().as_posix(), path.stat().st_size, asked, str(path))
    except OSError as problem:
        raise UnreadableFile(f"`{path}` cannot be opened: {problem.strerror}") from problem


def _inside(folder: Path) -> Iterator[File]:
    """Every file below a folder but hidden ones."""
    every = sorted(folder.rglob("*"))
    stores = {path.parent for path in every if path.name == STORE}  # they hold what was read already
    for path in every:
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and stores.isdisjoint(path.parents) and path.is_file():
            with suppress(UnreadableFile):  # gone since it was listed
                yield _local(path, asked=False)


def _standard_input() -> File:
    """What is piped in, kept in a file for as long as we run: formats are told from it before it is read."""
    first = sys.stdin.buffer.read(1 << 20)
    start = first.lstrip()[:1]
    suffix = ".json" if start == b"[" else ".jsonl" if start == b"{" else ".csv" if b"," in first.partition(b"\n")[0] else ""
    kept = tempfile.NamedTemporaryFile(prefix="hotmess-", suffix=suffix, delete=True)  # noqa: SIM115 - lives until we end
    kept.write(first)
    while block := sys.stdin.buffer.read(1 << 20):
        kept.write(block)
    kept.flush()
    _KEPT.append(kept)
    return File(kept.name, Path(kept.name).stat().st_size, shown="standard input")


_KEPT: list[Any] = []  # open temporary files


def remote(path: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        MissingExtra: it needs a library that is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as problem:
        raise _missing(path) from problem
    try:
        system, inside = url_to_fs(path)
    except (ImportError, ValueError) as problem:
        raise _missing(path) from problem
    return system, inside


def _missing(path: str) -> MissingExtra:
    scheme = path.partition("://")[0]
    return MissingExtra(
        f"`{path}` is an address, and reading {scheme}:// needs a library that is not installed",
        hint="pip install 'hotmess[remote]'",
    )


def _found(path: str, system: Any, inside: str, *, asked: bool) -> File:
    size = system.info(inside).get("size")
    return File(path, -1 if size is None else int(size), asked, path)


def _elsewhere(source: str) -> Iterator[File]:
    system, inside = remote(source)
    system.invalidate_cache()  # of listings, of a time when less was there
    try:
        if has_magic(inside.partition("?")[0]) and "?" not in source:
            names = sorted(system.glob(inside))
        elif system.isdir(inside) and not system.isfile(inside):
            names = sorted(system.find(inside))
            stores = tuple(name.removesuffix(STORE) for name in names if name.endswith(f"/{STORE}"))
            names = [name for name in names if not name.startswith(stores)] if stores else names
        elif system.exists(inside):
            yield _found(source, system, inside, asked=True)
            return
        else:
            names = []
    except Exception as problem:  # every file system has errors of its own
        raise NoSuchPath(
            f"`{source}` cannot be reached: {str(problem)[:200]}", hint="is the address right, and may you read it?"
        ) from problem
    if not names:
        raise NoSuchPath(f"there is nothing at `{source}`", hint="is the address right, and may you read it?")
    for name in names:
        address = system.unstrip_protocol(name)
        with reaching(address), suppress(FileNotFoundError):  # gone since it was listed
            yield _found(address, system, name, asked=False)
