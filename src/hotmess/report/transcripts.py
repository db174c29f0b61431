"""Transcripts in the page: one gzip member of JSON per question, as base64 text that holds nothing a browser could run.

The page opens with the pair of samples whose answers differ and whose texts agree longest from their start: what was the same in
their thoughts is then easy to put aside. Sorted, texts that agree longest stand side by side, so that one pass finds the pair.
"""

import base64
import gzip
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from hotmess.answers.completions import from_completions

__all__ = ["LIMIT", "Packed", "Transcript", "pack", "parting", "waits", "within"]

LIMIT = 100_000  # characters of one text that the page holds
_MISSES = 20  # blobs in a row that did not fit, after which no other is tried


@dataclass(frozen=True, slots=True)
class Transcript:
    """What one sample said; `link` leads to it in a viewer on this machine."""

    id: str
    context: str | None
    answer: str
    right: bool | None
    length: float | None
    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """The blobs that fit, by row of the table; how many did not, and the bytes of those that did."""

    blobs: dict[int, str]
    kept: int
    left_out: int
    bytes: int


def pack(samples: Sequence[Transcript], limit: int = LIMIT) -> str:
    """The samples of one question as text for the page, the same for the same samples; longer texts lose their middle."""
    first, second, agreed = parting(samples)
    head = max(limit // 2, min(agreed + limit // 8, limit - limit // 8))  # where the pair parts is shown, if there is room
    counts = waits([sample.text for sample in samples])
    shown = [_shown(sample, count, head, limit) for sample, count in zip(samples, counts, strict=True)]
    text = json.dumps({"samples": shown, "pair": [first, second]}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    member = gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)
    return base64.b64encode(member[:9] + b"\xff" + member[10:]).decode("ascii")  # byte 9 names the operating system


def _shown(sample: Transcript, count: int, head: int, limit: int) -> dict[str, Any]:
    long = len(sample.text) > limit
    cut = len(sample.text) - limit + head
    return {
        "id": sample.id,
        "context": sample.context,
        "answer": sample.answer,
        "right": sample.right,
        "length": sample.length if sample.length is not None and math.isfinite(sample.length) else None,
        "waits": count,
        "text": sample.text[:head] if long else sample.text,
        "hidden": cut - head if long else 0,
        "tail": sample.text[cut:] if long else "",
        "link": sample.link,
    }


def waits(texts: Sequence[str]) -> list[int]:
    """How often each text says "Wait", as the column `wait_count` has it."""
    known = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    frame = pl.LazyFrame({"completion": known}, schema={"completion": pl.String})
    return from_completions(frame, answers=False).select("wait_count").collect().to_series().to_list()


def parting(samples: Sequence[Transcript]) -> tuple[int, int, int]:
    """Which two samples to show first, and how many characters they share from their start.

    Of those whose answers differ (if none do, of those whose texts do) the two that agree longest; of several such, the first.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("no samples to choose a pair from")
    texts = [sample.text for sample in samples]
    kinds = [sample.answer for sample in samples]
    if len(set(kinds)) == 1:
        kinds = texts
    if len(set(kinds)) == 1:
        return 0, min(1, len(samples) - 1), len(texts[0])
    order = sorted(range(len(samples)), key=texts.__getitem__)
    agreed = [_agreed(texts[one], texts[other]) for one, other in pairwise(order)]
    longest = _longest([kinds[place] for place in order], agreed)
    first, second = min(_pairs(order, kinds, agreed, longest))
    return first, second, longest


def _agreed(one: str, other: str) -> int:
    """How many characters two texts share from their start, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _longest(kinds: Sequence[str], agreed: Sequence[int]) -> int:
    """How long two of different kinds agree at most, in sorted order: each against the last of another kind before it."""
    longest, since = -1, -1
    for place, (one, other) in enumerate(pairwise(kinds)):
        since = agreed[place] if one != other else min(since, agreed[place])
        longest = max(longest, since)
    return longest


def _pairs(order: Sequence[int], kinds: Sequence[str], agreed: Sequence[int], longest: int) -> Iterable[tuple[int, int]]:
    """The first pair of different kinds in each run of texts that all agree so long."""
    breaks = [place + 1 for place, length in enumerate(agreed) if length < longest]
    for start, end in pairwise([0, *breaks, len(order)]):
        run = sorted(order[start:end])
        second = next((other for other in run if kinds[other] != kinds[run[0]]), None)
        if second is not None:
            yield run[0], second


def within(rows: Sequence[int], packed: Callable[[int], str], budget: int, *, around: int = 0) -> Packed:
    """Of rows in order of preference, those whose blobs fit into so many bytes; one that is too large does not end it.

    Each costs `around` bytes more than it has, for what stands around it. Packing takes time, so that after a few in a row did
    not fit, the others are left out unseen.
    """
    blobs: dict[int, str] = {}
    size = missed = 0
    for row in rows:
        blob = packed(row)
        fits = size + len(blob) + around <= budget
        missed = 0 if fits else missed + 1
        if fits:
            blobs[row] = blob
            size += len(blob) + around
        elif missed >= _MISSES:
            break
    return Packed(blobs, len(blobs), len(rows) - len(blobs), size)
