"""Probabilities that a model states for each option, as a JSON object: ``{"A": 0.7, "B": 0.3}``."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

__all__ = ["stated"]

_OBJECT = re.compile(r"\{[^{}]{1,4000}\}")


def stated(said: Any, choices: Sequence[str] | None) -> list[float] | None:
    """Probabilities aligned with the options, or nothing.

    Args:
        said: a mapping of option → probability, a list in the order of the options, or text that holds such an object.
        choices: the options; the keys of the object are their letters or their texts. Without them, letters A, B, … decide.

    An option that is not mentioned has probability 0. Whether the numbers sum to one is judged later, with the others.
    """
    if isinstance(said, str):
        said = _last_object(said)
    if isinstance(said, Sequence) and not isinstance(said, str):
        numbers = [_number(value) for value in said]
        fits = choices is None or len(numbers) == len(choices)
        return [n for n in numbers if n is not None] if numbers and fits and None not in numbers else None
    if not isinstance(said, Mapping) or not said:
        return None
    places = {_key(key): _number(value) for key, value in said.items()}
    letters = [chr(ord("a") + place) for place in range(len(choices) if choices else len(places))]
    texts = [_key(choice) for choice in choices] if choices else letters
    for keys in (texts, letters):
        if set(places) <= set(keys) and None not in places.values():
            return [places.get(key) or 0.0 for key in keys]
    return None


def _last_object(text: str) -> Any:
    for found in reversed(_OBJECT.findall(text)):
        try:
            return msgspec.json.decode(found)
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _key(key: Any) -> str:
    return str(key).strip().strip("().:").strip().casefold()


def _number(value: Any) -> float | None:
    """A number, also where it is written as text or as a percentage."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        text = str(value).strip()
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
