"""Zip archives whose entries are compressed by deflate or zstandard, read in bounded memory.

The standard library reads the directory of an archive, but no zstandard entry before Python 3.14. Names of entries are names
only: nothing is ever unpacked to a disk, so no path in an archive can lead anywhere.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard

from hotmess.errors import UnreadableFile
from hotmess.read.records import LARGE, Malformed

__all__ = ["Archive"]

_STORED, _DEFLATE, _ZSTD = 0, 8, 93
_BLOCK = 1 << 20
_MOST = 1 << 30  # bytes of one entry
_LEAST, _RATIO = 4 << 30, 400  # bytes that an archive may unpack to, at least, and for each of its own
_HEADER = struct.Struct("<4s5H3I2H")  # of an entry, before its name


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
            entries = zipfile.ZipFile(stream).infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as problem:
            raise UnreadableFile(
                f"`{shown}` is damaged or cut short: {problem}",
                why="the directory of a log is at its end",
                hint="copy it again; of a run that died, `inspect log recover` saves what there is",
            ) from problem
        self._entries = {entry.filename: entry for entry in entries}  # of two entries with one name the last counts

    @property
    def names(self) -> list[str]:
        """The names of its entries, in their order."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """How many bytes an entry says that it has; `read` holds it to that."""
        return self._entries[name].file_size

    def read(self, name: str) -> bytes:
        """The content of an entry.

        Raises:
            Malformed: it is damaged, or longer than it says.
        """
        entry = self._entries[name]
        if entry.file_size > LARGE:
            raise Malformed(f"{entry.file_size:,} bytes are too many to read at once")
        self._spend(entry)
        try:
            found = self._at_once(entry) if entry.file_size else b""
            return found if found and len(found) == entry.file_size else b"".join(self._blocks(entry))
        except (zlib.error, zstandard.ZstdError, struct.error, OSError, EOFError) as problem:
            raise Malformed(f"damaged: {problem}") from problem

    def stream(self, name: str) -> io.BufferedReader:
        """The content of an entry of any size, piece by piece."""
        pieces: Any = _Pieces(self._blocks(self._entries[name]))
        self._spend(self._entries[name])
        return io.BufferedReader(pieces, _BLOCK)

    def _spend(self, entry: zipfile.ZipInfo) -> None:
        """Keep count of what is unpacked: entries may overlap, and unpack to thousands of times their size."""
        self._left -= entry.file_size
        if self._left < 0 or entry.file_size > _MOST:
            raise Malformed("it would unpack to a thousand times its size")

    def _at_once(self, entry: zipfile.ZipInfo) -> bytes:
        """The content of an entry, where it is one frame that says how long it is, or nothing."""
        packed = self._packed(entry)
        if entry.compress_type == _ZSTD:
            says = zstandard.frame_content_size(packed)  # -1 where it does not say
            return self._zstd.decompress(packed, max_output_size=entry.file_size) if says in {-1, entry.file_size} else b""
        if entry.compress_type == _DEFLATE:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            found = inflate.decompress(packed, entry.file_size)
            return b"" if inflate.unconsumed_tail else found
        return b""

    def _packed(self, entry: zipfile.ZipInfo) -> bytes:
        """The compressed bytes of an entry."""
        self._seek(entry)
        return self._stream.read(entry.compress_size)

    def _seek(self, entry: zipfile.ZipInfo) -> None:
        self._stream.seek(entry.header_offset)
        header = _HEADER.unpack(self._stream.read(_HEADER.size))
        if header[0] != b"PK\x03\x04":
            raise Malformed("damaged: an entry is not where the directory says")
        self._stream.seek(header[-2] + header[-1], 1)  # the lengths of its name and of its extra field

    def _blocks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Decompressed blocks, never more than the entry says that it has."""
        left = entry.file_size
        for block in self._decompressed(entry):
            left -= len(block)
            if left < 0:
                raise Malformed("longer than it says")
            yield block
        if left:
            raise Malformed("shorter than it says")

    def _decompressed(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        packed = self._packed(entry)
        if entry.compress_type == _STORED:
            yield packed
        elif entry.compress_type == _ZSTD:
            reader = self._zstd.stream_reader(packed, read_across_frames=True)
            while block := reader.read(_BLOCK):
                yield block
        elif entry.compress_type == _DEFLATE:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            while packed or inflate.unconsumed_tail:
                block = inflate.decompress(inflate.unconsumed_tail or packed, _BLOCK)
                packed = b""
                if not block and not inflate.unconsumed_tail:
                    return
                yield block
        else:
            raise Malformed(f"compressed by method {entry.compress_type}, which is not known")


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
