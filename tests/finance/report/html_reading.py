"""Reads a page the way a checker does: tags, headings, tables and texts, with the standard library alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class TableRead:
    """A table as it was read: caption, column headings, and rows of cells as text."""

    caption: str = ""
    headings: list[tuple[str, str | None]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    row_heads: list[str | None] = field(default_factory=list)

    def column(self, heading: str) -> list[str]:
        """The cells below a heading; only of tables without cells that span rows."""
        at = [name for name, _ in self.headings].index(heading)
        return [row[at] for row in self.rows]


class PageRead(HTMLParser):
    """A page as it was read."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.tables: list[TableRead] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self._in: str | None = None
        self._table: TableRead | None = None
        self._in_head = False
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        """All that a reader sees, and what stands in details."""
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element with a tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, caption: str) -> TableRead:
        """The one table whose caption begins so."""
        (found,) = [table for table in self.tables if table.caption.startswith(caption)]
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag in {"style", "script", "title", "caption", "h1", "h2", "h3", "h4", "h5", "h6"}:
            self._in = tag
            if tag[0] == "h" and tag[1:].isdigit():
                self.headings.append((int(tag[1:]), ""))
        if tag == "table":
            self._table = TableRead()
            self.tables.append(self._table)
        elif self._table is not None:
            self._start_in_table(self._table, tag, attributes)

    def _start_in_table(self, table: TableRead, tag: str, attributes: dict[str, str | None]) -> None:
        if tag in {"thead", "tbody"}:
            self._in_head = tag == "thead"
        elif tag == "tr" and not self._in_head:
            table.rows.append([])
        elif tag == "th" and self._in_head:
            table.headings.append(("", attributes.get("scope")))
        elif tag in {"th", "td"} and not self._in_head:
            table.rows[-1].append("")
            if tag == "th":
                table.row_heads.append(attributes.get("scope"))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = None
        if tag == "table":
            self._table, self._in_head = None, False

    def handle_data(self, data: str) -> None:
        if self._in in {"style", "script"}:
            return
        self.texts.append(data)
        if self._in is not None and self._in[0] == "h" and self._in[1:].isdigit():
            level, before = self.headings[-1]
            self.headings[-1] = (level, before + data)
        table = self._table
        if table is None:
            return
        if self._in == "caption":
            table.caption += data
        elif self._in_head and table.headings:
            name, scope = table.headings[-1]
            table.headings[-1] = (name + data.strip(), scope)
        elif table.rows and table.rows[-1]:
            table.rows[-1][-1] = f"{table.rows[-1][-1]}{data}".strip()
