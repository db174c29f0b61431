"""A folder on this machine, or at an address: the few things that a store does with one."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import time
from typing import Any

from hotmess.errors import CannotWrite, Unreachable
from hotmess.read.files import is_remote, remote

__all__ = ["Place"]

_NATIVE = ("s3://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "hf://")  # which the engine reads by itself


@dataclass(frozen=True, slots=True)
class Place:
    """A folder. What is written is there whole, or not at all."""

    root: str

    def path(self, name: str) -> str:
        """Where a file of this name is."""
        return f"{self.root.rstrip('/')}/{name}"

    @property
    def native(self) -> bool:
        """Whether the engine can scan files here by their paths."""
        return not is_remote(self.root) or self.root.startswith(_NATIVE)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        if not is_remote(self.root):
            return Path(self.path(name)).is_file()
        system, inside = self._system(name)
        return bool(system.exists(inside))

    def size(self, name: str) -> int | None:
        """How large a file is, in bytes; None if it is not there."""
        if not is_remote(self.root):
            path = Path(self.path(name))
            return path.stat().st_size if path.is_file() else None
        system, inside = self._system(name)
        return int(system.size(inside)) if system.exists(inside) else None

    def age(self, name: str) -> float:
        """For how many seconds a file has been there; infinite where nobody knows."""
        path = Path(self.path(name))
        return inf if is_remote(self.root) or not path.is_file() else time() - path.stat().st_mtime

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
        system, inside = self._system(folder)
        base = self._system("")[1].rstrip("/")
        if system.exists(inside):
            for found in system.find(inside):
                yield str(found)[len(base) :].lstrip("/")

    def read(self, name: str) -> bytes:
        """All of a file."""
        if not is_remote(self.root):
            return Path(self.path(name)).read_bytes()
        system, inside = self._system(name)
        return bytes(system.cat_file(inside))

    def write(self, name: str, data: bytes) -> None:
        """Write a file: beside its place, flushed to the disk, renamed. An object store shows an object when it is whole.

        Raises:
            CannotWrite: the disk is full, or nobody may write there.
        """
        if is_remote(self.root):
            system, inside = self._system(name)
            try:
                system.pipe_file(inside, data)
            except OSError as problem:
                raise CannotWrite(f"`{self.path(name)}` cannot be written: {problem}") from problem
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
        system, inside = self._system(name)
        if system.exists(inside):
            system.rm_file(inside)

    def _system(self, name: str) -> tuple[Any, str]:
        try:
            return remote(self.path(name) if name else self.root)
        except OSError as problem:
            raise Unreachable(f"`{self.root}` cannot be reached: {problem}", hint="is the address right?") from problem
