"""Reads a workbook with readers that know nothing of its writer."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from openpyxl.workbook.workbook import Workbook

TITLE_AND_TOTALS = 3  # the rows above the headings, with two meters


def named(workbook: Workbook, name: str) -> float:
    """The number under a defined name."""
    ((sheet, cell),) = workbook.defined_names[name].destinations
    found = workbook[sheet][cell].value
    assert isinstance(found, int | float), (name, found)
    return found


def read_sheet(path: Path, name: str, above: int = TITLE_AND_TOTALS) -> pl.DataFrame:
    """A sheet's rows below its headings, by the reader that polars uses."""
    return pl.read_excel(path, sheet_name=name, read_options={"header_row": above})
