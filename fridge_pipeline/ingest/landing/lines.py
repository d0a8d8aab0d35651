"""A text file in blocks of whole lines, so that a file of any size is read in flat memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import RAW_LENGTH_MAX, RAW_SCHEMA, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: How much text is parsed at once: about 60,000 rows of 70 bytes. Measured on 6 million rows, larger blocks
#: were not faster and took more memory (ndjson 0.3 GB with 4 MiB, 0.9 GB with 16 MiB).
BLOCK_BYTES = 4 * 2**20

#: A block of very short rows ends earlier: one of two bytes takes a hundred in memory. An ordinary block has 60,000.
BLOCK_ROWS_MAX = 200_000

#: A line longer than this is no row: a row of 10,000 columns takes about 0.1 MB. Decoded with care, JSON takes fifty
#: times its bytes.
LINE_BYTES_MAX = 4 * 2**20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FAULT_BYTES = 4 * RAW_LENGTH_MAX  # the longest UTF-8 form of what is kept of a rejected row


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file, as valid UTF-8: bytes that are not become U+FFFD, and rows with one in an
    id are rejected later.

    ``first_line`` is the 1-based number of the first of them. With a ``fault`` the block is one line that
    cannot be a row, shortened. Nothing follows the last block. ``is_open`` says that the line at its end goes on in the
    next block, which only happens where the reader was told how to cut a line.
    """  # noqa: D205  # one sentence that needs two lines

    data: bytes
    first_line: int
    is_last: bool = False
    fault: Reason | None = None
    is_open: bool = False


def whole_lines(_data: bytes, _start: int) -> int:
    """For a format in which a row ends with its line: no line is cut."""
    return 0


class BlockReader:
    """Reads a stream block by block, and takes back the end of a block whose last row is not whole.

    ``is_damaged`` says that the stream was cut off where it ends: its last line is then no row, unless it
    ends as a line does. ``cut`` says of a line that has no end in sight where its last whole row ends: a row that a
    line shares with others need not wait for them.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        is_damaged: bool = False,
        block_bytes: int = BLOCK_BYTES,
        line_bytes_max: int = LINE_BYTES_MAX,
        cut: Callable[[bytes, int], int] = whole_lines,
    ) -> None:
        self._stream = stream
        self._is_damaged = is_damaged
        self._block_bytes = block_bytes
        self.line_bytes_max = line_bytes_max
        self._cut = cut
        self._ahead = b""
        self._rest = stream.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK)
        self._line = 1
        self._is_at_end = False

    def next(self) -> Block | None:
        """The next block; None after the last."""
        data = self._rest
        while not self._is_at_end:
            chunk = self._chunk()
            self._is_at_end = not chunk
            data += chunk
            if b"\n" in chunk or (len(data) > self.line_bytes_max and b"\n" in data):
                return self._rows_until(data.rindex(b"\n") + 1, data)
            if cut := self._cut(data, len(data) - len(chunk)):
                return self._rows_until(cut, data, is_open=True)
            if len(data) > self.line_bytes_max:
                return self._overlong_line(data)
        self._rest = b""
        return self._last(data) if data else None

    def _chunk(self) -> bytes:
        """The next bytes of the stream, so few that they hold no more rows than a block may."""
        chunk = self._ahead or self._stream.read(self._block_bytes)
        size = len(chunk)
        while max(chunk.count(b"\n", 0, size), chunk.count(b"{", 0, size)) > BLOCK_ROWS_MAX:
            size //= 2
        self._ahead = chunk[size:]
        return chunk[:size]

    def give_back(self, data: bytes) -> None:
        """Return the unused end of the block that came last, to be part of the next one."""
        self._rest = data + self._rest
        self._line -= data.count(b"\n")

    def _rows_until(self, end: int, data: bytes, *, is_last: bool = False, is_open: bool = False) -> Block:
        self._rest = data[end:]
        return self._block(data[:end], is_last=is_last, is_open=is_open)

    def _last(self, data: bytes) -> Block:
        if not self._is_damaged or data.endswith(b"\n"):
            return self._block(data, is_last=True)
        if end := data.rfind(b"\n") + 1 or self._cut(data, 0):
            return self._rows_until(end, data, is_last=True)
        return self._block(data[:_FAULT_BYTES], is_last=True, fault=Reason.CUT_OFF)

    def _overlong_line(self, data: bytes) -> Block:
        start, self._rest = data[:_FAULT_BYTES], b""
        while chunk := self._chunk():
            _, line_end, rest = chunk.partition(b"\n")
            if line_end:
                self._rest = rest
                break
        block = self._block(start, fault=Reason.LINE_TOO_LONG)
        self._line += 1
        return block

    def _block(
        self, data: bytes, *, is_last: bool = False, fault: Reason | None = None, is_open: bool = False
    ) -> Block:
        first_line = self._line
        self._line += data.count(b"\n")
        return Block(_as_utf8(data), first_line, is_last=is_last, fault=fault, is_open=is_open)


def lines_of(block: Block, blank: str = BLANK) -> pl.DataFrame:
    """One row per line of the block that is not blank: ``line``, its number, and ``raw``, its text."""
    # scan_lines is marked unstable; what we need of it (one row per line, \r\n cut off) stands in our tests.
    return (
        pl.scan_lines(block.data, name="raw", row_index_name="line", row_index_offset=block.first_line)
        .filter(pl.col("raw").str.strip_chars(blank) != "")
        .with_columns(pl.col("line").cast(pl.Int64))
        .collect()
    )


def fault_row(block: Block, schema: pl.Schema = RAW_SCHEMA) -> pl.DataFrame:
    """The one row, in a schema of rows, of a block that is one faulty line."""
    raw = block.data.decode(errors="replace")
    return raw_rows({"line": [block.first_line], "fault": [block.fault], "raw": [raw]}, schema)


def raw_rows(columns: Mapping[str, Sequence[object]], schema: pl.Schema = RAW_SCHEMA) -> pl.DataFrame:
    """Rows in a schema from Python values; a column that is not given is all null."""
    given = {name: dtype for name, dtype in schema.items() if name in columns}
    rows = pl.DataFrame(columns, schema=given)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in columns]
    return rows.with_columns(absent).select(schema.names())


def _as_utf8(data: bytes) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data
