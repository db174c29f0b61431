"""Zip archives whose entries are compressed by deflate or zstandard, read in bounded memory.

The standard library reads no zstandard entry before Python 3.14, and takes a third of our time for the directory of a log of
thousands of samples; so both are read here. Names of entries are names only: nothing is ever unpacked to a disk, so no path in an
archive can lead anywhere.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import zstandard

from hotmess.errors import UnreadableFile
from hotmess.read.records import LARGE, Malformed

__all__ = ["Archive"]

_STORED, _DEFLATE, _ZSTD = 0, 8, 93
_BLOCK = 1 << 20
_MOST = 1 << 30  # bytes of one entry
_LEAST, _RATIO = 4 << 30, 400  # bytes that an archive may unpack to, at least, and for each of its own
_HEADER = struct.Struct("<4s5H3I2H")  # of an entry, before its name
_CENTRAL = struct.Struct("<4s6H3I5H2I")  # of an entry in the directory, before its name
_END, _END_64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q")  # of the directory
_WIDE = 0xFFFFFFFF  # a size or a place that stands elsewhere, in 64 bits
_TAIL = 66_000  # bytes in which the end of the directory must begin


class Entry(NamedTuple):
    """Where an entry lies, and how."""

    method: int
    packed: int
    size: int
    place: int


class Archive:
    """An open zip archive.

    Raises:
        UnreadableFile: it has no directory at its end, or that is damaged.
    """

    def __init__(self, stream: io.BufferedReader, shown: str) -> None:
        """Read the directory."""
        self._stream = stream
        self._left = max(_LEAST, _RATIO * stream.seek(0, io.SEEK_END))
        self._zstd = zstandard.ZstdDecompressor(max_window_size=LARGE)
        try:
            self._entries = _directory(stream)
        except (OSError, ValueError, struct.error) as problem:
            raise UnreadableFile(
                f"`{shown}` is damaged or cut short: {problem}",
                why="the directory of a log is at its end",
                hint="copy it again; of a run that died, `inspect log recover` saves what there is",
            ) from problem

    @property
    def names(self) -> list[str]:
        """The names of its entries, in their order."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """How many bytes an entry says that it has; `read` holds it to that."""
        return self._entries[name].size

    def read(self, name: str) -> bytes:
        """The content of an entry.

        Raises:
            Malformed: it is damaged, or longer than it says.
        """
        entry = self._entries[name]
        if entry.size > LARGE:
            raise Malformed(f"{entry.size:,} bytes are too many to read at once")
        self._spend(entry)
        try:
            found = self._at_once(entry) if entry.size else b""
            return found if found and len(found) == entry.size else b"".join(self._blocks(entry))
        except (zlib.error, zstandard.ZstdError, struct.error, OSError, EOFError) as problem:
            raise Malformed(f"damaged: {problem}") from problem

    def stream(self, name: str) -> io.BufferedReader:
        """The content of an entry of any size, piece by piece."""
        pieces: Any = _Pieces(self._blocks(self._entries[name]))
        self._spend(self._entries[name])
        return io.BufferedReader(pieces, _BLOCK)

    def _spend(self, entry: Entry) -> None:
        """Keep count of what is unpacked: entries may overlap, and unpack to thousands of times their size."""
        self._left -= entry.size
        if self._left < 0 or entry.size > _MOST:
            raise Malformed("it would unpack to a thousand times its size")

    def _at_once(self, entry: Entry) -> bytes:
        """The content of an entry, where it is one frame that says how long it is, or nothing."""
        packed = self._packed(entry)
        if entry.method == _ZSTD:
            says = zstandard.frame_content_size(packed)  # -1 where it does not say
            return self._zstd.decompress(packed, max_output_size=entry.size) if says in {-1, entry.size} else b""
        if entry.method == _DEFLATE:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            found = inflate.decompress(packed, entry.size)
            return b"" if inflate.unconsumed_tail else found
        return b""

    def _packed(self, entry: Entry) -> bytes:
        """The compressed bytes of an entry."""
        self._seek(entry)
        return self._stream.read(entry.packed)

    def _seek(self, entry: Entry) -> None:
        self._stream.seek(entry.place)
        header = _HEADER.unpack(self._stream.read(_HEADER.size))
        if header[0] != b"PK\x03\x04":
            raise Malformed("damaged: an entry is not where the directory says")
        self._stream.seek(header[-2] + header[-1], 1)  # the lengths of its name and of its extra field

    def _blocks(self, entry: Entry) -> Iterator[bytes]:
        """Decompressed blocks, never more than the entry says that it has."""
        left = entry.size
        for block in self._decompressed(entry):
            left -= len(block)
            if left < 0:
                raise Malformed("longer than it says")
            yield block
        if left:
            raise Malformed("shorter than it says")

    def _decompressed(self, entry: Entry) -> Iterator[bytes]:
        packed = self._packed(entry)
        if entry.method == _STORED:
            yield packed
        elif entry.method == _ZSTD:
            reader = self._zstd.stream_reader(packed, read_across_frames=True)
            while block := reader.read(_BLOCK):
                yield block
        elif entry.method == _DEFLATE:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            while packed or inflate.unconsumed_tail:
                block = inflate.decompress(inflate.unconsumed_tail or packed, _BLOCK)
                packed = b""
                if not block and not inflate.unconsumed_tail:
                    return
                yield block
        else:
            raise Malformed(f"compressed by method {entry.method}, which is not known")


def _directory(stream: io.BufferedReader) -> dict[str, Entry]:
    """The entries by name; of two with one name the last counts.

    Raises:
        ValueError: there is no directory, or it is damaged.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise ValueError("it has no directory")
    *_, count, length, start, _ = _END.unpack_from(tail, at)
    if _WIDE in {length, start} or count == _WIDE & 0xFFFF:
        (place,) = struct.unpack_from("<8xQ4x", tail, tail.rindex(b"PK\x06\x07", 0, at))
        stream.seek(place)
        *_, length, start = _END_64.unpack(stream.read(_END_64.size))
    if start + length > size:
        raise ValueError("its directory lies beyond its end")
    stream.seek(start)
    return _entries(stream.read(length))


def _entries(data: bytes) -> dict[str, Entry]:
    found, at = {}, 0
    while at < len(data):
        mark, *_, method, _, _, _, packed, size, named, extra, noted, _, _, _, place = _CENTRAL.unpack_from(data, at)
        if mark != b"PK\x01\x02":
            raise ValueError("its directory is damaged")
        name = at + _CENTRAL.size
        at = name + named + extra + noted
        if _WIDE in (packed, size, place):
            size, packed, place = _in_64_bits(data[name + named : name + named + extra], size, packed, place)
        found[data[name : name + named].decode("utf-8", "replace")] = Entry(method, packed, size, place)
    return found


def _in_64_bits(extra: bytes, *values: int) -> list[int]:
    """The size, packed size and place of an entry, of which those too large for 32 bits stand in its extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{length // 8}Q", extra, at + 4))
            return [next(wide, value) if value == _WIDE else value for value in values]
        at += 4 + length
    return list(values)


class _Pieces(io.RawIOBase):
    """Blocks as a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._blocks, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
