"""Rows that are written at once, against the library's own way of one cell after another."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fridge_pipeline.finance.pages.sheet_rows import Rows
from fridge_pipeline.finance.pages.streamed_workbook import StreamedWorkbook

TEXTS = st.one_of(
    st.none(),
    # The library writes what looks like rich text as it is, and then nobody can read the workbook.
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12).filter(
        lambda text: "<r>" not in text
    ),
    st.sampled_from(["", " a", "a\n", "<b>&</b>", "_x0041_", "\x00\x1f", "￾", "=1+1", '"', "007", "{}"]),
)
# The last one has more than 16 digits, and is a whole number in 16.
NUMBERS = st.one_of(
    st.none(), st.floats(-1e300, 1e300), st.integers(-(10**15), 10**15), st.just(1_000_000_000_000_000.5)
)
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, st.one_of(st.none(), st.integers(-(2**53), 2**53))), min_size=1, max_size=6)
SCHEMA = {"text": pl.String, "number": pl.Float64, "count": pl.Int64}


def _written(path: Path, cells: pl.DataFrame, *, at_once: bool) -> list[tuple[object, ...]]:
    with StreamedWorkbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Rows")
        form = workbook.add_format({"num_format": "#,##0"})
        sheet.write_string(0, 0, "heading")
        if at_once:
            rows = Rows(1, cells.height, [None, form, form], [(4, "SUBTOTAL(103,A{})")])
            sheet.write_rows(rows, [cells])
        else:
            for row, (text, *numbers) in enumerate(cells.iter_rows(), start=1):
                if text is not None:
                    sheet.write_string(row, 0, text)
                for column, number in enumerate(numbers, start=1):
                    if number is not None:
                        sheet.write_number(row, column, number, form)
                sheet.write_formula(row, 4, f"=SUBTOTAL(103,A{row + 1})", None, 1)
        workbook.add_worksheet("Next").write_string(0, 0, "what comes after")
    read = openpyxl.load_workbook(path)
    return [
        (cell.coordinate, cell.value, cell.data_type, cell.number_format)
        for sheet in read
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_rows_written_at_once_read_as_those_written_cell_by_cell(
    tmp_path: Path, rows: list[tuple[str | None, float | None, int | None]]
) -> None:
    cells = pl.DataFrame(rows, schema=SCHEMA, orient="row", strict=False)
    at_once, one_by_one = (
        _written(tmp_path / f"{way}.xlsx", cells, at_once=way == "rows") for way in ("rows", "cells")
    )
    assert [each[:1] + each[2:] for each in at_once] == [each[:1] + each[2:] for each in one_by_one]
    for (place, found, *_), (_, expected, *_) in zip(at_once, one_by_one, strict=True):
        # The library writes 16 digits of a number, we write all of them.
        assert (float(f"{found:.16G}") if isinstance(found, int | float) else found) == expected, place


def test_more_rows_than_are_in_memory_at_a_time_are_all_there_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fridge_pipeline.finance.pages.sheet_rows.ROWS_AT_A_TIME", 3)
    cells = pl.DataFrame({"text": [f"row {number}" for number in range(10)], "number": [0.5] * 10, "count": range(10)})
    found = _written(tmp_path / "a.xlsx", cells, at_once=True)
    assert [value for place, value, *_ in found if str(place).startswith("C")] == list(range(10))


def test_a_text_that_looks_like_rich_text_is_a_text(tmp_path: Path) -> None:
    cells = pl.DataFrame({"text": ["<r><t>a</t></r>"], "number": [None], "count": [None]}, schema=SCHEMA)
    assert ("A2", "<r><t>a</t></r>", "s", "General") in _written(tmp_path / "a.xlsx", cells, at_once=True)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as files:
        assert b"&lt;r&gt;" in files.read("xl/worksheets/sheet1.xml")


def test_an_infinite_number_is_refused_with_the_name_of_its_column(tmp_path: Path) -> None:
    cells = pl.DataFrame({"text": ["a"], "number": [float("inf")], "count": [1]}, schema=SCHEMA)
    with pytest.raises(ValueError, match="the column number has one"):
        _written(tmp_path / "a.xlsx", cells, at_once=True)
