"""The option that a reply names, by the patterns by which logs are read; a lone letter counts only as its last line.

The regular expressions are Rust's here too: a reply is hostile text, and Python's could take hours over one of a million blanks.
"""

import re
from collections.abc import Sequence

import polars as pl

from hotmess.answers.completions import PATTERNS, TRIMMED, WRAPPED
from hotmess.collect.questions import letter

__all__ = ["chosen", "concluded", "tagged"]

_TELLING = {"answer-tags": "<answer>", "answer-line": "answer", "boxed": "\\boxed", "hashes": "####", "answer-is": "answer"}
_SURE = ("answer-tags", "answer-line")  # what a reply that was cut off may still be taken at
_WRAPPED = re.compile(WRAPPED)
_NAMED = re.compile(r"(?:option\s+)?[(\[]?([A-Za-z])(?![A-Za-z0-9])(.*)", re.IGNORECASE | re.DOTALL)
_LONG = 400  # characters of what may name an option


def chosen(text: str, options: Sequence[str], *, cut: bool = False) -> str | None:
    """The text of the option that a reply names, at its last place, or nothing.

    A letter that stands alone is the letter of an option, even where an option is called like that: letters are asked for.

    Args:
        text: the reply; what it thought is no answer, nor is a thought without an end.
        options: in the order in which they were shown.
        cut: whether the reply was cut off, so that only an answer that says it is one counts.
    """
    said = _said(concluded(text), cut=cut)
    if said is None:
        return None
    plain = _WRAPPED.sub(r"\1", _WRAPPED.sub(r"\1", said[:_LONG])).strip(TRIMMED)
    return _option(plain, options)


def tagged(text: str) -> str | None:
    """What stands between the last pair of answer tags."""
    return _last(concluded(text), PATTERNS["answer-tags"])


def concluded(text: str) -> str:
    """A reply without the thoughts that some providers leave in it."""
    _, mark, after = text.rpartition("</think>")
    return after if mark else "" if text.lstrip().startswith("<think>") else text


def _said(text: str, *, cut: bool) -> str | None:
    low = text.casefold()
    for name, pattern in PATTERNS.items():
        if (name in _SURE or not cut) and _TELLING[name] in low and (found := _last(text, pattern)) is not None:
            return found
    last = text.strip().rpartition("\n")[2].strip(TRIMMED + "()[]:")
    return last if len(last) == 1 and not cut else None


def _last(text: str, pattern: str) -> str | None:
    """The group of the last match, unless it is empty."""
    matches = pl.Series([text], dtype=pl.String).str.extract_all(pattern).item(0)
    return pl.Series([matches[-1]]).str.extract(pattern, 1).item() or None if len(matches) else None


def _option(said: str, options: Sequence[str]) -> str | None:
    """The option of a letter, alone or with something beside it that is no word of a sentence; else the option of this text."""
    alike = {_plain(option): option for option in reversed(options)}
    named = _NAMED.fullmatch(said)
    if named is not None:
        letters = [letter(place) for place in range(len(options))]
        name, rest = named.group(1).upper(), named.group(2)
        option = options[letters.index(name)] if name in letters else None
        beside = not rest.strip() or not rest[0].isspace() or rest.lstrip()[0] in "([-–:.)*"
        if option is not None and (beside or _plain(rest) == _plain(option)):
            return option
    return alike.get(_plain(said))


def _plain(text: str) -> str:
    return text.strip(TRIMMED + "()[]:-–").casefold()
