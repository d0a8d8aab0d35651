"""The rows of a pack's CSV files: every row as wide as the first, none endless, and no field a spreadsheet would run.

Standard library only, like the format. A file is read in blocks of whole rows. Most have no quotes in them, so that
their lines are their rows, and a search of the whole block tells that no field begins like a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation, localcontext
from functools import cached_property

from fridge_pipeline.finance.rules.evidence_format import FORMULA_BEGINS, DoesNotHoldError

#: Beyond this a number is no quantity, and would take long to write out.
EXPONENT_MAX, NUMBER_CHARACTERS_MAX = 100, 250

#: As many digits as a sum of such numbers has, so that none is rounded away; Python's own are 28.
DIGITS = 500

#: What a row of a CSV file has at most: longer than any answer of Stripe or detail of an exception, and far from
#: filling the memory.
ROW_CHARACTERS_MAX = 2**20

#: So much text is looked at together.
BLOCK_CHARACTERS = 2**18

#: How a field without quotes begins like a formula, within a block.
_FORMULAS = tuple(f"{before}{begins}" for before in ",\n" for begins in FORMULA_BEGINS if begins not in "\r\n")


class Block:
    """Some whole rows of a file, behind ``before`` others; ``width`` is how many fields each has, once it is known."""

    def __init__(self, path: str, text: str, before: int, width: int | None) -> None:
        self._path, self._text, self._before, self.width = path, text, before, width
        self._is_plain = '"' not in text and "\r" not in text and text.endswith("\n")
        self._lines = text.split("\n")[:-1] if self._is_plain else []
        if len(text) > ROW_CHARACTERS_MAX and max(map(len, self._lines), default=0) > ROW_CHARACTERS_MAX:
            raise _too_long(path)

    @cached_property
    def rows(self) -> list[list[str]]:
        """Its rows. Raises ``DoesNotHoldError`` for one of another width, or none."""
        if self._is_plain:
            found = [line.split(",") if line else [] for line in self._lines]
        else:
            found = list(_careful(self._path, self._text, self._before))
        if found and self.width is None:
            self.width = len(found[0])
        if found and set(map(len, found)) != {self.width}:
            number, row = next(each for each in enumerate(found, self._before) if len(each[1]) != self.width)
            raise DoesNotHoldError(
                f"{self._path}, row {number}: {len(row)} fields where there are {self.width} columns"
            )
        return found

    @cached_property
    def count(self) -> int:
        """How many rows there are; the same is asked of each."""
        commas = {line.count(",") if line else -1 for line in self._lines}
        if self._is_plain and self.width is not None and commas <= {self.width - 1}:
            return len(self._lines)
        return len(self.rows)

    def require_guarded(self) -> None:
        """Raises ``DoesNotHoldError`` for a field that begins like a formula and is no number."""
        if self._is_plain and self._text[0] not in FORMULA_BEGINS and not any(map(self._text.__contains__, _FORMULAS)):
            return
        for number, row in enumerate(self.rows, self._before):
            for field in row:
                if field and field[0] in FORMULA_BEGINS and not _is_number(field):
                    raise DoesNotHoldError(
                        f"{self._path}, row {number}: {field[:40]!r} begins like a spreadsheet's formula"
                    )


def blocks_of_csv(path: str, pieces: Iterable[str]) -> Iterator[Block]:
    """The names of the columns and then every row; ``pieces`` are the file's text, however it is cut."""
    before, width = 0, None
    for text in _whole_rows(path, pieces):
        block = Block(path, text, before, width)
        yield block
        before, width = before + block.count, block.width


def rows_of_csv(path: str, pieces: Iterable[str]) -> Iterator[list[str]]:
    """The same row by row."""
    before, width = 0, None
    for text in _whole_rows(path, pieces):
        block = Block(path, text, before, width)
        yield from block.rows
        before, width = before + block.count, block.width


def named_rows(path: str, pieces: Iterable[str], names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Every row behind the first by the names of some columns. Raises ``DoesNotHoldError`` where one is missing."""
    rows = rows_of_csv(path, pieces)
    columns = next(rows, [])
    if missing := sorted(set(names) - set(columns)):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
    places = [(name, columns.index(name)) for name in names]
    for row in rows:
        yield {name: row[place] for name, place in places}


def number_in(text: str) -> Decimal:
    """A quantity as a field has it: finite, and of a size that quantities have. Raises ``InvalidOperation``."""
    value = Decimal(text if len(text) <= NUMBER_CHARACTERS_MAX else "NaN")
    if not value.is_finite() or abs(value.adjusted()) > EXPONENT_MAX:
        raise InvalidOperation
    return value


@contextmanager
def exactly() -> Iterator[None]:
    """Within it sums and differences of numbers are what they are; also for a whole function, as ``@exactly()``."""
    with localcontext(prec=DIGITS):
        yield


def _is_number(text: str) -> bool:
    try:
        number_in(text)
    except InvalidOperation:
        return False
    return True


def _whole_rows(path: str, pieces: Iterable[str]) -> Iterator[str]:
    """The text, cut behind line ends that are not within quotes: up to them there are as many quotes as close."""
    waiting: list[str] = []
    characters = quotes = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            characters, quotes = characters + len(piece), quotes + piece.count('"')
            if characters < BLOCK_CHARACTERS:
                continue
            text = "".join(waiting)
            end = _end_of_rows(text, quotes)
            if end:
                yield text[:end]
            rest = text[end:]
            if len(rest) > ROW_CHARACTERS_MAX:
                raise _too_long(path)
            waiting, characters, quotes = [rest], len(rest), rest.count('"')
    except UnicodeDecodeError as error:
        raise DoesNotHoldError(f"{path}: not readable as CSV: {error}") from error
    if characters:
        yield "".join(waiting)


def _end_of_rows(text: str, quotes: int) -> int:
    """Where the last row ends that is whole, of a text with so many quotes; 0 where none is."""
    looked_at, end = len(text), text.rfind("\n") + 1
    while end:
        quotes -= text.count('"', end, looked_at)
        if not quotes % 2:
            return end
        looked_at, end = end, text.rfind("\n", 0, end - 1) + 1
    return 0


def _too_long(path: str) -> DoesNotHoldError:
    return DoesNotHoldError(f"{path} has a row of more than {ROW_CHARACTERS_MAX:,} characters")


def _careful(path: str, text: str, before: int) -> Iterator[list[str]]:
    """Rows of any text, by the library's reader."""
    characters_of_row = 0

    def bounded() -> Iterator[str]:
        nonlocal characters_of_row
        for line in io.StringIO(text, newline=""):
            characters_of_row += len(line)
            if characters_of_row > ROW_CHARACTERS_MAX:
                raise _too_long(path)
            yield line

    csv.field_size_limit(ROW_CHARACTERS_MAX)
    reader = csv.reader(bounded(), strict=True)
    number = before
    try:
        for row in reader:
            characters_of_row = 0
            number += 1
            yield row
    except csv.Error as error:
        raise DoesNotHoldError(f"{path}, behind row {number}: not readable as CSV: {error}") from error
