"""Looking after a store: what is in it, whether it is whole, and fewer, larger parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.read.store import KEYS, Kept, Record, Store
from hotmess.store.parts import write_parts

__all__ = ["Found", "clean", "compact", "verify"]

_AT_ONCE = 4_000_000  # samples that are held while parts are put together


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong with a store.

    Attributes:
        missing: parts that a record names and that are not there.
        damaged: parts, or records, that cannot be read, or hold other numbers of rows than their record says.
        orphans: parts that no record names: what a killed run left. Nobody reads them.
    """

    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that was ingested is there."""
        return not (self.missing or self.damaged)


def verify(store: Store) -> Found:
    """Read every part to its end, and compare with the records."""
    records, damaged = store.records()
    parts = [part for record in records for part in (*record.samples, *record.texts)]
    there = {*store.place.names("samples"), *store.place.names("texts")}
    missing = [part.path for part in parts if part.path not in there]
    bad = [part.path for part in parts if part.path in there and not _is_whole(store, part)]
    return Found(tuple(missing), (*damaged, *bad), tuple(sorted(there - {part.path for part in parts})))


def _is_whole(store: Store, part: Kept) -> bool:
    try:
        rows = store.scan([part]).select(pl.all().count(), _rows=pl.len()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError):
        return False
    return bool(rows["_rows"][0] == part.rows)


def clean(store: Store, orphans: tuple[str, ...]) -> None:
    """Remove parts that no record names."""
    for name in orphans:
        store.place.remove(name)


def compact(store: Store) -> Record | None:
    """Put the samples of all logs of one task and model together, each response once.

    A response that several logs hold (a retried log holds the samples of the one before) counts once, that of the log which comes
    last by name. Texts stay where they are. The logs of a compacted part cannot be told apart any more: one that grows is read
    again beside what it was, and its responses count once when the store is compacted again.

    Returns:
        The new record; None where there was nothing to put together.

    Raises:
        UnreadableFile: a part is missing.
    """
    records, _ = store.records()
    whole = [record for record in records if record.samples]
    groups: dict[str, list[Kept]] = {}
    for record in whole:
        for part in record.samples:
            groups.setdefault(part.path.rsplit("/", 1)[0], []).append(part)
    if all(len(parts) == 1 for parts in groups.values()):
        return None
    missing = [part.path for parts in groups.values() for part in parts if not store.place.has(part.path)]
    if missing:
        raise UnreadableFile(f"{len(missing)} parts are missing, the first: {missing[0]}", hint="hotmess store STORE --verify")
    keys = sorted(key for record in whole for key in (record.key, *(old for old, _ in record.merged)))
    key = blake2b("".join(keys).encode(), digest_size=10).hexdigest()
    samples = tuple(part for folder, parts in groups.items() for part in _put_together(store, folder, parts, key))
    merged = tuple(pair for record in whole for pair in ((record.key, record.source), *record.merged))
    notices = tuple(dict.fromkeys(pair for record in whole for pair in record.notices))
    made = Record(
        key=key,
        source=f"{len(merged):,} logs",
        size=sum(record.size for record in whole),
        rows=sum(part.rows for part in samples),
        samples=samples,
        texts=tuple(part for record in whole for part in record.texts),
        notices=notices,
        merged=merged,
        sketch=tuple(sorted({one for record in whole for one in record.sketch})),
    )
    store.place.write(f"logs/{key}.json", made.to_json())
    for record in whole:
        store.place.remove(f"logs/{record.key}.json")
        for part in record.samples:
            store.place.remove(part.path)
    return made


def _put_together(store: Store, folder: str, parts: list[Kept], key: str) -> Iterator[Kept]:
    """The samples of one task and model, each once, sorted."""
    frame = store.scan(parts)
    names = frame.collect_schema().names()
    keys = [name for name in KEYS if name in names]
    buckets = -(-sum(part.rows for part in parts) // _AT_ONCE)
    for bucket in range(buckets):
        rows = frame.filter(pl.col("question_id").hash() % buckets == bucket).collect(engine="streaming")
        rows = rows.unique(keys, keep="last", maintain_order=True) if "sample_id" in names else rows
        yield from write_parts(store, folder, rows, f"{key}-{bucket}")
