"""A workbook whose sheets go straight into its file: a month of a thousand tenants has gigabytes of their text."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.packager import Packager

from fridge_pipeline.finance.pages.sheet_rows import RowsWorksheet
from fridge_pipeline.finance.threaded_zip import ThreadedZip, writing_zip


class StreamedWorkbook(xlsxwriter.Workbook):  # type: ignore[misc]  # the library has no types
    """The library's own workbook, in another file: its sheets are packed while their rows are made."""

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        super().__init__(BytesIO(), options)  # what the library itself packs into is thrown away
        self.path = path

    def add_worksheet(self, name: str | None = None, worksheet_class: Any = None) -> Any:
        """One that can be packed so, whatever was asked for."""
        return super().add_worksheet(name, worksheet_class or RowsWorksheet)

    def _store_workbook(self) -> None:
        with writing_zip(self.path) as archive:
            self._archive = archive
            super()._store_workbook()

    def _get_packager(self) -> Packager:
        return _Packager(self._archive)


class _Packager(Packager):  # type: ignore[misc]  # the library has no types
    """Puts the small files first, as every reader expects, and then the sheets."""

    def __init__(self, archive: ThreadedZip) -> None:
        super().__init__()
        self._archive = archive

    def _write_worksheet_files(self) -> None:
        """Not yet, and not as files."""
        for worksheet in self.workbook.worksheets():
            worksheet.finish_cells()

    def _create_package(self) -> list[tuple[str, str, bool]]:
        for file, name, _ in super()._create_package():
            with self._archive.entry(name) as entry:
                entry.write(Path(file).read_bytes())
            Path(file).unlink()
        for number, worksheet in enumerate(self.workbook.worksheets(), start=1):
            with self._archive.entry(f"xl/worksheets/sheet{number}.xml") as entry:
                worksheet.pack(entry)
        return []
