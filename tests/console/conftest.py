"""An installation with two months of books, and the console that shows them, signed in as finance."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.console.all_pages import all_pages
from fridge_pipeline.console.application import REPORTS, Console
from fridge_pipeline.console.read_tables import Reader
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import FINANCE
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.invoice_record import Reading, add_invoice, keep_prices
from fridge_pipeline.orchestration.own_pages import OwnNames
from fridge_pipeline.stripe.rules.invoice import Invoice, InvoiceLine, InvoiceStatus
from tests.conftest import fresh_database
from tests.finance.evidence.books import FEBRUARY, HOURS, JANUARY, build, close, fill, made
from tests.invoices.shapes import PRICES
from tests.pipeline import Clock, Pipeline, readings
from tests.sandbox_process import SandboxProcess
from tests.world import World

URL = "http://127.0.0.1"


@dataclass(frozen=True)
class Shown:
    """The console, what it is of, and whoever asks it."""

    console: Console
    books: Pipeline
    home: Path

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        """What is answered to a request."""

        async def answer() -> Response:
            async with AsyncClient(transport=ASGITransport(self.console), base_url=URL) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(answer())

    def table(self, path: str, name: str = "") -> list[dict[str, str]]:
        """The rows of a table as CSV has them."""
        path, _, query = path.partition("?")
        answer = self.ask(f"{path}.csv?{query}{f'&table={name}' if name else ''}")
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.fixture(scope="module")
def shown(
    world: World,
    shared_sandbox: SandboxProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shown]:
    """Made once for a file: nothing that reads changes it."""
    home = tmp_path_factory.mktemp("console")
    shared_sandbox.reset()
    with fresh_database(world.address) as database:
        clock = Clock(datetime.now(UTC))
        books = Pipeline(database, shared_sandbox, home / "landing", home / "work", clock)
        _keep_books(books, home)
        console = _console(world, books, home)
        yield Shown(console, books, home)


@pytest.fixture
def empty(pipeline: Pipeline, world: World, tmp_path: Path) -> Shown:
    """An installation on its first day: nothing has come, and nothing was compared."""
    build(pipeline)
    return Shown(_console(world, pipeline, tmp_path), pipeline, tmp_path)


def _console(world: World, books: Pipeline, home: Path) -> Console:
    login = world.signed_in(FINANCE)
    finance = Database(login.dsn(str(conninfo_to_dict(books.database.dsn)["dbname"])))
    return Console(
        pages=all_pages(home, REPORTS),
        reader=Reader(finance, books.clock, waited_seconds=60),
        names=OwnNames.of("127.0.0.1"),
        program="fridge_pipeline 0, source 0",
        home=home,
        reports=home / "reports",
    )


def _keep_books(books: Pipeline, home: Path) -> None:
    """January closed, packed and changed since; February with an invoice, a tenant without a customer, and a report."""
    fill(books)
    books.reconcile(DayRange(HOURS[0].start.date(), HOURS[1].start.date()))
    _invoice(books)
    close(books, JANUARY)
    (home / "evidence").mkdir()
    made(books, JANUARY, home / "evidence" / "2026-01.zip")
    books.land(HOURS[1], "after-closing.csv", readings("cohoes", HOURS[1], 1, 5, start=70))
    books.land(HOURS[2], "nobodys.csv", readings("<b>nobody</b>", HOURS[2], 2, 4))
    books.run(HOURS[1], HOURS[2])
    build(books)
    folder = home / "reports" / FEBRUARY.key
    folder.mkdir(parents=True)
    (folder / f"usage-{FEBRUARY.key}.html").write_text("<title>The report</title>", encoding="utf-8")


def _invoice(books: Pipeline) -> None:
    line = InvoiceLine("il_1", "unit", "sub_1", "si_1", JANUARY.start, JANUARY.end, Decimal(7), 350)
    invoice = Invoice(
        invoice_id="in_1",
        customer_id=books.customers["cohoes"],
        status=InvoiceStatus.PAID,
        billing_reason="subscription_cycle",
        currency="usd",
        created_at=JANUARY.end,
        finalized_at=books.clock(),
        lines=(line,),
    )
    reading = Reading(books.clock(), "test")
    with books.database.connect() as connection, connection.transaction():
        keep_prices(connection, PRICES.values(), {}, reading)
        add_invoice(connection, invoice, reading)
    compare_invoices(books.as_run())
