"""Text in another encoding than UTF-8: as its source says, or as the mark at its beginning does."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import BinaryIO

_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}


def encoding_of(start: bytes, said: str) -> str:
    """A mark says more than a source does, and so does NUL beside the first character, which is none of UTF-8."""
    bits = [byte > 0 for byte in start[:3]]
    unmarked = "utf-16-le" if bits == [True, False, True] else "utf-16-be" if bits == [False, True, False] else said
    return next((found for mark, found in _MARKS.items() if start.startswith(mark)), unmarked)


def text_of(path: Path, said: str) -> str:
    """The whole text; what is none becomes U+FFFD, so that only its rows are rejected."""
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(3), said)
    return path.read_text(encoding=encoding, errors="replace")


def as_utf8(stream: BinaryIO, said: str) -> BinaryIO:
    """The bytes of a text, as UTF-8, from the stream's beginning."""
    encoding = encoding_of(stream.read(3), said)
    stream.seek(0)
    if encoding in ("utf-8", "utf-8-sig"):
        return stream
    return io.BufferedReader(_Recoded(stream, encoding))


class _Recoded(io.RawIOBase):
    """UTF-8, made a piece at a time of what a stream holds in another encoding."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = b""
        self._is_at_end = False

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, says the base class
        """Fills the buffer; 0 at the end."""
        while not self._ready and not self._is_at_end:
            piece = self._stream.read(len(buffer))
            self._is_at_end = not piece
            self._ready = self._decoder.decode(piece, final=self._is_at_end).encode(errors="replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
