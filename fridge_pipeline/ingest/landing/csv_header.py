"""The header of a csv file: where it is, where its columns are, and a line that is another one.

A source's file may begin with a preamble: lines without its columns, none of which looks like a reading. Such a one has
as many cells as the header behind it, and digits in two of them: a time and a temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.ingest.landing.content import places_of_fields
from fridge_pipeline.ingest.landing.csv_records import (
    Broken,
    Grammar,
    Record,
    end_of_line,
    grammar_of,
    read_record,
)
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from fridge_pipeline.ingest.landing.lines import Block


#: So many cells of a reading at least have digits.
OF_A_READING = 2

#: What a time is called in some languages. None begins so that is there, and none of these words is one that is not.
_TIME = (
    r"(?i)time|date|zeit|datum|uhr|heure|hora|fecha|ora\b|stamp|when|recorded|observed|measured|sampled|\b(ts|at)\b"
    r"|^\W*(tij?d|dato|czas|[cč]as|aika|zaman|tarih|id[őo]|dátum|giorno|waktu|tanggal|ngày)\b|^\W*data\W*$"
    "|врем|дата|ημερομηνία|ώρα|时间|時間|时刻|時刻|日期|日時|日付|시간|날짜|일시"
)
_NO_TIME = r"(?i)^(in|un|not|no|bad|lost|miss)|[0-9]"
#: A name, and no number, whatever unit is behind it, nor a word for none.
_NAME = r"^[^\p{L}\p{N}]*\p{L}"
_NO_NUMBER = r"(?i)^(nan|null|none|n/?a|inf|open|short|off|offline)$|^(err|fail)"


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a csv file is laid out, and where its columns are.

    ``places`` finds the columns to read among the names of the header: the name each gets, and its place, counted from
    0. It raises ``UnreadableFileError`` when the header is none of such a file. A ``header`` that is given stands in no
    line. ``times`` are the columns that make a time. The first ``preamble_max`` lines may be a preamble. ``short_rows``
    may leave out fields at their end.
    """

    places: Callable[[Sequence[str]], Mapping[str, int]]
    delimiter: str = ","
    skip_lines: int = 0
    header: tuple[str, ...] = ()
    times: tuple[str, ...] = ("recorded_at",)
    preamble_max: int = 0
    short_rows: bool = False


def _canonical_places(found: Sequence[str]) -> dict[str, int]:
    return dict(zip(FIELDS, places_of_fields(found), strict=True))


#: The four fields under their own names.
CANONICAL = CsvDialect(_canonical_places)


@dataclass(frozen=True, slots=True)
class Layout:
    """The header's names, which of the fields are read and under which names, and what separates them.

    ``headers`` are it and the lines that were skipped for one that is given, as ``is_given`` says.
    """

    header: tuple[str, ...]
    places: Mapping[str, int]
    grammar: Grammar
    headers: tuple[tuple[str, ...], ...]
    times: tuple[str, ...]
    is_given: bool
    short_rows: bool

    @property
    def field_count(self) -> int:
        """How many fields a record has."""
        return len(self.header)

    @property
    def least(self) -> int:
        """How many fields a record has at least."""
        return 1 if self.short_rows else self.field_count

    @property
    def names(self) -> list[str]:
        """The columns of every frame of rows."""
        return ["line", *self.places, "fault", "raw"]

    @property
    def schema(self) -> pl.Schema:
        """Their types."""
        return pl.Schema({"line": pl.Int64()} | dict.fromkeys(self.names[1:], pl.String()))


class HeaderReader:
    """Looks for the header behind the lines to skip, and behind a preamble, over as many blocks as they take."""

    def __init__(self, dialect: CsvDialect) -> None:
        self._dialect = dialect
        self._skip = dialect.skip_lines
        self._skipped: list[tuple[str, ...]] = []
        self._likely_cells = 0
        self._preamble = 0
        #: Why the first line that may be the header is none.
        self.refused: UnreadableFileError | None = None

    def without_header(self, block: Block) -> tuple[Block, Layout | None]:
        """The block behind the header, and the header's layout; no layout while it has not come."""
        if block.fault and self._skip:
            self._skip -= 1
            return replace(block, data=b"", fault=None), None
        if block.fault:
            raise UnreadableFileError(f"the header line cannot be read: {block.fault.value}")
        text, start, line = block.data.decode(), 0, block.first_line
        while start < len(text) and (self._skip or not self._dialect.header):
            end = end_of_line(text, start)
            if self._skip:
                self._skip -= 1
                record = read_record(text[start:end], 0, self._dialect.delimiter)
                self._skipped += [tuple(record.fields)] if isinstance(record, Record) else []
            elif text[start:end].strip(BLANK):
                record = read_record(text, start, self._dialect.delimiter)
                layout = self._found(record, end - start, line)
                end = record.end if isinstance(record, Record) else end
                if layout is not None:
                    return _behind(block, text[end:], line + text.count("\n", start, end)), layout
            start, line = end, line + text.count("\n", start, end)
        if self._skip or not self._dialect.header:
            return replace(block, data=b""), None
        return _behind(block, text[start:], line), self._layout(self._dialect.header)

    def _found(self, record: Record | Broken, length: int, line: int) -> Layout | None:
        """The layout of the header, whose names in quotes may have line ends; None of a line of the preamble."""
        cells = [cell for cell in record.fields if cell.strip(BLANK)] if isinstance(record, Record) else []
        try:
            layout = self._layout(_names(record, length))
        except UnreadableFileError as error:
            self.refused = self.refused or error
            self._preamble += 1
            if self._preamble > self._dialect.preamble_max:
                raise self.refused from None
            if sum(any(map(str.isdigit, cell)) for cell in cells) >= OF_A_READING:
                self._likely_cells = max(self._likely_cells, len(cells))
            return None
        if self.refused is not None and self._likely_cells >= len(cells):
            raise UnreadableFileError(
                f"{self.refused.reason}; line {line} has them: if no reading stands before it, skip_lines = {line - 1}"
            )
        return layout

    def _layout(self, names: Sequence[str]) -> Layout:
        headers = [tuple(names), *(cells for cells in self._skipped if len(cells) == len(names))]
        places = self._dialect.places(names)
        times = tuple(time for time in self._dialect.times if time in places)
        return Layout(
            header=tuple(names),
            places=places,
            grammar=grammar_of(self._dialect.delimiter),
            headers=tuple(headers),
            times=times,
            is_given=bool(self._dialect.header),
            short_rows=self._dialect.short_rows,
        )


def _names(record: Record | Broken, length: int) -> Sequence[str]:
    if not isinstance(record, Record):
        raise UnreadableFileError(f"the header line cannot be read: {record.value}; it has {length} characters")
    return record.fields


def _behind(block: Block, rest: str, line: int) -> Block:
    return replace(block, data=rest.encode(), first_line=line)


def until_another_header(rows: pl.DataFrame, layout: Layout, *, has_begun: bool = True) -> Iterator[pl.DataFrame]:
    """The rows before a line that names columns, and not the same ones; ``has_begun`` where others came before these.

    It does so in most of the fields that are read, or where the time is: no time is the name of a column, nor a word
    for one. A line of such words in all fields may also be one of units or types, where no time came since the header.
    """
    own = {name: layout.header[place] for name, place in layout.places.items()}
    names = _among([name for name in own.values() if name])
    is_header = 2 * pl.sum_horizontal(pl.col(name).is_in(names) for name in own) > len(own)
    if layout.times:
        known = _among({name for header in layout.headers for name in header if any(map(str.isalpha, name))})
        is_header |= pl.all_horizontal(pl.col(time).is_in(known) for time in layout.times)
    is_named = _is_of_names(rows, layout)
    likely = rows.select(
        "fault", place=pl.int_range(pl.len()), known=is_header.fill_null(value=False), named=is_named
    ).filter(pl.col("fault").is_null(), pl.col("known") | pl.col("named"))
    if likely.is_empty():
        yield rows
        return
    same = pl.any_horizontal(
        pl.all_horizontal(
            pl.col(name).str.strip_chars(BLANK) == header[place].strip(BLANK) for name, place in layout.places.items()
        )
        for header in layout.headers
    )
    # Of the few: to strip every field would cost as much as all else here.
    likely = pl.concat([likely, rows[likely["place"]].select("line", same=same)], how="horizontal")
    behind = None if has_begun else -1  # the place of a header, or of what directly follows one
    for place, line, is_known, is_same in likely.select("place", "line", "known", "same").iter_rows():
        if is_same or (not is_known and behind is not None and not _is_timed(rows[behind + 1 : place], layout)):
            behind = place
            continue
        yield rows.head(place)
        raise UnreadableFileError(
            f"line {line} is a header of other columns, so what follows is not read: deliver it as a file of its own"
        )
    yield rows


def _is_timed(rows: pl.DataFrame, layout: Layout) -> bool:
    """Whether a time of any row has a digit."""
    has_digit = (pl.col(time).str.contains("[0-9]").any() for time in layout.times)
    return bool(rows.select(pl.any_horizontal(has_digit).fill_null(value=False)).item())


def _is_of_names(rows: pl.DataFrame, layout: Layout) -> pl.Expr:
    """Whether a line's time is called one, and each other field is a name too."""
    if layout.is_given or not layout.times:
        return pl.lit(value=False)
    digits = pl.lit("0"), pl.lit(":")  # what begins between them is no name
    if rows.select(pl.any_horizontal(pl.col(time).is_between(*digits) for time in layout.times).all()).item():
        return pl.lit(value=False)
    is_time = pl.all_horizontal(
        pl.col(time).str.contains(_TIME) & ~pl.col(time).str.contains(_NO_TIME) for time in layout.times
    )
    others = [pl.when(is_time).then(pl.col(name)) for name in layout.places if name not in layout.times]  # of few rows
    are_names = (other.str.contains(_NAME) & ~other.str.contains(_NO_NUMBER) for other in others)
    return pl.all_horizontal(is_time, *are_names).fill_null(value=False)


def _among(names: Collection[str]) -> pl.Expr:
    """Made once for all columns, of which a file may have thousands."""
    both = [*names, *(name.strip(BLANK) for name in names)]
    return pl.lit(pl.Series(both, dtype=pl.String)).implode()
