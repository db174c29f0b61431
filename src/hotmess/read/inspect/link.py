"""Addresses at which Inspect's own viewer shows one sample."""

import re
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["Place", "inspect_link", "place_of"]

VIEWER = "http://127.0.0.1:7575"  # where `inspect view` listens unless told otherwise
_PLACE = re.compile(r"samples/(?P<entry>.+)_epoch_(?P<in_entry>\d+)(?:\.json|/)|(?P<id>.+) epoch (?P<epoch>\d+)", re.DOTALL)
_UNRESERVED = "!~*'()"  # what JavaScript's encodeURIComponent leaves as it is, beside letters, digits, and -_.


class Place(NamedTuple):
    """Which sample of a log."""

    sample: str
    epoch: str

    @property
    def summarized(self) -> str:
        """What its row calls it where the summary was read, which lies in no entry of its own."""
        return f"{self.sample} epoch {self.epoch}"


def place_of(source_ref: str) -> Place | None:
    """Which sample a row came from: an entry of the archive, or `ID epoch N`; nothing for what is neither."""
    found = _PLACE.fullmatch(source_ref)
    return found and Place(found["entry"] or found["id"], found["in_entry"] or found["epoch"])


def inspect_link(source: str, source_ref: str, folder: str = "") -> str | None:
    """The address at which `inspect view --log-dir FOLDER` shows the sample that a row came from.

    A log below `folder` is named from there; any other by its last name, as where its own folder is the one that is viewed. So no
    address tells where on a machine the logs lie.

    Returns:
        Nothing where the row is none of an Inspect log.
    """
    place = place_of(source_ref)
    if place is None or not source.endswith((".eval", ".json")):
        return None
    path, above = source.replace("\\", "/"), folder.replace("\\", "/").rstrip("/") + "/"
    path = path.removeprefix(above) if folder and path.startswith(above) else path.rpartition("/")[2]
    log, sample = "/".join(_quoted(part) for part in path.split("/")), _quoted(place.sample)
    return f"{VIEWER}/#/logs/{log}/samples/sample/{sample}/{place.epoch}/"


def _quoted(part: str) -> str:
    return quote(part, safe=_UNRESERVED, errors="replace")
