"""The file that says who is billed as which Stripe customer: read as people make it, or refused by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from unicodedata import category

from fridge_pipeline.catalogue.table_file import COMMENT, TableRefusedError, cells_of, lines_of, read_header
from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX, Tenant
from fridge_pipeline.visible import ACTING

COLUMNS = ("tenant_id", "name", "stripe_customer_id")

#: What every id of a Stripe customer looks like; usage for anything else is refused by Stripe, a push too late.
_CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9]{1,250}")


def read_tenants(content: bytes) -> list[Tenant]:
    """The tenants in the bytes of a file. Raises ``TableRefusedError``, with every line that is wrong.

    Comments (lines that begin with ``#``), empty lines, empty cells behind the last column, blanks around a cell and
    further columns are passed over. A row with fewer or more cells than the header is refused: nobody knows which of
    them it lacks.
    """
    lines = lines_of(content)
    reading = _Reading(*read_header(lines, COLUMNS))
    tenants = [tenant for number, line in lines if (tenant := reading.tenant(number, line)) is not None]
    if reading.problems:
        raise TableRefusedError(reading.problems)
    return tenants


@dataclass(slots=True)
class _Reading:
    """A file that is being read: what is wrong so far, and on which line each id stands."""

    delimiter: str
    names: list[str]
    problems: list[str] = field(default_factory=list)
    _line_of: dict[tuple[str, str], int] = field(default_factory=dict)

    def tenant(self, number: int, line: str) -> Tenant | None:
        """The tenant of a line; ``None`` where there is none, or something is wrong, which is noted."""
        cells = cells_of(line, self.delimiter, len(self.names))
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
        unseen = ACTING - {"Cf"} if column == "name" else ACTING
        found = None if value.isprintable() else next((each for each in value if category(each) in unseen), None)
        if found is not None:
            return f"{column} {value[:60]!r} holds the invisible character U+{ord(found):04X}; type it anew"
    if not tenant_id:
        return "has no tenant_id"
    if len(tenant_id) > ID_LENGTH_MAX:
        return f"tenant_id {tenant_id[:30]!r}… has {len(tenant_id)} characters, and {ID_LENGTH_MAX} is the most"
    if customer_id and not _CUSTOMER_ID.fullmatch(customer_id):
        return (
            f"{customer_id[:60]!r} is not a Stripe customer id, which is cus_ and letters or digits. Copy it from the "
            "customer's page in Stripe, or leave it empty until there is one"
        )
    return None
