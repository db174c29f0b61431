"""Rows that are no result, though a figure could be computed: too little was read, or nothing was drawn at random."""

import narwhals as nw

from hotmess.copies import identical, refusal, told
from hotmess.errors import Notice
from hotmess.frames import count
from hotmess.rows import Row
from hotmess.samples import GROUPS, Samples

__all__ = ["readable", "without_copies"]


def readable(rows: tuple[Row, ...], most: float) -> tuple[tuple[Row, ...], list[Notice]]:
    """The rows without those of which too little could be read, where others are left."""
    kept = tuple(row for row in rows if row.invalid_rate <= most)
    if len(kept) == len(rows) or not kept:
        return rows, []
    gone = [row for row in rows if row.invalid_rate > most]
    shown = ", ".join(" ".join(_word(name) for name in row.group.values() if name is not None) for row in gone[:3])
    found = (
        f"{len(gone)} of {len(rows)} rows are withheld, since more than {most:.0%} of their answers could not be read: {shown}"
    )
    return kept, [Notice("mostly-unparsed", found, "--max-invalid 1 shows them")]


def _word(name: object) -> str:
    """A part of the name of a row; of a bucket its number."""
    return f"bucket {name['bucket']}" if isinstance(name, dict) else str(name)


def without_copies(rows: tuple[Row, ...], samples: Samples) -> tuple[tuple[Row, ...], list[Notice]]:
    """The rows without those whose repeats are copies: their variance of zero is no result.

    Raises:
        NoRandomness: no other is left.
    """
    found = identical(samples)
    if not found:
        return rows, []
    kept = tuple(row for row in rows if not any(group.items() <= row.group.items() for group, _, _ in found))
    if not kept or len(found) == _groups(samples):
        raise refusal(found)
    pooled = len(kept) == len(rows)
    what = (
        "are pooled with others, and lower the variance"
        if pooled
        else f"are withheld: {len(rows) - len(kept)} of {len(rows)} rows"
    )
    notice = Notice("no-randomness", f"samples of which all repeats are identical {what} ({told(found)})", "sample them again")
    return kept, [notice]


def _groups(samples: Samples) -> int:
    """How many tasks, models and settings there are."""
    names = [name for name in GROUPS if samples.has(name)]
    return count(samples.frame.group_by(*names).agg(nw.len().alias("n"))) if names else 1
