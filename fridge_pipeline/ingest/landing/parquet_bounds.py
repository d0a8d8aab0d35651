"""What reading a parquet file would take, from its headers alone, before anything in it is unpacked.

Footer and page headers are Thrift structs (github.com/apache/parquet-format, src/main/thrift/parquet.thrift). A reader
believes them and takes memory for what they say, so they are judged first: how large a page is, how many values it
holds, and how long these can be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.parquet_thrift import INT32, INT64, NotAStructError, Struct, ThriftReader

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Most bytes of a footer. 10,000 row groups of ten columns have one of about this size.
FOOTER_BYTES_MAX = 16 * 2**20
#: Most row groups. Each costs about a millisecond, whatever it holds.
ROW_GROUPS_MAX = 10_000
#: Most pages of a column of one row group; a page of usual size has 1 MB or 20,000 rows.
PAGES_MAX = 20_000
#: Most bytes that are unpacked at one time for the four columns together: a page of each, and its dictionary, of which
#: a reader makes four copies. Usual pages and dictionaries have 1 MB.
UNPACKED_BYTES_MAX = 192 * 2**20
_DICTIONARY_COPIES = 4
#: A batch has about so many bytes before long values are cut.
BATCH_BYTES = 32 * 2**20

_END = 8  # bytes behind the footer: its length, and the mark
_HEADER_READS = (512, 2**14, 2**20)  # a header is mostly small, and may hold statistics of any length

# Of parquet.thrift: PageType, and those of Encoding that matter here.
_DICTIONARY_PAGE = 2
_DATA_PAGES = {0: 5, 3: 8}  # DATA_PAGE and DATA_PAGE_V2 → the field of PageHeader with their own header
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
_DICTIONARIES = (_PLAIN_DICTIONARY, _RLE_DICTIONARY)
_DELTA_BYTE_ARRAY = 7


@dataclass(frozen=True, slots=True)
class Chunk:
    """The part of a column in a row group, and at which bytes its pages begin; no dictionary at 0."""

    values: int
    unpacked_bytes: int
    pages_at: int
    dictionary_at: int


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows, and the chunks of all columns, those within others too."""

    rows: int
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class Page:
    """The header of a page. ``size`` is the larger of its bytes packed and unpacked."""

    is_dictionary: bool
    size: int
    values: int
    encoding: int


@dataclass(frozen=True, slots=True)
class Kind:
    """How a column's values are stored: ``width`` bytes each, or with 0 as many as each has.

    ``is_repeated`` says that values come again and again, so that a dictionary pays whether the file has one or not.
    ``is_text`` columns alone can be read as dictionaries.
    """

    name: str
    place: int
    width: int
    is_text: bool
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column in a row group; ``rows`` says for how many rows its pages can be told."""

    kind: Kind
    pages: list[Page]
    rows: int

    @property
    def is_dictionary(self) -> bool:
        """Whether to read it as a dictionary: each long value is then in memory once, however often it comes."""
        encodings = {page.encoding for page in self.pages if not page.is_dictionary}
        is_possible = self.kind.is_text and not self.kind.width and encodings <= {_PLAIN, *_DICTIONARIES}
        return is_possible and (self.kind.is_repeated or self._dictionary_bytes > 0)

    @property
    def unpacked_bytes(self) -> int:
        """The most that is unpacked of it at one time."""
        data = max((page.size for page in self.pages if not page.is_dictionary), default=0)
        return data + _DICTIONARY_COPIES * self._dictionary_bytes

    @property
    def row_bytes(self) -> float:
        """The most bytes of a row, as far as a batch reaches into one page."""
        return max((self._value_bytes(page) for page in self.pages if not page.is_dictionary), default=1)

    @property
    def _dictionary_bytes(self) -> int:
        return sum(page.size for page in self.pages if page.is_dictionary)

    def _value_bytes(self, page: Page) -> float:
        if self.kind.width:
            return self.kind.width
        if page.encoding in _DICTIONARIES:  # a value is no longer than all of them together
            return 4 if self.is_dictionary else self._dictionary_bytes
        if page.encoding == _DELTA_BYTE_ARRAY:  # each value may repeat the one before it
            return page.size
        return page.size / max(page.values, 1) + 4


def row_groups(descriptor: int) -> list[RowGroup]:
    """What the footer says; none where there is no footer to read, of which its reader tells.

    It is read here and not by pyarrow, which ends the whole process over some of what a footer may say of a column
    (pyarrow 26.0.1: "Definition level histogram size mismatch"). Raises ``UnreadableFileError`` and ``NotAStructError``
    for one that would take too much memory, or is none.
    """
    size = os.fstat(descriptor).st_size
    end = os.pread(descriptor, _END, max(0, size - _END))
    length = int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or length > size - _END:
        return []
    if length > FOOTER_BYTES_MAX:
        raise UnreadableFileError(f"its footer has {length} bytes, more than the limit of {FOOTER_BYTES_MAX}")
    try:
        footer = ThriftReader(os.pread(descriptor, length, size - _END - length), INT64).struct()
    except IndexError as error:
        raise NotAStructError("its footer is cut off") from error
    return [
        RowGroup(group.number(3) or 0, [_chunk(column.part(3)) for column in group.parts(1)])
        for group in footer.parts(4)
    ]


def _chunk(column: Struct) -> Chunk:
    return Chunk(*(column.number(field) or 0 for field in (5, 6, 9, 11)))


def batch_rows_of(columns: list[Column], batch_rows: int) -> int:
    """How many rows to read at once; ``UnreadableFileError`` for pages that are too large to be unpacked."""
    unpacked = sum(column.unpacked_bytes for column in columns)
    if unpacked > UNPACKED_BYTES_MAX:
        raise UnreadableFileError(
            f"pages and dictionaries of the four columns unpack to {unpacked} bytes at one time, more than the limit "
            f"of {UNPACKED_BYTES_MAX}; write pages of 1 MB, or smaller row groups"
        )
    return max(1, min(batch_rows, int(BATCH_BYTES // sum(column.row_bytes for column in columns))))


def column_of(descriptor: int, group: RowGroup, kind: Kind) -> Column:
    """What the page headers of a column say; pages behind one that cannot be read are left out, and so are its rows."""
    chunk = group.chunks[kind.place]
    pages: list[Page] = []
    values = 0
    for page in islice(_pages(descriptor, chunk), PAGES_MAX + 1):
        pages.append(page)
        values += page.values
        if values >= chunk.values:
            break
    if len(pages) > PAGES_MAX:
        raise UnreadableFileError(
            f"column {kind.name!r} has more than {PAGES_MAX} pages in a row group; write larger pages"
        )
    return Column(kind, pages, values)


def _pages(descriptor: int, chunk: Chunk) -> Iterator[Page]:
    at = chunk.dictionary_at if 0 < chunk.dictionary_at < chunk.pages_at else chunk.pages_at
    end = os.fstat(descriptor).st_size
    while at < end:
        header, length = _header_at(descriptor, at)
        packed, unpacked, kind = (header.number(field) for field in (3, 2, 1))
        at += length
        if packed is None or unpacked is None or not 0 <= packed <= end - at or unpacked < 0:
            return
        at += packed
        own = header.part(_DATA_PAGES.get(kind or 0, 0))
        yield Page(
            is_dictionary=kind == _DICTIONARY_PAGE,
            size=max(packed, unpacked),
            values=max(0, own.number(1) or 0),
            encoding=own.number(2 if kind == 0 else 4) or _PLAIN,
        )


def _header_at(descriptor: int, at: int) -> tuple[Struct, int]:
    for size in _HEADER_READS:
        thrift = ThriftReader(os.pread(descriptor, size, at), INT32)
        try:
            return thrift.struct(), thrift.at
        except IndexError:
            continue
        except NotAStructError:
            break
    return Struct(), 0
