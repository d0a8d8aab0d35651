"""The rows of a table as a sheet's XML, column by column: a month of a thousand tenants has fifty million cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

#: Rows of which the text is in memory at a time.
ROWS_AT_A_TIME = 20_000

#: What may not stand in XML as it is, beside markup, or would be taken for the escape of such a character.
_ESCAPED = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9a-fA-F]{4}_"

_BLANK_AT_AN_END = r"^\s|\s$"


class RowsWorksheet(Worksheet):  # type: ignore[misc]  # the library has no types
    """A sheet of a workbook that also takes many rows at once; only with its option ``constant_memory``."""

    def write_rows(
        self, first_row: int, cells: pl.DataFrame, formats: Sequence[Any], formulas: Sequence[tuple[int, str]] = ()
    ) -> None:
        """Writes numbers and texts as their columns' types say, nothing where nothing is known.

        ``formulas`` are columns further right: where, and the formula with ``{}`` for the row's number, which comes
        to 1. Raises ``ValueError`` of a number that is infinite, which a workbook cannot hold.
        """
        last_row, columns = first_row + cells.height - 1, [*range(cells.width), *(at for at, _ in formulas)]
        self._check_dimensions(first_row, 0)
        self._check_dimensions(last_row, max(columns))
        self._write_single_row(last_row + 1)  # the row before them, which waits for further cells
        styles = [f' s="{form._get_xf_index()}"' if form is not None else "" for form in formats]  # noqa: SLF001
        for text in _texts(first_row, cells, styles, formulas):
            self.fh.write(text)


def _texts(
    first_row: int, cells: pl.DataFrame, styles: Sequence[str], formulas: Sequence[tuple[int, str]]
) -> Iterator[str]:
    """The rows' XML, some rows at a time."""
    row = pl.col("")  # no heading is empty
    parts = [pl.format('<row r="{}">', row)]
    for at, (column, style) in enumerate(zip(cells, styles, strict=True)):
        parts += [_text(at, column, style) if column.dtype == pl.String else _number(at, column, style)]
    for at, formula in formulas:
        written = f'<c r="{xl_col_to_name(at)}{{}}"><f>{formula}</f><v>1</v></c>'
        parts.append(pl.format(written, *[row] * written.count("{}")))
    whole_row = pl.concat_str(*parts, pl.lit("</row>"), ignore_nulls=True)
    numbered = cells.with_columns((pl.int_range(pl.len()) + first_row + 1).cast(pl.String).alias(""))
    for some in numbered.iter_slices(ROWS_AT_A_TIME):
        yield some.select(whole_row.str.join("")).item()


def _number(at: int, column: pl.Series, style: str) -> pl.Expr:
    number = pl.col(column.name)
    if column.dtype.is_float():
        if column.is_infinite().any():
            raise ValueError(f"a workbook holds no infinite number, and the column {column.name} has one")
        if (column.drop_nulls() % 1 == 0).all() and (column.abs().max() or 0) < 2**53:  # type: ignore[operator]
            number = number.cast(pl.Int64)
    return pl.format(f'<c r="{xl_col_to_name(at)}{{}}"{style}><v>{{}}</v></c>', pl.col(""), number)


def _text(at: int, column: pl.Series, style: str) -> pl.Expr:
    """A text in the cell itself: never a formula or a link, whatever it looks like."""
    text = pl.col(column.name)
    if column.str.contains(_ESCAPED).any():
        text = text.map_elements(Worksheet._escape_control_characters, return_dtype=pl.String)  # noqa: SLF001
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        if column.str.contains(character, literal=True).any():
            text = text.str.replace_all(character, written, literal=True)
    kept = pl.lit("")
    if column.str.contains(_BLANK_AT_AN_END).any():
        is_kept = pl.col(column.name).str.contains(_BLANK_AT_AN_END)
        kept = pl.when(is_kept).then(pl.lit(' xml:space="preserve"')).otherwise(kept)
    cell = f'<c r="{xl_col_to_name(at)}{{}}"{style} t="inlineStr"><is><t{{}}>{{}}</t></is></c>'
    return pl.format(cell, pl.col(""), kept, text)
