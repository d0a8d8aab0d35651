"""A table that people write, in a csv file of a spreadsheet or an editor: its lines, header and cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

#: What spreadsheets and editors put between cells.
DELIMITERS = (",", ";", "\t", "|")

COMMENT = "#"

#: A line by which a spreadsheet is told the delimiter.
_DELIMITER_LINE = re.compile(r"sep=.?", re.IGNORECASE)

#: Far more than people write.
FILE_BYTES_MAX = 64 * 2**20

#: So many refused lines are enough to see what went wrong.
_SHOWN_MAX = 10


def bytes_of(file: Path) -> bytes:
    """The file, as far as it may go."""
    with file.open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)


class TableRefusedError(ValueError):
    """Rows that cannot be taken as they are, all or none; the text names each line that is wrong, and why."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - _SHOWN_MAX
        shown = [*problems[:_SHOWN_MAX], *([f"and {more} more lines"] if more > 0 else [])]
        super().__init__("; ".join(shown) + ". Nothing was imported.")


def lines_of(content: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are neither empty nor a comment."""
    if len(content) > FILE_BYTES_MAX:
        raise TableRefusedError([f"it has more than {FILE_BYTES_MAX} bytes: import it in parts"])
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise TableRefusedError([f"line {number}: not text in UTF-8; save the file as CSV in UTF-8"]) from None
    for number, line in enumerate(io.StringIO(text, newline=""), 1):  # CR, LF and CRLF end a line, nothing else does
        bare = line.strip()
        if bare and not bare.startswith(COMMENT) and not _DELIMITER_LINE.fullmatch(bare):
            yield number, line.rstrip("\r\n")


def read_header(lines: Iterator[tuple[int, str]], columns: Sequence[str]) -> tuple[str, list[str]]:
    """Delimiter and names of the columns, from the first line; the given ones are among them, each once."""
    number, line = next(lines, (0, ""))
    if not line:
        raise TableRefusedError([f"it has no line with the columns {', '.join(columns)}"])
    read = {each: [name.casefold() for name in cells_of(line, each) or []] for each in DELIMITERS}
    delimiter, names = max(read.items(), key=lambda each: len(set(columns) & set(each[1])))
    missing = [name for name in columns if name not in names]
    if missing:
        raise TableRefusedError([f"line {number}: lacks {', '.join(missing)}; found {', '.join(names)[:200]}"])
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise TableRefusedError([f"line {number}: the column {', '.join(twice)} is there twice"])
    return delimiter, names


def cells_of(line: str, delimiter: str, width: int = 0) -> list[str] | None:
    """The cells of a line, without blanks around them; empty ones behind the width are dropped.

    ``None`` where a quotation mark does not end where its cell ends.
    """
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return None
    stripped = [cell.strip() for cell in cells]
    while len(stripped) > width and not stripped[-1]:
        stripped.pop()
    return stripped
