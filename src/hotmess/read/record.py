"""Records of a store: what it knows of each log, which of them count, and which hold responses of one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from hotmess.errors import Notice

__all__ = ["KEYS", "Kept", "Record", "current", "overlapping", "sketch", "words"]

KEYS = ("task", "model", "setting", "question_id", "context_id", "sample_id", "test_id")
"""What names a response (a row of it, for unit tests)."""

_SKETCH = 64  # hashes: logs that share a twentieth of their responses share one of these in 96 of 100 cases
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A part.

    Attributes:
        path: its place in the store.
        rows: how many rows it has.
        size: in bytes.
        columns: name and type of each column.
    """

    path: str
    rows: int
    size: int
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A log, as the store knows it.

    Attributes:
        key: the name of its content.
        sources: where it lies: the names of its logs, of which several may have the same content.
        size: of the log, in bytes.
        at: when it was read, in nanoseconds since 1970: of two records of one log the later one counts.
        rows: how many samples it holds.
        samples: its parts.
        texts: the parts with what was said.
        notices: what must be known about it: code and words.
        failed: why it could not be read; empty if it could.
        sketch: the smallest hashes of the names of its responses: two logs that share one hold the same responses.
    """

    key: str
    sources: tuple[str, ...]
    size: int
    at: int = 0
    rows: int = 0
    samples: tuple[Kept, ...] = ()
    texts: tuple[Kept, ...] = ()
    notices: tuple[tuple[str, str], ...] = ()
    failed: str = ""
    sketch: tuple[int, ...] = ()

    def to_json(self) -> bytes:
        """As it is kept."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def of(cls, text: bytes) -> "Record":
        """As it was kept.

        Raises:
            msgspec.DecodeError: it is damaged.
        """
        return msgspec.json.decode(text, type=cls)


def current(records: Sequence[Record]) -> list[Record]:
    """The records that count: of each log the latest that could be read, and a failure that came after it."""
    read: dict[str, Record] = {}
    failed: dict[str, Record] = {}
    for record in sorted(records, key=lambda one: one.at):
        (failed if record.failed else read).update(dict.fromkeys(record.sources, record))
    later = {one.key for source, one in failed.items() if source not in read or one.at > read[source].at}
    kept = {record.key for record in read.values()} | later
    return [record for record in records if record.key in kept]


def sketch(table: pl.DataFrame, before: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The smallest hashes of the names that a tool gave to its responses; see `Record.sketch`.

    Args:
        table: the rows, or some of them.
        before: the sketch of the others.
    """
    if table.schema.get("sample_id") != pl.String:
        return before
    given = ~pl.col("sample_id").str.contains("/", literal=True)  # of those that readers count, two may meet by accident
    names = table.filter(given).select([name for name in KEYS if name in table.columns])
    hashes = pl.concat([names.hash_rows(seed=0), pl.Series(before, dtype=pl.UInt64)])
    return tuple(hashes.unique().sort().head(_SKETCH).to_list())


def overlapping(records: Sequence[Record]) -> list[list[Record]]:
    """The logs in groups: those that share responses, directly or through others, together."""
    groups: dict[int, list[Record]] = {}
    of: dict[int, int] = {}
    for place, record in enumerate(records):
        touched = {of[one] for one in record.sketch if one in of}
        groups[place] = [old for number in sorted(touched) for old in groups.pop(number)] + [record]
        of |= {one: place for old in groups[place] for one in old.sketch}
    return list(groups.values())


def words(records: Sequence[Record], damaged: Sequence[str]) -> list[Notice]:
    """What was said of each log, those of one code together; and which logs could not be read."""
    said: dict[str, list[str]] = {}
    for record in records:
        for code, found in record.notices:
            said.setdefault(code, []).append(found)
    notices = []
    for code, words in said.items():
        shown = "; ".join(dict.fromkeys(words[:_SHOWN]))
        notices.append(Notice(code, shown + (f"; and {len(words) - _SHOWN:,} more like these" if len(words) > _SHOWN else "")))
    failed = [record for record in records if record.failed]
    if failed or damaged:
        first = failed[0].failed if failed else f"the record {damaged[0]} is damaged"
        notices.append(
            Notice("skipped", f"{len(failed) + len(damaged):,} logs of the store could not be read: {first}", "ingest them again")
        )
    return notices
