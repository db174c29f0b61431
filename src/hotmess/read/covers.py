"""Covers: the rows of many small parts of a folder put together in a few, while the records stay what counts.

::

    STORE/samples/task=T/model=M/compact-NAME-0-HASH.parquet    rows of other parts by question, each with the name of its part
    STORE/compacted/NAME.json                                   which parts it replaces, and which parts it has; written last

A cover holds copies. Which rows of it count is said by the records alone: those of parts that a record names which counts. So a
log that grew, or is gone, takes its rows out of every cover, and a part that several covers hold is taken from the latest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import msgspec

from hotmess.read.files import is_remote
from hotmess.read.places import Place
from hotmess.read.record import Kept

__all__ = ["COVERS", "PART", "Cover", "covering", "covers", "known_covers", "shares", "stem"]

COVERS = "compacted"
"""The folder of covers in a store."""

PART = "_part"
"""The column that says from which part a row is."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Parts that hold the rows of other parts.

    Attributes:
        name: a hash of the paths of the parts that it replaces.
        at: when it was made, in nanoseconds since 1970.
        replaces: those parts, without their columns, which are those of `parts` but `PART`.
        parts: its own.
    """

    name: str
    at: int
    replaces: tuple[Kept, ...]
    parts: tuple[Kept, ...]

    @property
    def path(self) -> str:
        """Its place in the store."""
        return f"{COVERS}/{self.name}.json"

    def to_json(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self)


def covers(place: Place) -> tuple[list[Cover], list[str]]:
    """Every cover of a store, the latest first, and the names of those that are damaged."""
    found, damaged = [], []
    for name, text in place.contents(_names(place)):
        try:
            found.append(msgspec.json.decode(text, type=Cover))
        except msgspec.DecodeError:
            damaged.append(name)
    return sorted(found, key=lambda cover: (-cover.at, cover.name)), damaged


def _names(place: Place) -> list[str]:
    """Of covers that are there; a run that is killed leaves what it was writing under another name."""
    return [name for name in place.names(COVERS) if name.endswith(".json")]


def known_covers(place: Place) -> tuple[Cover, ...]:
    """The covers, read once for as long as there are no others: for those who ask often, and can bear to be a little late."""
    return _known(place, tuple(_names(place)))


@lru_cache(maxsize=4)
def _known(place: Place, names: tuple[str, ...]) -> tuple[Cover, ...]:  # noqa: ARG001 - they are what tells one state from another
    return tuple(covers(place)[0])


def covering(place: Place, parts: Sequence[Kept], known: Sequence[Cover]) -> dict[str, Cover]:
    """The cover that a part is to be read from, by the path of the part; parts that no cover has are not in it.

    Args:
        place: the store.
        parts: as records name them; another version of a part, under the same name, has another size.
        known: the covers, in the order of `covers`.
    """
    wanted = {_identity(part) for part in parts}
    found: dict[str, Cover] = {}
    # at an address, where each question takes its time, what is there is there whole
    there = set(place.names("samples")) if known and is_remote(place.root) else None
    for cover in known:
        new = [part.path for part in cover.replaces if part.path not in found and _identity(part) in wanted]
        if new and all(place.size(one.path) == one.size if there is None else one.path in there for one in cover.parts):
            found |= dict.fromkeys(new, cover)
    return found


def _identity(part: Kept) -> tuple[str, int, int]:
    return part.path, part.rows, part.size


def stem(path: str) -> str:
    """The name of a part, as `PART` has it."""
    return PurePosixPath(path).stem


def shares(parts: Sequence[Kept], covered: Mapping[str, Cover]) -> Iterator[tuple[list[Kept], list[str] | None]]:
    """What to scan for the rows of parts: parts of covers, and the names of those whose rows are wanted, None for all.

    Covers are put together where the names tell their rows apart, so that there are few queries.

    Args:
        parts: the parts.
        covered: where they are read from, as `covering` has it; others are left out.
    """
    chosen: dict[str, set[str]] = {}
    known: dict[str, Cover] = {}
    for part in parts:
        if part.path in covered:
            cover = covered[part.path]
            known[cover.name] = cover
            chosen.setdefault(cover.name, set()).add(part.path)
    pure: list[Kept] = []
    mixed: list[tuple[list[Kept], set[str], set[str]]] = []
    for name, paths in chosen.items():
        others = {stem(part.path) for part in known[name].replaces if part.path not in paths}
        if not others:
            pure += known[name].parts
            continue
        names = set(map(stem, paths))
        fit = next((one for one in mixed if one[1].isdisjoint(others) and one[2].isdisjoint(names)), None)
        if fit is None:
            mixed.append(fit := ([], set(), set()))
        fit[0].extend(known[name].parts)
        fit[1].update(names)
        fit[2].update(others)
    if pure:
        yield pure, None
    for kept, names, _ in mixed:
        yield kept, sorted(names)
