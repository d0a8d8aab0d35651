"""The console as a web application: who is answered, with what, and under which rules of the browser."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.console.asked import CSV, TABLE, Asked, NotFoundError, asked
from fridge_pipeline.console.frame import Page, Table
from fridge_pipeline.console.read_tables import Books, Reader
from fridge_pipeline.console.render_pages import named_in, render_notice, render_page, stamp_line, style_sheet
from fridge_pipeline.console.table_files import BusyError, as_csv, as_workbook
from fridge_pipeline.console.tenant_link import TENANT_PAGES, LinkKeyError, opened_link, read_link_key
from fridge_pipeline.database.connection import DatabaseEncodingError, DatabaseUnreachableError
from fridge_pipeline.orchestration.own_pages import OwnNames, header_map, named_by, refused
from fridge_pipeline.visible import one_line, visible

#: A page of which a part is being read is shown again after so long.
AGAIN_SECONDS = 3

METHODS = frozenset({"GET", "HEAD"})
REPORTS = "/reports"

#: Nothing from elsewhere, no script, nobody's frame around it, and forms lead back here.
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGE_HEADERS = {**SAFE_HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"}

#: Some file systems take names of 255 bytes and no longer ones.
FILE_NAME_MAX = 150

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: What the books answer when they are not as this code needs them.
NOT_PREPARED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege)

#: Whatever keeps the books from being read: its text is for the log, and no page repeats it.
NOT_READ = (psycopg.Error, DatabaseUnreachableError, DatabaseEncodingError)
NOT_NOW = "The books do not answer", "The database does not answer as it should; try again in a minute."

BUSY = "Another workbook is being made", "One is made at a time: try again in a minute, or take the CSV."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Console:
    """All of it; without a ``reader`` only reports are shown, and pages say why there are no others.

    ``user_header`` is the header by which a proxy names who is signed in: with it, who comes without is refused.
    """

    pages: Sequence[Page]
    reader: Reader | None
    names: OwnNames
    program: str
    home: Path | None = None
    reports: Path | None = None
    user_header: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        response = await self._answer(scope)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Any:
        headers = Headers(scope=scope)
        refusal = refused(scope["method"], scope["path"], header_map(headers.items()), self.names)
        if refusal is not None:
            return PlainTextResponse(f"{refusal.text}\n", refusal.status, SAFE_HEADERS)
        if scope["method"] not in METHODS:
            return PlainTextResponse(
                "this server only shows: GET and HEAD are answered\n", 405, {**SAFE_HEADERS, "Allow": "GET, HEAD"}
            )
        request = Request(scope)
        path = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace").partition("?")[0]
        if path == "/console.css":
            return Response(
                style_sheet(), media_type="text/css", headers={**SAFE_HEADERS, "Cache-Control": "max-age=60"}
            )
        if path.startswith(f"{TENANT_PAGES}/"):
            return await run_in_threadpool(self._tenant_page, path, request.query_params.get(TABLE))
        user = named_by(headers, self.user_header) if self.user_header else ""
        if self.user_header and not user:
            return PlainTextResponse(
                f"nobody is named by the header {self.user_header}, or more than one: sign in at the proxy, which has "
                "to remove the header from what comes in\n",
                403,
                SAFE_HEADERS,
            )
        if path.startswith(f"{REPORTS}/") and self.reports is not None:
            return await self._report(scope)
        return await run_in_threadpool(self._page, request, path, user)

    async def _report(self, scope: Scope) -> Response:
        """A finished report; it brings its own policy, which fits its text only."""
        files = StaticFiles(directory=str(self.reports), check_dir=False)
        try:
            response = await files.get_response(scope["path"].removeprefix(f"{REPORTS}/"), scope)
        except Exception:  # noqa: BLE001 # whatever the file system says: there is no such report
            return self._notice(404, "No such report", "There is no such report: fridge report MONTH makes one.", {})
        response.headers.update(SAFE_HEADERS)
        return response

    def _page(self, request: Request, path: str, user: str) -> Response:
        around: dict[str, Any] = {"user": user}
        if self.reader is None:
            return self._notice(
                503, "The books are not open", "No login of finance is known: name one in FRIDGE_FINANCE_DATABASE_URL "
                "(docs/for-finance.md says how it is made). Finished reports are shown all the same.", around,
            )  # fmt: skip
        try:
            found = asked(self.pages, path, list(request.query_params.multi_items()))
            return self._shown(found, self.reader, around)
        except NotFoundError as error:
            return self._notice(404, "Not found", f"{error}.", around)
        except psycopg.errors.QueryCanceled:
            return self._notice(
                503, "That took too long", "The database was asked for more than 30 seconds; ask for one month, or "
                "one tenant.", around,
            )  # fmt: skip
        except BusyError:
            return self._notice(503, *BUSY, around)
        except NOT_PREPARED:
            return self._notice(
                503, "The books are of another version", "They lack what this page reads, or do not show it to "
                "finance: fridge migrate brings them up to date.", around,
            )  # fmt: skip
        except NOT_READ as error:
            logger.warning("a page of the console could not read the books: %s", one_line(str(error)))
            return self._notice(503, *NOT_NOW, around)

    def _shown(self, found: Asked, reader: Reader, around: dict[str, Any]) -> Response:
        now = reader.clock()
        parameters = found.parameters(now)
        numbered = [(table, found.skipped if not number else 0) for number, table in enumerate(found.page.tables)]
        with reader.books() as books:
            if found.page.exists is not None and books.first_row(found.page.exists, parameters) is None:
                raise NotFoundError(named_in(found.page.unknown, found))
            for each in found.page.filters:
                if each.exists and each.name in found.given and books.first_row(each.exists, parameters) is None:
                    raise NotFoundError(f"the books know no {each.name} {visible(found.given[each.name])}")
            month = self._month_state(found, books)
            around["band"] = books.first_row("console_band", {})
            rows = [
                books.read(table, parameters, skipped) if not (table.keeps or found.ending) else None
                for table, skipped in numbered
            ]
        if found.ending:
            stamp = f"{stamp_line(now, self.program, month)}. Asked for: {found.address()}"
            return _file(found, reader, parameters, stamp)
        read = [
            (table, own or reader.kept(table, parameters, skipped))
            for (table, skipped), own in zip(numbered, rows, strict=True)
        ]
        oldest = min((of.read_at for _, of in read if of.read_at is not None), default=now)
        around["stamp"] = stamp_line(oldest, self.program, month)
        is_being_read = any(of.read_at is None for _, of in read)
        headers = PAGE_HEADERS | ({"Refresh": str(AGAIN_SECONDS)} if is_being_read else {})
        return HTMLResponse(render_page(found, read, self.pages, around, self._has), headers=headers)

    def _has(self, address: str) -> bool:
        """Whether there is such a report; everything else is there."""
        if not address.startswith(f"{REPORTS}/"):
            return True
        return self.reports is not None and (self.reports / address.removeprefix(f"{REPORTS}/")).exists()

    def _month_state(self, found: Asked, books: Books) -> str:
        """How the month of a page is signed."""
        month = found.values.get("month")
        if not isinstance(month, Month):
            return ""
        stands = books.first_row("console_month_state", {"month_day": month.first_day})
        if not stands or stands["status"] == "open":
            return f"{month} is open"
        by, said = ("approved_by", "closed, approved") if stands["status"] == "closed" else ("prepared_by", "prepared")
        return f"{month} is {said} by {visible(stands[by])}"

    def _tenant_page(self, path: str, table: str | None) -> Response:
        """The page that a link shows: one tenant's usage, or in the same words always that there is nothing."""
        try:
            found = self._opened_link(path, table)
            if found is not None and self.reader is not None:
                return _of_tenant(found, self.reader)
        except BusyError:
            return HTMLResponse(render_notice(*BUSY, (), {}), 503, headers=PAGE_HEADERS)
        except (*NOT_READ, LinkKeyError) as error:
            logger.warning("a tenant's page could not be shown: %s", one_line(str(error)))
            return HTMLResponse(render_notice(*NOT_NOW, (), {}), 503, headers=PAGE_HEADERS)
        sentence = "This address shows nothing: it is not complete, or its time is over. Ask for another one."
        return HTMLResponse(render_notice("Nothing here", sentence, (), {}), 404, headers=PAGE_HEADERS)

    def _opened_link(self, path: str, table: str | None) -> Asked | None:
        """The key is looked for each time: it may have been made, or deleted, since."""
        if self.reader is None or self.home is None:
            return None
        key = read_link_key(self.home)
        return opened_link(path, table, key, self.reader) if key is not None else None

    def _notice(self, status: int, title: str, sentence: str, around: Mapping[str, Any]) -> Response:
        text = sentence[:1].upper() + sentence[1:]
        return HTMLResponse(render_notice(title, text, self.pages, around), status, headers=PAGE_HEADERS)


def _of_tenant(found: Asked, reader: Reader) -> Response:
    """Its files say of whom they are, and have its address, which is secret, neither in them nor in their names."""
    parameters, stamp = found.parameters(reader.clock()), f"Read {reader.clock():%Y-%m-%d %H:%M:%S} UTC"
    if found.ending:
        of_whom = replace(found, path=f"usage/{found.values['tenant']}")
        return _file(of_whom, reader, parameters, f"Usage of {found.values['tenant']}. {stamp}")
    with reader.books() as books:
        read = [(table, books.read(table, parameters)) for table in found.page.tables]
    return HTMLResponse(render_page(found, read, (), {"stamp": stamp}), headers=PAGE_HEADERS)


def _file(found: Asked, reader: Reader, parameters: Mapping[str, Any], stamp: str) -> Response:
    """The table that is asked for, or a workbook of all. Raises ``BusyError``."""
    if found.ending == CSV:
        table = next((each for each in found.page.tables if each.name == found.table), found.page.tables[0])
        return _csv(found, table, reader, parameters)
    tables = [(each, reader.stream(each, parameters)) for each in found.page.tables]
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{_file_name(found)}.xlsx"'}
    return Response(as_workbook(tables, stamp), media_type=WORKBOOK, headers=headers)


def _csv(found: Asked, table: Table, reader: Reader, parameters: Mapping[str, Any]) -> Response:
    """Its first lines are there before the answer begins: after that a failure can only cut it off."""
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{_file_name(found)}-{table.name}.csv"'}
    lines = as_csv(table, reader.stream(table, parameters))
    whole = chain([next(lines)], lines)
    return StreamingResponse(whole, media_type="text/csv; charset=utf-8", headers=headers)


def _file_name(found: Asked) -> str:
    """A name that every file system takes: of what, and by which filters."""
    parts = [each for each in found.path.strip("/").split("/") if each] or ["today"]
    parts += [part for each in found.given.items() for part in each]
    named = "-".join("".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in part) for part in parts)
    return named[:FILE_NAME_MAX]
