"""Probabilities that a model states for the options: what may be repaired is, and each repair has a name.

    json          the object was no valid JSON: quotes, commas, a fence
    percent       numbers up to 100 that sum to 100
    missing       options that were not mentioned have probability 0, where the others sum to 1
    sum           numbers that sum to nearly 1 were divided by their sum

What is not repaired has a reason: no object with options, an option that does not exist, a number outside 0 to 1, a sum far
from 1.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotmess.answers import stated
from hotmess.collect.questions import letter

__all__ = ["Stated", "read_probabilities"]

_NEAR = 0.1  # sums up to so far from 1 are taken for rounding
_MOST = 1e6  # beyond it nothing was meant, and sums could overflow
_ROUNDED = 0.02  # where options are missing, less than this is theirs
_EXACT = 1e-6
_LOOKED = 50  # objects, from the last
_OBJECT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What was read.

    Attributes:
        probabilities: in the order of the options, with sum 1; nothing where they could not be read.
        repairs: the names of what was mended.
        reason: why nothing could be read.
    """

    probabilities: tuple[float, ...] | None
    repairs: tuple[str, ...] = ()
    reason: str = ""


def read_probabilities(text: str, options: Sequence[str]) -> Stated:
    """What the last object in a text states that speaks of options, by letter or by text; an earlier one was a draft."""
    known = {letter(place).casefold() for place in range(len(options))} | {option.strip().casefold() for option in options}
    for text_of_one in reversed(_OBJECT.findall(text)[-_LOOKED:]):
        said, mended = _decoded(text_of_one)
        if isinstance(said, Mapping) and known & {_key(key) for key in said}:
            return _judged(said, options, mended=mended)
    return Stated(None, reason="no JSON object with options")


def _key(key: Any) -> str:
    return str(key).strip().strip("().:").casefold()


def _decoded(text: str) -> tuple[Any, bool]:
    """The object, and whether it had to be repaired to be one."""
    import json

    import json_repair

    try:
        return json.loads(text), False
    except (ValueError, RecursionError):
        pass
    try:
        return json_repair.loads(text), True
    except (ValueError, RecursionError):
        return None, True


def _judged(said: Mapping[Any, Any], options: Sequence[str], *, mended: bool) -> Stated:
    aligned = stated(said, options)
    if aligned is None:
        return Stated(None, reason="not a number for each option")
    if not all(abs(value) <= _MOST for value in aligned):
        return Stated(None, reason="a number outside 0 to 1")
    lacks = len(options) - len({_key(key) for key in said})
    repairs = ["json"] * mended + ["missing"] * (lacks > 0)
    total = math.fsum(aligned)
    if abs(total - 100) <= 100 * _NEAR and max(aligned) > 1:
        aligned, total = [value / 100 for value in aligned], total / 100
        repairs.append("percent")
    if not all(0 <= value <= 1 for value in aligned):
        return Stated(None, reason="a number outside 0 to 1")
    if "missing" in repairs and total < 1 - _ROUNDED:
        return Stated(None, reason=f"{lacks} options without a probability")
    if abs(total - 1) > _NEAR:
        return Stated(None, reason=f"a sum of {total:.3g}")
    if abs(total - 1) > _EXACT:
        repairs.append("sum")
    return Stated(tuple(value / total for value in aligned), tuple(repairs))
