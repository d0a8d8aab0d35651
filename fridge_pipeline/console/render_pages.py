"""The HTML of the console's pages; what stands in them is text, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment

from fridge_pipeline.console.asked import CSV, PAGE_NUMBER, TABLE, XLSX, Asked
from fridge_pipeline.console.cell_texts import shown
from fridge_pipeline.console.frame import ROWS_MAX, Page, Table, segment
from fridge_pipeline.console.read_tables import Read
from fridge_pipeline.finance.pages.cells import cell_class
from fridge_pipeline.finance.pages.explanation import PAGES, templates_of
from fridge_pipeline.finance.rules.stamp import KINDS
from fridge_pipeline.visible import counted, visible


@cache
def environment() -> Environment:
    """Where the templates are."""
    made = templates_of("fridge_pipeline.console")
    made.globals |= {"shown": shown, "cell_class": cell_class}
    made.filters["visible"] = visible
    return made


@cache
def style_sheet() -> str:
    """That of the report, and what the console adds."""
    sources = ((templates_of(PAGES), "page.css"), (environment(), "console.css"))
    return "\n".join(each.loader.get_source(each, name)[0] for each, name in sources if each.loader is not None)


def named_in(text: str, asked: Asked) -> str:
    """A title or sentence with the values of the address in it, each as it can be seen."""
    return text.format(**{name: visible(str(value)) for name, value in asked.values.items()})


def render_page(
    asked: Asked,
    read: Sequence[tuple[Table, Read]],
    menu: Sequence[Page],
    around: Mapping[str, Any],
    has: Callable[[str], bool] = bool,
) -> str:
    """A page with its tables; ``around`` is what stands on every one, ``has`` says whether a link leads anywhere."""
    return _rendered(
        menu,
        around,
        title=named_in(asked.page.title, asked),
        purpose=asked.page.purpose,
        path=asked.path,
        given=asked.given,
        filters=asked.page.filters,
        links=[(text, address) for text, link in asked.page.links if has(address := _address(link, asked))],
        tables=[_part(asked, table, of, is_first=not number) for number, (table, of) in enumerate(read)],
        workbook=asked.address(XLSX),
        permalink=asked.permalink,
    )


def render_notice(title: str, sentence: str, menu: Sequence[Page], around: Mapping[str, Any]) -> str:
    """A page that says one thing: that there is no such page, or that the books do not answer."""
    return _rendered(menu, around, title=title, purpose=sentence)


#: What a page has that only says one thing.
_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("user", "stamp", "path", "workbook", "permalink"), ""),
    **dict.fromkeys(("given", "filters", "links", "tables"), ()),
    "band": None,
}


def _rendered(menu: Sequence[Page], around: Mapping[str, Any], **told: Any) -> str:
    told = {**_NOTHING, **around, **told}
    if isinstance(told["band"], Mapping):
        band = told["band"]
        where = " ".join(filter(None, (band["host"], band["account_id"])))
        told["band"] = {"mode": band["mode"], "kind": KINDS[band["mode"]], "where": visible(where)}
    shown = [(page.path, page.title) for page in menu if page.is_in_menu]
    return environment().get_template("console.html.j2").render(**told, menu=shown)


def _address(link: str, asked: Asked) -> str:
    """A link below the purpose, with the values of the address in it."""
    return link.format(**{name: segment(value) for name, value in asked.values.items() if value is not None})


def _part(asked: Asked, table: Table, read: Read, *, is_first: bool) -> dict[str, Any]:
    skipped = asked.skipped if is_first else 0
    last = skipped + len(read.rows)
    more = ", and others" if read.has_more else ""
    part: dict[str, Any] = {
        "table": table,
        "nothing": _nothing(asked, table, skipped),
        "rows": read.rows,
        "plot": table.plot(read.rows) if table.plot is not None and read.rows else None,
        "range": f"rows {skipped + 1:,} to {last:,}{more}" if skipped or read.has_more else counted(last, "row"),
        "csv": asked.address(CSV, **{} if is_first else {TABLE: table.name}),
        "previous": None,
        "next": None,
        "is_being_read": read.read_at is None,
        "read": f"as of {read.read_at:%H:%M:%S}, read again after {_span(table.keeps)}"
        if table.keeps and read.read_at is not None
        else "",
    }
    if is_first and asked.number > 1:
        part["previous"] = asked.address(**{} if asked.number == 2 else {PAGE_NUMBER: str(asked.number - 1)})  # noqa: PLR2004
    if is_first and read.has_more:
        part["next"] = asked.address(**{PAGE_NUMBER: str(asked.number + 1)})
    elif read.has_more:
        part["range"] = f"the first {ROWS_MAX} rows; its CSV has all"
    return part


def _nothing(asked: Asked, table: Table, skipped: int) -> str:
    """What is said of no rows: only of what was asked for."""
    if skipped:
        return "No further rows."
    given = ", ".join(f"{name} {visible(text)}" for name, text in asked.given.items())
    return f"{table.nothing} Asked for: {given}." if given else table.nothing


def _span(seconds: int) -> str:
    return counted(seconds // 60, "minute")


def stamp_line(read_at: datetime, program: str, month: str = "") -> str:
    """When it was read, by which code, and how the month stands that it is about."""
    return f"Read {read_at:%Y-%m-%d %H:%M:%S} UTC by {program}{f'. {month}' if month else ''}"
