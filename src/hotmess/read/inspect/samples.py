"""The records of an Inspect log and where they lie: summaries, whole samples, samples in chunks, the header."""

import re
from typing import Any

import msgspec
from msgspec.json import Decoder

from hotmess.read.archive import Archive
from hotmess.read.records import LARGE, Malformed, converted, decode, streamed

__all__ = ["Config", "Header", "Sample", "Score", "Text", "asked", "digested", "header", "places", "summaries", "whole"]


_NOTHING = msgspec.Raw()


class Config(msgspec.Struct, omit_defaults=True, gc=False):
    """What was asked of the model, by a log or by one call."""

    reasoning_effort: Any = None
    effort: Any = None
    reasoning_tokens: Any = None
    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    max_tokens: Any = None
    seed: Any = None


class Plan(msgspec.Struct, gc=False):
    """How samples were solved."""

    config: Config = msgspec.field(default_factory=Config)


class Evaluation(msgspec.Struct, gc=False):
    """What a log evaluates."""

    task: str = ""
    task_registry_name: Any = None
    model: str = ""
    eval_id: Any = None
    run_id: Any = None
    created: Any = None
    solver: Any = None
    solver_args: dict[str, Any] | None = None
    task_args_passed: dict[str, Any] | None = None
    model_generate_config: Config | None = None
    config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    scorers: list[dict[str, Any]] | None = None


class Header(msgspec.Struct, gc=False):
    """The head of a log; one that did not finish has only what was known at its start."""

    eval: Evaluation = msgspec.field(default_factory=Evaluation)
    plan: Plan = msgspec.field(default_factory=Plan)
    status: str = "started"
    invalidated: bool = False


class Score(msgspec.Struct, gc=False):
    """What one scorer said; of an edited score, the last word."""

    value: Any = None
    answer: Any = None
    explanation: Any = None
    reason: Any = None
    metadata: dict[str, Any] | None = None
    history: list[Any] | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens of one model."""

    input_tokens: Any = None
    output_tokens: Any = None
    reasoning_tokens: Any = None


class Message(msgspec.Struct, gc=False):
    """A message, its content not yet decoded."""

    id: Any = None
    role: str = ""
    content: msgspec.Raw = msgspec.Raw()
    tool_calls: list[msgspec.Raw] | None = None


class Choice(msgspec.Struct, gc=False):
    """One output of a call."""

    message: Message = msgspec.field(default_factory=Message)
    stop_reason: Any = None


class Output(msgspec.Struct, gc=False):
    """The last output of a sample."""

    choices: list[Choice] | None = None


class Event(msgspec.Struct, gc=False):
    """An event, as far as it tells about randomness."""

    event: Any = None
    config: Config | None = None
    cache: Any = None


class Text(msgspec.Struct, gc=False):
    """What the messages of a sample tell."""

    completion: str = ""
    actions: int | None = None
    seed: str | None = None
    cached: bool | None = None
    stopped: str | None = None
    asked: str | None = None


class Sample(msgspec.Struct, gc=False):
    """A sample or its summary; a summary has no messages."""

    id: Any = None
    epoch: int = 1
    input: msgspec.Raw = msgspec.Raw()
    choices: list[str] | None = None
    target: Any = None
    scores: dict[str, Score] | None = None
    metadata: dict[str, Any] | None = None
    model_usage: dict[str, Usage] | None = None
    error: Any = None
    limit: Any = None
    invalidation: Any = None
    uuid: str | None = None
    turn_count: Any = None
    messages: list[Message] | None = None
    output: Output | None = None
    events: msgspec.Raw = _NOTHING
    attachments: msgspec.Raw = _NOTHING
    message_refs: list[tuple[int, int]] | None = None
    text: Text | None = None
    place: str = ""


class _Part(msgspec.Struct, gc=False):
    """A part of the text of a message."""

    type: str = ""
    text: Any = None
    reasoning: Any = None
    summary: Any = None
    redacted: Any = None


_SAMPLE, _SUMMARIES, _HEADER = Decoder(Sample), Decoder(list[Sample]), Decoder(Header)
_MESSAGE, _PARTS = Decoder(Message), Decoder(str | list[_Part])
_GIVEN, _EVENTS = Decoder(list[Message]), Decoder(list[Event])
_LIST, _MAPPING, _ANY = Decoder(list[msgspec.Raw]), Decoder(dict[str, Any]), Decoder(Any)
_ATTACHED = "attachment://"


def header(archive: Archive) -> Header:
    """The head of a log, or what was written at its start.

    Raises:
        Malformed: there is none.
    """
    for name in ("header.json", "_journal/start.json"):
        if name in archive.names:
            return decode(archive.read(name), _HEADER)
    raise Malformed("neither header.json nor _journal/start.json is in it")


def summaries(archive: Archive) -> list[Sample]:
    """The summaries of a log; of one that did not finish, those of its journal, the last word for each sample."""
    if "summaries.json" in archive.names:
        return _many(archive, "summaries.json")
    journal = [name for name in archive.names if name.startswith("_journal/summaries/") and name.endswith(".json")]
    found = [sample for name in sorted(journal, key=_count) for sample in _many(archive, name)]
    return list({(str(sample.id), sample.epoch): sample for sample in found}.values())


def _many(archive: Archive, name: str) -> list[Sample]:
    if archive.size(name) <= LARGE:
        return decode(archive.read(name), _SUMMARIES)
    return [converted(found, _SAMPLE) for found in streamed(archive.stream(name), "item")]


def _count(name: str) -> tuple[int, str]:
    last = name.rpartition("/")[2].removesuffix(".json")
    return (int(last) if last.isdecimal() and len(last) < 19 else 0, name)


def places(archive: Archive) -> list[str]:
    """Where the samples of a log lie: an entry each, or a folder for one in chunks. Ids may hold slashes, so names decide."""
    inside = [name for name in archive.names if name.startswith("samples/") and name.endswith(".json")]
    chunked = [name.removesuffix("sample.json") for name in inside if _IN_CHUNKS.search(name)]
    apart = tuple(chunked)
    return [*(name for name in inside if _WHOLE.search(name) and not name.startswith(apart or ("/",))), *chunked]


_WHOLE, _IN_CHUNKS = re.compile(r"_epoch_\d+\.json$"), re.compile(r"_epoch_\d+/sample\.json$")


def whole(archive: Archive, place: str, *, calls: bool = True, asked_too: bool = False) -> Sample:
    """One whole sample, its text digested, with `calls` also the seeds and caches of its calls, else what was asked if wanted.

    Raises:
        Malformed: it is damaged.
    """
    if place.endswith("/"):
        sample = _from_chunks(archive, place)
    elif archive.size(place) <= LARGE:
        sample = decode(archive.read(place), _SAMPLE)
    else:
        sample = _large(archive, place)
    sample.place = place
    return digested(sample, calls=calls, asked_too=asked_too)


def _from_chunks(archive: Archive, place: str) -> Sample:
    """A sample whose messages are a pool, of which it lists the ranges that are its own; long texts stand in attachments."""
    sample = decode(archive.read(f"{place}sample.json"), _SAMPLE)
    if f"{place}metadata.json" in archive.names:
        sample.metadata = decode(archive.read(f"{place}metadata.json"), _MAPPING)
    texts = [decode(raw, _ANY) for raw in _chunks(archive, f"{place}attachments/")]
    pool = [decode(raw, _MESSAGE) for raw in _chunks(archive, f"{place}messages/")]
    ranges = [(one[0], one[1]) for one in sample.message_refs or ()]
    sample.messages = [message for start, end in ranges for message in pool[start:end]]
    sample.attachments = msgspec.Raw(msgspec.json.encode({str(place): text for place, text in enumerate(texts)}))
    return sample


def _chunks(archive: Archive, folder: str) -> list[msgspec.Raw]:
    names = sorted((name for name in archive.names if name.startswith(folder)), key=_count)
    return [raw for name in names for raw in decode(archive.read(name), _LIST)]


def _large(archive: Archive, place: str) -> Sample:
    """A sample too large to hold: its facts, one value at a time; messages and events stay out."""
    import ijson

    wanted = set(Sample.__struct_fields__) - {"input", "messages", "output", "events", "attachments"}
    facts: dict[str, Any] = {}
    builder: Any = None
    with archive.stream(place) as stream:
        try:
            for prefix, event, value in ijson.parse(stream, use_float=True):
                name = prefix.partition(".")[0]
                if name not in wanted:
                    continue
                if prefix == name and event not in {"end_map", "end_array", "map_key"}:
                    builder = facts[name] = ijson.ObjectBuilder()
                builder.event(event, value)
        except (ijson.JSONError, UnicodeDecodeError) as problem:
            raise Malformed(str(problem)[:120]) from problem
    return converted({name: built.value for name, built in facts.items()}, _SAMPLE)


def asked(given: msgspec.Raw) -> bytes:
    """What a sample was asked, without what differs from run to run, such as the ids of messages."""
    raw = bytes(given)
    if not raw.startswith(b"["):
        return raw
    try:
        return b"\n".join(bytes(message.content) for message in decode(raw, _GIVEN))
    except Malformed:
        return raw


def _asked_text(given: msgspec.Raw, attached: msgspec.Raw) -> str | None:
    try:
        messages = decode(given, _GIVEN) if bytes(given).startswith(b"[") else [Message(content=given)]
        return "\n\n".join(filter(None, [_written(message.content, attached) for message in messages]))
    except Malformed:
        return None


def digested(sample: Sample, *, calls: bool = True, asked_too: bool = False) -> Sample:
    """The same sample with what its messages tell in place of the messages."""
    said = [message for message in sample.messages or () if message.role == "assistant"]
    outputs = (sample.output.choices if sample.output else None) or []
    last = outputs[0].message if outputs else None
    if last is not None and (not said or (said[-1].id is not None and said[-1].id == last.id)):
        said = [*said[:-1], last]  # agents strip the reasoning of their last turn from the messages, not from the output
    if said or sample.messages is not None:
        telling = _telling_calls(sample.events) if calls else []
        seeds = [str(call.config.seed) for call in telling if call.config and call.config.seed is not None]
        sample.text = Text(
            completion="\n\n".join(filter(None, [_written(message.content, sample.attachments) for message in said])),
            actions=sum([len(message.tool_calls or ()) for message in sample.messages or said]),
            seed=",".join(seeds) or None,
            cached=any(call.cache == "read" for call in telling),
            stopped=str(outputs[0].stop_reason) if outputs and outputs[0].stop_reason else None,
            asked=_asked_text(sample.input, sample.attachments) if asked_too else None,
        )
    sample.messages = sample.output = None
    sample.events = sample.attachments = _NOTHING
    return sample


def _telling_calls(events: msgspec.Raw) -> list[Event]:
    """The calls of the model, if one may have a seed or come from a cache; the bulk of a sample is in its events."""
    raw = bytes(events)
    if b'"seed' not in raw and b'"read' not in raw:  # to end in a letter, not in a quote, makes the search four times as fast
        return []
    return [event for event in decode(raw, _EVENTS) if event.event == "model"]


def _written(content: msgspec.Raw, attached: msgspec.Raw) -> str:
    """What a message says, its reasoning where it stands."""
    found = decode(content, _PARTS) if bytes(content) else ""
    if isinstance(found, str):
        parts: list[Any] = [found]
    else:
        parts = [(not part.redacted and part.reasoning) or part.summary or part.text for part in found]
    text = "\n".join([str(part) for part in parts if part])
    return text if _ATTACHED not in text else _resolved(text, attached)


def _resolved(text: str, attached: msgspec.Raw) -> str:
    """A text whose lines may name attachments, with these in their place."""
    texts = decode(attached, _MAPPING) if bytes(attached) else {}
    lines = (texts.get(line.removeprefix(_ATTACHED), line) if line.startswith(_ATTACHED) else line for line in text.split("\n"))
    return "\n".join(map(str, lines))
