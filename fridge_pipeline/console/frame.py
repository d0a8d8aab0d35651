"""What a page of the console is made of; the pages themselves are declared in the files ``pages_…``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

from markupsafe import Markup

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.pages.columns import Column
from fridge_pipeline.visible import quoted

Row = Mapping[str, Any]

#: How the years begin of which there are books.
CENTURIES = ("20", "21")

#: So many rows of a table stand on a page; its CSV has all of them.
ROWS_MAX = 200


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a page shows it: ``link`` is an address with names of the row's columns in braces.

    ``of`` is what its query calls it, where that is another name.
    """

    column: Column
    link: str | None = None
    says: Callable[[Row], str | None] | None = None
    of: str = ""

    def value(self, row: Row) -> Any:
        """What stands in it; ``None`` where nothing is known."""
        return self.says(row) if self.says is not None else row[self.of or self.column.name]

    def address(self, row: Row) -> str | None:
        """Where it leads; nowhere when a part of the address is not known."""
        return filled(self.link, row) if self.link is not None else None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the ``query`` that its rows come from, what a row means, and what is said of none.

    ``keeps`` are the seconds for which what was read is shown again: sums over all tenants take the database longer
    than a reader waits, and the page says when they were read. ``plot`` draws the rows, ``also`` adds to each what the
    database does not know. ``is_cards``: a few rows that are read one by one, each large.
    """

    name: str
    title: str
    query: str
    meaning: str
    columns: tuple[Field, ...]
    nothing: str
    plot: Callable[[Sequence[Row]], Markup] | None = None
    keeps: int = 0
    also: Callable[[Row], Row] | None = None
    is_cards: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A part of a page's address behind the question mark; ``choices`` are its values, none means any text.

    ``rest`` is what a page shows without it. ``exists`` is a query that has a row when there is such a thing: nothing
    waits for a tenant whose name is not written as the books have it, and that says nothing.
    """

    name: str
    label: str
    choices: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    rest: str = "all"
    reads: Callable[[str], Any] = str
    exists: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page by its address; parts of that in braces are values, such as ``/tenants/{tenant}``.

    ``exists`` is a query that has a row when there is such a thing, ``unknown`` what is said when there is none.
    ``links`` are shown below the purpose: text and address, with values in braces.
    """

    path: str
    title: str
    purpose: str
    tables: tuple[Table, ...]
    filters: tuple[Filter, ...] = ()
    exists: str | None = None
    unknown: str = ""
    links: tuple[tuple[str, str], ...] = ()
    is_in_menu: bool = True

    @property
    def parts(self) -> list[str]:
        """The parts of its path."""
        return self.path.strip("/").split("/")


def month_of(text: str) -> Month:
    """A month as addresses name it. Raises ``ValueError``."""
    month = Month.from_key(text)
    _require_near(text)
    return month


def hour_of(text: str) -> Hour:
    """An hour as addresses name it. Raises ``ValueError``."""
    hour = Hour.from_key(text)
    _require_near(text)
    return hour


def _require_near(text: str) -> None:
    """Raises ``ValueError`` for a time that no books hold; computing with it would leave the calendar."""
    if not text.startswith(CENTURIES):
        raise ValueError(f"{quoted(text)} is no time of these books, which begins as 2026-01")


def positive(text: str) -> int:
    """A whole number above 0. Raises ``ValueError``."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise ValueError(f"{text!r} is not a whole number above 0")
    return int(text)


MONTH = Filter("month", "Month", example="2026-01", reads=month_of)
TENANT = Filter("tenant", "Tenant", exists="console_tenant_exists")


#: A name that browsers and proxies would take for a step in a path (``.``, ``..``, also as ``%2E``), or that ends as a
#: file does, has its dots written so, and any name its exclamation marks.
ESCAPES = (("!", "!21"), (".", "!2E"))
ENDINGS = (".csv", ".xlsx")


def segment(value: object) -> str:
    """A value as one part of a path: a dot in it is no ending and no step, and a slash begins no other part."""
    match value:
        case datetime():
            text = Hour.containing(value).key
        case date():
            text = f"{value:%Y-%m}"
        case _:
            text = str(value)
    is_special = text in {".", ".."} or text.endswith(ENDINGS)
    for plain, escaped in ESCAPES if is_special else ESCAPES[:1]:
        text = text.replace(plain, escaped)
    return quote(text, safe=":!")


def value_in(part: str) -> str:
    """The value that ``segment`` has made a part of a path of."""
    text = unquote(part)
    for plain, escaped in reversed(ESCAPES):
        text = text.replace(escaped, plain)
    return text


def filled(link: str, row: Row) -> str | None:
    """An address with a row's values in it."""
    parts: dict[str, str] = {}
    for name, value in row.items():
        if f"{{{name}}}" in link:
            if value is None or value == "":
                return None
            parts[name] = segment(value)
    return link.format(**parts)


def with_query(path: str, given: Mapping[str, str]) -> str:
    """An address with its filters."""
    return f"{path}?{urlencode(given)}" if given else path
