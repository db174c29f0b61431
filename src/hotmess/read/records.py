"""JSON that strangers wrote: decoded into what we need, in bounded memory, whatever it holds.

`msgspec` decodes the fields that are named and skips the others. What the standard forbids and logs hold nevertheless (NaN,
half a surrogate pair, bytes that are no UTF-8) is read by a slower way; what cannot be read is `Malformed`.
"""

import json
import re
from collections.abc import Collection, Iterator
from io import BufferedReader
from typing import Any, TypeVar

import msgspec

from hotmess.read.files import File

__all__ = ["LARGE", "Malformed", "converted", "decode", "json_lines", "json_text", "lines", "streamed"]

LARGE = 128 << 20  # a record of more bytes is read piece by piece
_SMALL, _DENSE = 1 << 20, 12  # a bracket in every twelve bytes of more than a megabyte is no log
_LONE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F][0-9a-fA-F]{2}")

T = TypeVar("T")


class Malformed(ValueError):
    """A record that is not the JSON it should be."""


def decode(data: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode one JSON value.

    Raises:
        Malformed: it is no JSON, nested too deep, or of another shape.
    """
    if not isinstance(data, msgspec.Raw) and len(data) > _SMALL and _is_bomb(bytes(data)):
        raise Malformed("almost nothing but brackets: it would take many times its size in memory")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as problem:
        raise Malformed(str(problem)) from problem
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(bytes(data), decoder)
    except RecursionError as problem:
        raise Malformed("nested too deep") from problem


def _is_bomb(data: bytes) -> bool:
    return (data.count(b"{") + data.count(b"[")) * _DENSE > len(data)


def _lenient(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        found = json.loads(_LONE.sub("\ufffd", data.decode("utf-8", "replace")))
    except (ValueError, RecursionError) as problem:
        raise Malformed(str(problem)[:120]) from problem
    return converted(found, decoder)


def converted(found: Any, decoder: msgspec.json.Decoder[T]) -> T:
    """What plain Python objects mean as a record; numbers that are none become null.

    Raises:
        Malformed: they are of another shape.
    """
    try:
        return decoder.decode(msgspec.json.encode(found))
    except (msgspec.MsgspecError, RecursionError, OverflowError, UnicodeEncodeError, TypeError) as problem:
        raise Malformed(str(problem)[:120]) from problem


def json_text(file: File) -> Any:
    """A whole JSON file as plain objects.

    Raises:
        Malformed: it is no JSON, or larger than fits in memory.
    """
    if file.size > 4 * LARGE:
        raise Malformed(f"{file.size:,} bytes are too many for one JSON text")
    return decode(file.read(), _ANY)


def json_lines(file: File, bad: list[str], keep: Collection[str] | None = None) -> Iterator[tuple[int, Any]]:
    """The values of a JSON-lines file with the numbers of their lines; what is wrong with the other lines goes to `bad`.

    Of the lines that `keep` does not name, as `line 7`, none is decoded.
    """
    with file.open() as stream:
        for place, line in enumerate(lines(stream), 1):
            if keep is not None and f"line {place}" not in keep:
                continue
            try:
                yield place, decode(line, _ANY)
            except Malformed as problem:
                bad.append(f"line {place}: {problem}")


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)


def lines(stream: BufferedReader) -> Iterator[bytes]:
    """The lines that are not blank; one longer than `LARGE` is cut, so that it is malformed rather than in memory."""
    cut = False
    while line := stream.readline(LARGE):
        whole = line.endswith(b"\n") or len(line) < LARGE
        if not cut and line.strip():
            yield line
        cut = not whole


def streamed(stream: BufferedReader, place: str) -> Iterator[Any]:
    """The values at a place of a JSON text of any size, one at a time, such as `samples.item`.

    Raises:
        Malformed: it is no JSON.
    """
    import ijson

    try:
        yield from ijson.items(stream, place, use_float=True)
    except (ijson.JSONError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise Malformed(str(problem)[:120]) from problem
