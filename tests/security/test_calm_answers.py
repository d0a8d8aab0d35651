"""What a web server of ours answers when something behind it fails: in words, at once, and nothing of the error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import psycopg
import pytest
from httpx import ASGITransport, AsyncClient, Response

from fridge_pipeline.console.application import PAGE_HEADERS
from fridge_pipeline.console.frame import Row, Table
from fridge_pipeline.console.read_tables import Books, Reader
from fridge_pipeline.console.tenant_link import KEY_FILE, make_link_key
from fridge_pipeline.database.connection import Database, DatabaseEncodingError, DatabaseUnreachableError
from tests.console.conftest import URL, Shown, shown  # noqa: F401 # pytest finds it here

#: What an error may hold, and no answer does.
INNER = "secret-of-the-server"

#: What a database can say instead of rows: away, in recovery, out of disk, of connections, of time, of another version.
FAILURES: tuple[Exception, ...] = (
    DatabaseUnreachableError(f"PostgreSQL at 127.0.0.1:1/{INNER}: refused"),
    DatabaseEncodingError(INNER),
    psycopg.errors.QueryCanceled(INNER),
    psycopg.errors.UndefinedTable(INNER),
    psycopg.errors.InsufficientPrivilege(INNER),
    psycopg.errors.ConfigurationLimitExceeded(INNER),
    psycopg.errors.SerializationFailure(INNER),
    psycopg.errors.DiskFull(INNER),
    psycopg.errors.DataCorrupted(INNER),
    psycopg.errors.IdleInTransactionSessionTimeout(INNER),
    psycopg.InterfaceError(INNER),
)


@pytest.fixture
def link(shown: Shown) -> str:  # noqa: F811
    """The address of a tenant's own page."""
    return make_link_key(shown.home).address("cohoes", shown.books.clock() + timedelta(days=1))


def paths(link: str) -> list[str]:
    return ["/", "/tenants", "/months/2026-01", "/tenants.csv", "/tenants.xlsx", link, f"{link}.csv"]


def is_calm(answer: Response, status: int = 503) -> bool:
    told = {name.lower() for name in PAGE_HEADERS} <= set(answer.headers)
    return answer.status_code == status and told and not any(each in answer.text for each in (INNER, "Traceback"))


@contextmanager
def failing(where: str, error: Exception) -> Iterator[None]:
    """Sessions that cannot be had, statements that fail, or rows that end."""

    def fails(*_: object, **__: object) -> object:
        raise error

    owner = Reader if where == "connection" else Books
    with patch.object(owner, where, fails):
        yield


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["connection", "read"])
def test_a_page_of_the_console_whose_database_fails_is_a_calm_503_for_finance_and_tenants_alike(
    shown: Shown,  # noqa: F811
    link: str,
    error: Exception,
    where: str,
) -> None:
    pages = paths(link) if where == "connection" else ["/", "/tenants", link]
    with failing(where, error):
        answers = {path: shown.ask(path) for path in pages}
    assert {
        path: (answer.status_code, answer.text[:300]) for path, answer in answers.items() if not is_calm(answer)
    } == {}
    assert "fridge migrate" not in answers[link].text, "a tenant can do nothing about it"
    assert shown.ask(link).status_code == 200


def test_a_database_that_is_not_there_is_a_calm_503_on_every_page(shown: Shown, link: str) -> None:  # noqa: F811
    nobody = Database(f"postgresql://fridge_finance:{INNER}@127.0.0.1:1/fridge")
    away = replace(shown, console=replace(shown.console, reader=Reader(nobody, shown.books.clock)))
    for path in paths(link):
        answer = away.ask(path)
        assert is_calm(answer), (path, answer.status_code)
        assert "127.0.0.1:1" not in answer.text


def test_a_key_of_links_that_others_can_read_opens_nothing_and_is_told_calmly(shown: Shown, link: str) -> None:  # noqa: F811
    key = shown.home / KEY_FILE
    key.chmod(0o644)
    try:
        answer = shown.ask(link)
    finally:
        key.chmod(0o600)
    assert is_calm(answer)
    assert str(shown.home) not in answer.text
    assert shown.ask(link).status_code == 200


def test_a_file_whose_rows_end_early_is_no_whole_file(shown: Shown) -> None:  # noqa: F811
    """Whoever fetches it must not take the first rows for all."""

    async def begun(path: str) -> Response:
        async with AsyncClient(transport=ASGITransport(shown.console), base_url=URL) as client:
            return await client.get(path)

    def after(rows_read: int) -> Callable[..., Iterator[Row]]:
        original = Reader.stream

        def stream(reader: Reader, table: Table, parameters: Mapping[str, object]) -> Iterator[Row]:
            found = list(original(reader, table, parameters))
            yield from (found * rows_read)[:rows_read]
            raise DatabaseUnreachableError(INNER)

        return stream

    with patch.object(Reader, "stream", after(1)):
        assert is_calm(asyncio.run(begun("/tenants.csv")))
    with patch.object(Reader, "stream", after(5_000)), pytest.raises(DatabaseUnreachableError):
        asyncio.run(begun("/tenants.csv"))
