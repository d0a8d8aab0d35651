"""What an address asks for: which page, with which values, as what; or why there is no such page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.console.frame import ENDINGS, ROWS_MAX, Page, hour_of, month_of, positive, value_in, with_query
from fridge_pipeline.visible import one_line, quoted

#: The endings of an address, and what they give.
HTML, (CSV, XLSX) = "", ENDINGS

#: Names behind the question mark that every page knows.
PAGE_NUMBER, TABLE = "page", "table"

#: Filters of which a page without them says nothing: its statements take them as not set.
UNSET = dict.fromkeys(
    (
        "tenant",
        "kind",
        "state",
        "status",
        "compared",
        "act",
        "person",
        "n",
        "seed",
        "month_start",
        "month_end",
        "month_day",
        "every_file",
    )
)

#: So much is said of what cannot be read.
WORDS_MAX = 300

READS = {"month": month_of, "hour": hour_of}


class NotFoundError(LookupError):
    """There is no such page, or no such thing; the text is for whoever asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page, the ``values`` of its address by name, and how it is wanted."""

    page: Page
    values: Mapping[str, Any]
    given: Mapping[str, str]
    path: str
    ending: str
    number: int
    table: str | None

    def parameters(self, now: datetime) -> dict[str, Any]:
        """What the page's statements take: months by their bounds, filters that are not set as nothing."""
        found: dict[str, Any] = {**UNSET, "now": now}
        for name, value in self.values.items():
            if value is None:
                continue
            if isinstance(value, Month):
                found |= {f"{name}_start": value.start, f"{name}_end": value.end, f"{name}_day": value.first_day}
            else:
                found[name] = value.start if isinstance(value, Hour) else value
        return found

    @property
    def skipped(self) -> int:
        """The rows of earlier pages."""
        return (self.number - 1) * ROWS_MAX

    @property
    def permalink(self) -> str:
        """The address of what is shown, whichever part of it."""
        return self.address(**{PAGE_NUMBER: str(self.number)} if self.number > 1 else {})

    def address(self, ending: str = "", **changed: str) -> str:
        """The same in another form, or with other values."""
        path = "/index" if ending and self.path == "/" else self.path
        return with_query(f"{path}{ending}", {**self.given, **changed})


def asked(pages: Sequence[Page], path: str, query: Sequence[tuple[str, str]]) -> Asked:
    """What an address as it was sent, not decoded, asks for. Raises ``NotFoundError``."""
    plain, ending = _without_ending(path)
    given = [] if plain in {"/", "/index"} else plain.strip("/").split("/")
    for page in pages:
        wanted = [] if page.path == "/" else page.parts
        if len(wanted) == len(given) and all(
            one.startswith("{") or one == other for one, other in zip(wanted, given, strict=True)
        ):
            pairs = zip(wanted, given, strict=True)
            found = {one.strip("{}"): value_in(other) for one, other in pairs if one.startswith("{")}
            return _read(page, found, "/" if plain == "/index" else plain, ending, query)
    raise NotFoundError(f"there is no page {quoted(unquote(path))} here; the menu names all")


def _without_ending(path: str) -> tuple[str, str]:
    for ending in (CSV, XLSX):
        if path.endswith(ending):
            return path.removesuffix(ending), ending
    return path, HTML


def _read(page: Page, parts: dict[str, str], path: str, ending: str, query: Sequence[tuple[str, str]]) -> Asked:
    filters = {each.name: each for each in page.filters}
    given = {name: text.strip() for name, text in query if text.strip()}
    special = {name: given.pop(name) for name in (PAGE_NUMBER, TABLE) if name in given}
    if unknown := sorted(given.keys() - filters.keys()):
        known = ", ".join(filters) or "none"
        raise NotFoundError(f"this page has no filter {quoted(unknown[0])}; its filters: {known}")
    values: dict[str, Any] = dict.fromkeys(filters)
    for name, text in given.items():
        if filters[name].choices and text not in filters[name].choices:
            raise NotFoundError(
                f"{quoted(text)} is no {name} of this page; there are {', '.join(filters[name].choices)}"
            )
    try:
        values |= {name: filters[name].reads(text) for name, text in given.items()}
        values |= {name: READS[name](text) if name in READS else text for name, text in parts.items()}
        number = positive(special.get(PAGE_NUMBER, "1"))
    except ValueError as error:
        raise NotFoundError(one_line(f"{error}"[:WORDS_MAX])) from None
    if any("\0" in str(text) for text in (*given.values(), *parts.values())):
        raise NotFoundError("no name holds the character 0")
    table = special.get(TABLE)
    if table is not None and table not in {each.name for each in page.tables}:
        raise NotFoundError(f"this page has no table {quoted(table)}")
    return Asked(page, values, given, path, ending, number, table)
