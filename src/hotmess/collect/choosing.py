"""The option that a reply chooses, by the patterns of `hotmess.answers`: the same as when a log is read, one reply at a time."""

import re
from collections.abc import Sequence

from hotmess.answers.completions import LETTER, PATTERNS, TRIMMED
from hotmess.collect.questions import letter

__all__ = ["chosen", "tagged"]

_PATTERNS = [re.compile(PATTERNS[name]) for name in ("answer-tags", "answer-line", "boxed", "answer-is")]
_LETTER = re.compile(LETTER)
_ALONE = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\].:]*")
_BEFORE = re.compile(r"[(\[]?([A-Za-z])[)\].:]+\s+\S")


def chosen(text: str, options: Sequence[str]) -> str | None:
    """The text of the option that a reply names, by letter or by text, at its last place; nothing where it names none."""
    for pattern in _PATTERNS:
        if found := pattern.findall(text):
            return _option(found[-1], options)
    alone = _LETTER.findall(text)
    return _option(alone[-1], options) if alone else None


def _option(said: str, options: Sequence[str]) -> str | None:
    plain = said.strip(TRIMMED)
    if plain in options:
        return plain
    by_letter = _ALONE.fullmatch(plain) or _BEFORE.match(plain)
    if by_letter is None:
        return next((option for option in options if option.casefold() == plain.casefold()), None)
    letters = [letter(place) for place in range(len(options))]
    name = by_letter.group(1).upper()
    return options[letters.index(name)] if name in letters else None


def tagged(text: str) -> str | None:
    """What stands between the last pair of answer tags."""
    found = _PATTERNS[0].findall(text)
    return found[-1].strip() or None if found else None
