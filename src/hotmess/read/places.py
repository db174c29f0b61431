"""A folder on this machine, or at an address: the few things that a store does with one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from hotmess.errors import CannotWrite, Unreachable
from hotmess.read.files import is_remote, reaching, remote

__all__ = ["Place"]

_NATIVE = ("s3://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "hf://")  # which the engine reads by itself
_AT_ONCE = 1000  # files that are held in memory


@dataclass(frozen=True, slots=True)
class Place:
    """A folder. What is written is there whole, or not at all."""

    root: str

    def path(self, name: str) -> str:
        """Where a file of this name is."""
        return f"{self.root.rstrip('/')}/{name}"

    @property
    def native(self) -> bool:
        """Whether the engine can scan files here by their paths: it does not know what fsspec alone was told, such as keys."""
        if not is_remote(self.root):
            return True
        from fsspec.config import conf

        return self.root.startswith(_NATIVE) and not conf.get(self.root.partition("://")[0])

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        if not is_remote(self.root):
            return Path(self.path(name)).is_file()
        with reaching(self.path(name)), suppress(PermissionError):  # S3 keeps secret from some what is not there
            system, inside = self._system(name)
            return bool(system.exists(inside))
        return False

    def size(self, name: str) -> int | None:
        """How large a file is, in bytes; None if it is not there."""
        if not is_remote(self.root):
            path = Path(self.path(name))
            return path.stat().st_size if path.is_file() else None
        with reaching(self.path(name)), suppress(FileNotFoundError):
            system, inside = self._system(name)
            found = system.info(inside)
            return int(found.get("size") or 0) if found.get("type") != "directory" else None
        return None

    def age(self, name: str) -> float:
        """For how many seconds a file has been there; none where nobody knows, for it may be new."""
        if not is_remote(self.root):
            path = Path(self.path(name))
            return time() - path.stat().st_mtime if path.is_file() else 0.0
        with reaching(self.path(name)), suppress(FileNotFoundError, NotImplementedError):
            system, inside = self._system(name)
            return time() - float(system.modified(inside).timestamp())
        return 0.0

    def names(self, folder: str = "") -> list[str]:
        """The names of all files in a folder below it, sorted; none if it is not there."""
        return sorted(self._names(folder))

    def _names(self, folder: str) -> Iterator[str]:
        if not is_remote(self.root):
            start = Path(self.path(folder)) if folder else Path(self.root)
            for path in start.rglob("*"):
                if path.is_file():
                    yield path.relative_to(self.root).as_posix()
            return
        with reaching(self.path(folder)), suppress(FileNotFoundError):
            system, inside = self._system(folder)
            base = self._system("")[1].rstrip("/")
            for found in system.find(inside):
                yield str(found)[len(base) :].lstrip("/")

    def read(self, name: str) -> bytes:
        """All of a file."""
        if not is_remote(self.root):
            return Path(self.path(name)).read_bytes()
        with reaching(self.path(name)):
            system, inside = self._system(name)
            return bytes(system.cat_file(inside))

    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """All of those files of some that are there still, in their order; those at an address are fetched many at once."""
        if not is_remote(self.root):
            for name in names:
                with suppress(FileNotFoundError):  # removed since it was listed
                    yield name, self.read(name)
            return
        for first in range(0, len(names), _AT_ONCE):
            some = names[first : first + _AT_ONCE]
            with reaching(self.root):
                systems = [self._system(name) for name in some]
                data = systems[0][0].cat([inside for _, inside in systems], on_error="return")
            for name, (_, inside) in zip(some, systems, strict=True):
                found = data[inside]
                if isinstance(found, FileNotFoundError):
                    continue
                with reaching(self.root):
                    if isinstance(found, Exception):
                        raise found
                yield name, bytes(found)

    def write(self, name: str, data: bytes) -> None:
        """Write a file: beside its place, flushed to the disk, renamed. An object store shows an object when it is whole.

        Raises:
            CannotWrite: the disk is full, or nobody may write there.
        """
        if is_remote(self.root):
            try:
                with reaching(self.path(name)):
                    system, inside = self._system(name)
                    system.pipe_file(inside, data)
            except (OSError, Unreachable) as problem:
                said = problem.__cause__ or problem
                raise CannotWrite(f"`{self.path(name)}` cannot be written: {said}", hint="may you write there?") from problem
            return
        path = Path(self.path(name))
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(path)
        except OSError as problem:
            beside.unlink(missing_ok=True)
            raise CannotWrite(f"`{path}` cannot be written: {problem.strerror or problem}") from problem

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if not is_remote(self.root):
            Path(self.path(name)).unlink(missing_ok=True)
            return
        with reaching(self.path(name)), suppress(FileNotFoundError):
            system, inside = self._system(name)
            system.rm_file(inside)

    def _system(self, name: str) -> tuple[Any, str]:
        """The file system, which forgets what it knew: others write here, too."""
        system, inside = remote(self.path(name) if name else self.root)
        system.invalidate_cache()
        return system, inside
