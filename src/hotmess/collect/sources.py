"""Published data, from where they live: fetched once, at one revision, and held to their checksum."""

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hotmess.errors import NoSuchPath, Unreachable, UnreadableFile

__all__ = ["Local", "Published", "obtained"]

_CHUNK = 1 << 20
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Published:
    """A file that others publish.

    Attributes:
        name: what it is called there.
        url: its address, at one revision.
        sha256: of its content.
        page: where a person can get it.
    """

    name: str
    url: str
    sha256: str
    page: str


@dataclass(frozen=True, slots=True)
class Local:
    """A file that lies here, with the SHA-256 of what is in it."""

    path: Path
    sha256: str


def obtained(file: Published, data: str | None = None, *, alone: bool = True) -> Local:
    """The file: a local copy if there is one at `data`, else from the cache, else from the network.

    Args:
        file: what is wanted.
        data: the file itself, in whatever version, or a folder that holds it under its name.
        alone: whether it is all that is wanted, so that `data` can be the file itself.

    Raises:
        NoSuchPath: there is nothing at `data`.
        Unreachable: it cannot be fetched.
        UnreadableFile: what came is not what was published.
    """
    if data is not None:
        place = Path(data) if alone and not Path(data).is_dir() else Path(data) / file.name
        if not place.is_file():
            raise NoSuchPath(f"there is no `{place}`", hint=f"{file.name} can be had from {file.page}")
        return Local(place, _digest(place))
    kept = _cache() / file.sha256 / file.name
    if not kept.is_file():
        _fetch(file, kept)
    return Local(kept, file.sha256)


def _cache() -> Path:
    import platformdirs

    return Path(os.environ.get("HOTMESS_CACHE") or platformdirs.user_cache_path("hotmess")) / "data"


def _fetch(file: Published, place: Path) -> None:
    import httpx

    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    by_hand = f"get {file.name} from {file.page} elsewhere, and give it as --data (-T data=PATH in Inspect)"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with httpx.stream("GET", file.url, follow_redirects=True, timeout=_SECONDS) as answer, beside.open("wb") as stream:
            answer.raise_for_status()
            for chunk in answer.iter_bytes(_CHUNK):
                stream.write(chunk)
        if (found := _digest(beside)) != file.sha256:
            found = f"{file.url} is not what was published: its SHA-256 is {found}, not {file.sha256}"
            raise UnreadableFile(found, why="figures of other questions could not be compared", hint=by_hand)
        beside.replace(place)
    except (httpx.HTTPError, OSError) as problem:
        why = (
            f"HTTP {problem.response.status_code}" if isinstance(problem, httpx.HTTPStatusError) else str(problem) or "no answer"
        )
        raise Unreachable(f"{file.url} cannot be reached: {why}", hint=by_hand) from problem
    finally:
        with suppress(OSError):
            beside.unlink()


def _digest(place: Path) -> str:
    found = sha256()
    with place.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
