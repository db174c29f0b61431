"""The option that a reply names, by the patterns of `hotmess.answers`: the same as when a log is read, one reply at a time.

The regular expressions are Rust's here too: a reply is hostile text, and Python's could take hours over one of a million blanks.
"""

import re
from collections.abc import Sequence

import polars as pl

from hotmess.answers.completions import LETTER, PATTERNS, TRIMMED
from hotmess.collect.questions import letter

__all__ = ["chosen", "tagged"]

_TELLING = {"answer-tags": "<answer>", "answer-line": "answer", "boxed": "\\boxed", "hashes": "####", "answer-is": "answer"}
_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_ALONE = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\].:]*")
_BEFORE = re.compile(r"[(\[]?([A-Za-z])[)\].:]+\s+\S")


def chosen(text: str, options: Sequence[str]) -> str | None:
    """The text of the option that a reply names, at its last place, or nothing.

    A letter that stands alone is the letter of an option, even where an option is called like that: letters are asked for.
    """
    said = _said(text)
    return None if said is None else _option(_TEXT.sub(r"\1", said).strip(TRIMMED), options)


def tagged(text: str) -> str | None:
    """What stands between the last pair of answer tags."""
    return _last(text, PATTERNS["answer-tags"])


def _said(text: str) -> str | None:
    low = text.casefold()
    for name, pattern in PATTERNS.items():
        if _TELLING[name] in low and (found := _last(text, pattern)) is not None:
            return found
    return _last(text, LETTER)


def _last(text: str, pattern: str) -> str | None:
    """The group of the last match, unless it is empty."""
    matches = pl.Series([text], dtype=pl.String).str.extract_all(pattern).item(0)
    return pl.Series([matches[-1]]).str.extract(pattern, 1).item() or None if len(matches) else None


def _option(said: str, options: Sequence[str]) -> str | None:
    by_letter = _ALONE.fullmatch(said[:20]) or _BEFORE.match(said[:20])
    if by_letter is not None:
        letters = [letter(place) for place in range(len(options))]
        name = by_letter.group(1).upper()
        return options[letters.index(name)] if name in letters else next((one for one in options if one == said), None)
    return next((option for option in options if option.strip(TRIMMED).casefold() == said.casefold()), None)
