"""The rows of a table as a sheet's XML, column by column: a month of a thousand tenants has fifty million cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import groupby
from typing import IO, Any

import polars as pl
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

#: Rows of which the text is in memory at a time.
ROWS_AT_A_TIME = 5_000

#: What may not stand in XML as it is, beside markup, or would be taken for the escape of such a character.
_ESCAPED = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9a-fA-F]{4}_"

_BLANK_AT_AN_END = r"^\s|\s$"

#: What keeps a text from standing in XML just as it is.
_NOT_PLAIN = f"{_ESCAPED}|[&<>]|{_BLANK_AT_AN_END}"

#: The row's number; no heading is empty.
_ROW = pl.col("")


class RowsWorksheet(Worksheet):  # type: ignore[misc]  # the library has no types
    """A sheet of a workbook that also takes many rows at once; only with its option ``constant_memory``.

    Their text is made when the sheet is packed, and stands nowhere in between.
    """

    _rows: Iterator[bytes] = iter(())

    def write_rows(self, rows: Rows, portions: Iterable[pl.DataFrame]) -> None:
        """Writes numbers and texts as their columns' types say, nothing where nothing is known.

        When the sheet is packed, that raises ``ValueError`` of a number that is infinite, which a workbook cannot hold.
        """
        self._check_dimensions(rows.first_row, 0)
        self._check_dimensions(rows.last_row, rows.columns_max)
        # Now, for when the sheet is packed the styles are written already.
        styles = [f' s="{form._get_xf_index()}"' if form is not None else "" for form in rows.formats]  # noqa: SLF001
        self._rows = _in_portions(rows, styles, portions)

    def finish_cells(self) -> None:
        """Writes the row that waits for further cells, so that every format which is used is known."""
        self._opt_reopen()
        self._write_single_row()

    def pack(self, stream: IO[bytes]) -> None:
        """Writes the sheet's XML."""
        self.fh, self.internal_fh = TextIOWrapper(stream, encoding="utf-8", newline=""), False
        self._assemble_xml_file()
        self.fh.detach()

    def _xml_end_tag(self, tag: str) -> None:
        if tag == "sheetData":
            self.fh.flush()
            for text in self._rows:
                self.fh.buffer.write(text)
        super()._xml_end_tag(tag)


@dataclass(frozen=True, slots=True)
class Rows:
    """Where rows stand, and how: ``formulas`` are columns further right, where and with ``{}`` for the row's number.

    A formula comes to 1. ``formats`` are the columns'.
    """

    first_row: int
    last_row: int
    formats: Sequence[Any]
    formulas: Sequence[tuple[int, str]] = ()

    @property
    def columns_max(self) -> int:
        """The last column, counted from 0."""
        return max(len(self.formats) - 1, *(at for at, _ in self.formulas), 0)


def _in_portions(rows: Rows, styles: Sequence[str], portions: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """The rows' XML, some rows at a time."""
    row = rows.first_row
    for cells in portions:
        yield from _texts(row, cells, styles, rows.formulas)
        row += cells.height


def _texts(
    first_row: int, cells: pl.DataFrame, styles: Sequence[str], formulas: Sequence[tuple[int, str]]
) -> Iterator[bytes]:
    parts: list[str | pl.Expr] = ['<row r="', _ROW, '">']
    for at, (column, style) in enumerate(zip(cells, styles, strict=True)):
        cell = _text(at, column, style) if column.dtype == pl.String else _number(at, column, style)
        # Put together with the row at once where every row has one: else with the cell, which is nothing without it.
        parts += [pl.concat_str(*_joined(cell))] if column.null_count() else cell
    for at, formula in formulas:
        written = f'<c r="{xl_col_to_name(at)}{{}}"><f>{formula}</f><v>1</v></c>'
        parts += [piece for text in written.split("{}") for piece in (_ROW, text)][1:]
    whole_row = pl.concat_str(*_joined([*parts, "</row>"]), ignore_nulls=True)
    numbered = cells.with_columns((pl.int_range(pl.len()) + first_row + 1).cast(pl.String).alias(""))
    for some in numbered.iter_slices(ROWS_AT_A_TIME):
        yield some.select(whole_row.str.join("").cast(pl.Binary)).item()


def _joined(parts: Iterable[str | pl.Expr]) -> Iterator[pl.Expr]:
    """Texts that follow on each other as one."""
    for is_text, same in groupby(parts, lambda part: isinstance(part, str)):
        if is_text:
            yield pl.lit("".join(map(str, same)))
        else:
            yield from (part for part in same if isinstance(part, pl.Expr))


def _number(at: int, column: pl.Series, style: str) -> list[str | pl.Expr]:
    number = pl.col(column.name)
    if column.dtype.is_float():
        if column.is_infinite().any():
            raise ValueError(f"a workbook holds no infinite number, and the column {column.name} has one")
        if (column.drop_nulls() % 1 == 0).all() and (column.abs().max() or 0) < 2**53:  # type: ignore[operator]
            number = number.cast(pl.Int64)
    return [f'<c r="{xl_col_to_name(at)}', _ROW, f'"{style}><v>', number, "</v></c>"]


def _text(at: int, column: pl.Series, style: str) -> list[str | pl.Expr]:
    """A text in the cell itself: never a formula or a link, whatever it looks like."""
    text, kept = pl.col(column.name), pl.lit("")
    if column.str.contains(_NOT_PLAIN).any():
        if column.str.contains(_ESCAPED).any():
            text = text.map_elements(Worksheet._escape_control_characters, return_dtype=pl.String)  # noqa: SLF001
        for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.str.replace_all(character, written, literal=True)
        is_kept = pl.col(column.name).str.contains(_BLANK_AT_AN_END)
        kept = pl.when(is_kept).then(pl.lit(' xml:space="preserve"')).otherwise(kept)
    cell = f'<c r="{xl_col_to_name(at)}', _ROW, f'"{style} t="inlineStr"><is><t', kept, ">", text, "</t></is></c>"
    return list(cell)
