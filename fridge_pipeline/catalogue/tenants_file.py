"""The file that says who is billed as which Stripe customer: read as people make it, or refused by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from unicodedata import category

from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX, Tenant, TenantsRefusedError

COLUMNS = ("tenant_id", "name", "stripe_customer_id")

#: What spreadsheets and editors put between cells.
DELIMITERS = (",", ";", "\t", "|")

COMMENT = "#"

#: A line by which a spreadsheet is told the delimiter.
_DELIMITER_LINE = re.compile(r"sep=.?", re.IGNORECASE)

#: What every id of a Stripe customer looks like; usage for anything else is refused by Stripe, a push too late.
_CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9]{1,250}")

#: Control, format (zero-width and direction marks) and separator characters, and halves of one: none can be seen.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def read_tenants(content: bytes) -> list[Tenant]:
    """The tenants in the bytes of a file. Raises ``TenantsRefusedError``, with every line that is wrong.

    Comments (lines that begin with ``#``), empty lines, empty cells behind the last column, blanks around a cell and
    further columns are passed over. A row with fewer or more cells than the header is refused: nobody knows which of
    them it lacks.
    """
    lines = _lines(content)
    header = next(lines, None)
    if header is None:
        raise TenantsRefusedError([f"it has no line with the columns {', '.join(COLUMNS)}"])
    reading = _Reading(*_read_header(*header))
    tenants = [tenant for number, line in lines if (tenant := reading.tenant(number, line)) is not None]
    if reading.problems:
        raise TenantsRefusedError(reading.problems)
    return tenants


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are neither empty nor a comment."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise TenantsRefusedError([f"line {number}: not text in UTF-8; save the file as CSV in UTF-8"]) from None
    for number, line in enumerate(io.StringIO(text, newline=""), 1):  # CR, LF and CRLF end a line, nothing else does
        bare = line.strip()
        if bare and not bare.startswith(COMMENT) and not _DELIMITER_LINE.fullmatch(bare):
            yield number, line.rstrip("\r\n")


def _read_header(number: int, line: str) -> tuple[str, list[str]]:
    """Delimiter and names of the columns."""
    read = {each: [name.casefold() for name in _cells(line, each) or []] for each in DELIMITERS}
    delimiter, names = max(read.items(), key=lambda each: len(set(COLUMNS) & set(each[1])))
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise TenantsRefusedError([f"line {number}: lacks {', '.join(missing)}; found {', '.join(names)[:200]}"])
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise TenantsRefusedError([f"line {number}: the column {', '.join(twice)} stands there twice"])
    return delimiter, names


def _cells(line: str, delimiter: str, width: int = 0) -> list[str] | None:
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


@dataclass(slots=True)
class _Reading:
    """A file that is being read: what is wrong so far, and on which line each id stands."""

    delimiter: str
    names: list[str]
    problems: list[str] = field(default_factory=list)
    _line_of: dict[tuple[str, str], int] = field(default_factory=dict)

    def tenant(self, number: int, line: str) -> Tenant | None:
        """The tenant of a line; ``None`` where there is none, or something is wrong, which is noted."""
        cells = _cells(line, self.delimiter, len(self.names))
        if cells is not None and not any(cells[1:]) and (not cells[0] or cells[0].startswith(COMMENT)):
            return None  # an empty row of a spreadsheet, or a comment in its first cell
        problem = self._shape(cells)
        if problem is None and cells is not None:
            values = dict(zip(self.names, cells, strict=True))
            tenant_id, name, customer_id = (values[column] for column in COLUMNS)
            problem = _unsound(tenant_id, name, customer_id) or self._repeated(number, tenant_id, customer_id)
            if problem is None:
                return Tenant(tenant_id, name or None, customer_id or None, number)
        self.problems.append(f"line {number}: {problem}")
        return None

    def _shape(self, cells: list[str] | None) -> str | None:
        """Why a row does not fit the header, if it does not."""
        if cells is None:
            return "a quotation mark does not end where its cell ends, in the same line"
        if len(cells) == len(self.names):
            return None
        delimiter = {"\t": "tab"}.get(self.delimiter, self.delimiter)
        has = f"has {len(cells)} of the header's {len(self.names)} cells"
        if len(cells) < len(self.names):
            return f"{has}; is it cut off? A cell that is empty still has its delimiter ({delimiter})"
        return f"{has}; a cell with a delimiter ({delimiter}) in it needs quotation marks"

    def _repeated(self, number: int, tenant_id: str, customer_id: str) -> str | None:
        """Where the tenant, or its customer, stands already."""
        for what, value in (("tenant", tenant_id), ("Stripe customer", customer_id)):
            first = self._line_of.setdefault((what, value), number) if value else number
            if first != number:
                return f"the {what} {value!r} stands in line {first} already"
        return None


def _unsound(tenant_id: str, name: str, customer_id: str) -> str | None:
    """What is wrong with the ids, or the name, of a row."""
    for column, value in zip(COLUMNS, (tenant_id, name, customer_id), strict=True):
        # Some scripts need joiners (Cf) in a name; in an id they would make another id that looks alike.
        unseen = _INVISIBLE - {"Cf"} if column == "name" else _INVISIBLE
        found = None if value.isprintable() else next((each for each in value if category(each) in unseen), None)
        if found is not None:
            return f"{column} {value[:60]!r} holds the invisible character U+{ord(found):04X}; type it anew"
    if not tenant_id:
        return "has no tenant_id"
    if len(tenant_id) > ID_LENGTH_MAX:
        return f"tenant_id {tenant_id[:30]!r}… has {len(tenant_id)} characters, and {ID_LENGTH_MAX} is the most"
    if customer_id and not _CUSTOMER_ID.fullmatch(customer_id):
        return (
            f"{customer_id[:60]!r} is no Stripe customer id, which is cus_ and letters or digits. Copy it from the "
            "customer's page in Stripe, or leave it empty until there is one"
        )
    return None
