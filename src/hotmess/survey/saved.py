"""The file that the questionnaire saves: who ranked what, tied cards together, the most of the attribute first."""

from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl

from hotmess.errors import NotATable, Notice, OtherVersion

__all__ = ["is_saved", "saved"]

_VERSION = 1
_FORGOTTEN = 0.5  # share of the cards that were never moved, from which on it is said


class _Saved(msgspec.Struct):
    """What is read of a file; it holds more."""

    hotmess_survey: int
    attribute: str
    rater: str
    ranking: list[list[str]]
    question: str = ""
    way: str = ""
    initial: list[str] = []
    untouched: list[str] = []
    unknown: list[str] = []
    kinds: dict[str, str] = {}


def is_saved(found: Any) -> bool:
    """Whether a JSON value is of the questionnaire."""
    return isinstance(found, dict) and "hotmess_survey" in found


def saved(found: Any, place: str) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """Its rows, and what must be known about them; cards that were set aside have no value.

    Raises:
        OtherVersion: it is of a later version.
        NotATable: it is not as the questionnaire writes it.
    """
    if found["hotmess_survey"] != _VERSION:
        raise OtherVersion(f"`{place}` was saved by another version of the questionnaire", hint="pip install --upgrade hotmess")
    try:
        one = msgspec.convert(found, _Saved)
    except msgspec.ValidationError as problem:
        raise NotATable(
            f"`{place}` is not as the questionnaire saves it: {problem}", hint="ask the rater for the file again"
        ) from problem
    count = sum(map(len, one.ranking))
    if not count:
        raise NotATable(f"`{place}` holds no ranking", hint="leave the file out")
    rows = pl.DataFrame(list(_rows(one, place)), infer_schema_length=None)
    notices = []
    if one.way == "drag" and len(one.untouched) > _FORGOTTEN * count:
        left = f"`{place}`: {len(one.untouched)} of {count} cards were never moved, and stand where chance put them"
        notices.append(Notice("never-moved", left, "ask the rater, or leave the file out"))
    return rows, tuple(notices)


def _rows(one: _Saved, place: str) -> Iterator[dict[str, Any]]:
    shared = {"rater": one.rater, "attribute": one.attribute, "place": place, "question": one.question or None}
    for level, tied in enumerate(one.ranking, 1):
        yield from ({**shared, "entity": entity, "kind": one.kinds.get(entity), "value": float(level)} for entity in tied)
    for entity in one.unknown:
        yield {**shared, "entity": entity, "kind": one.kinds.get(entity), "value": None}
