"""The text of chosen responses: what a second reading of a log brings, once the first has told which are wanted."""

import json
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from hotmess.read.log import NO_SHAPE, Log, mapping, table, text

__all__ = ["calls", "first_asked", "spoken", "texts"]


def texts(
    records: Iterable[Any], columns: Mapping[str, Callable[[Any], Any]], prompt: Callable[[Any], Any], keep: Set[str], shown: str
) -> Log:
    """One row per record that stands at one of the places in `keep`: `sample_id`, `source_ref`, `text`, `prompt`.

    `columns` are those of the format, so that the ids are those of the first reading. A prompt that cannot be made is none.
    """

    def is_kept(record: Any) -> bool:
        return text(_or_none(columns["source_ref"], record)) in keep

    told = {name: columns[name] for name in ("sample_id", "source_ref") if name in columns}
    told |= {"text": columns["completion"], "prompt": lambda record: _or_none(prompt, record) or None}
    return table(list(filter(is_kept, records)), told, shown)


def _or_none(get: Callable[[Any], Any], record: Any) -> Any:
    try:
        return get(record)
    except NO_SHAPE:
        return None


def spoken(found: Any) -> str:
    """What is written in a text, a message, or a list of them; chats come as JSON text, too."""
    if isinstance(found, Mapping):
        return spoken(found.get("content") or found.get("text"))
    if isinstance(found, list):
        return "\n\n".join(filter(None, map(spoken, found)))
    said = "" if found is None else str(found)
    return spoken(chat) if (chat := _chat(said)) else said


def _chat(said: str) -> list[Any] | None:
    """The messages of a chat that was written as JSON text."""
    if not said.startswith("[{"):
        return None
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(one, dict) and {"role", "content"} <= set(one) for one in found) else None


def first_asked(messages: Iterable[Any]) -> str | None:
    """The first message of the user."""
    return next((spoken(one) for one in messages if isinstance(one, Mapping) and one.get("role") == "user"), None)


def calls(message: Mapping[str, Any]) -> list[str]:
    """The tools that a message calls, without ids, which are drawn at random."""
    every = [call.get("function", call) for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return [f"{mapping(call).get('name')}({mapping(call).get('arguments')})" for call in every]
