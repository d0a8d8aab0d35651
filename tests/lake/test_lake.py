"""The lake, as DuckDB reads it: another library than the one that writes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import duckdb_ext
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.ingest.rules.location import ObjectLocation
from fridge_pipeline.installation import Ledger
from fridge_pipeline.lake import assets
from fridge_pipeline.lake import write_lake as lake_writer
from fridge_pipeline.lake.write_lake import AS_OF, DAILY, LakeNotWrittenError, Written, write_lake
from fridge_pipeline.settings import read_settings
from tests.ingest.object_store.s3_server import KEY_ID, running_s3
from tests.invoices.conftest import InvoicedBooks
from tests.pipeline import Pipeline, readings

EXTENSION = next(Path(duckdb_ext.__path__[0]).rglob("delta.duckdb_extension"))

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "the lake"


@cache
def reader() -> duckdb.DuckDBPyConnection:
    """It remembers nothing of a lake; to load the extension takes ten times as long as to read one."""
    connection = duckdb.connect(config={"enable_external_file_cache": False})
    connection.load_extension(str(EXTENSION))
    return connection


@pytest.fixture
def ask(lake: Path) -> Ask:
    """What DuckDB answers; each table of the lake is a view of it."""

    def answer(query: str) -> list[tuple[Any, ...]]:
        with reader().cursor() as connection:
            for table in (path.name for path in lake.iterdir()):
                connection.execute(f"create temporary view {table} as select * from delta_scan('{lake / table}')")
            return connection.execute(query).fetchall()

    return answer


@pytest.fixture
def books(pipeline: Pipeline) -> InvoicedBooks:
    """Two hours of one day and one of the day before, delivered; and an invoice that bills less."""
    # At noon: with each new day more is written.
    pipeline.clock.now = pipeline.clock.now.replace(hour=12, minute=0, second=0) - timedelta(days=1)
    day = pipeline.clock.now.replace(hour=0) - timedelta(days=2)
    books = InvoicedBooks(pipeline, day)
    for number, rows in ((3, 5), (4, 7), (-20, 2)):
        books.use(number, rows)
        pipeline.run_models(books.hour(number))
    books.bill(9)
    books.read_days()
    books.compare()
    pipeline.clock.advance(hours=2)
    return books


def write(pipeline: Pipeline, lake: Path) -> dict[str, Written]:
    return {written.table: written for written in write_lake(pipeline.database, lake, pipeline.clock)}


def content(lake: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table by the day, whichever was written first."""
    with reader().cursor() as connection:
        return {
            table: connection.execute(f"select * from delta_scan('{lake / table}') order by all").fetchall()
            for table in DAILY
        }


def files(lake: Path, table: str, day: str) -> set[str]:
    return {path.name for path in (lake / table / f"day={day}").glob("*.parquet")}


def test_a_foreign_reader_finds_the_numbers_of_the_books(books: InvoicedBooks, lake: Path, ask: Ask) -> None:
    written = write(books.pipeline, lake)
    assert set(written) == {*DAILY, "invoices"}
    per_hour = "select tenant_id, meter, hour, quantity from {} order by meter, hour"
    in_books = books.pipeline.rows(per_hour.format("fridge.usage_hourly"))
    assert ask(per_hour.format("usage")) == in_books
    assert [int(quantity) for *_, quantity in in_books] == [1, 1, 1, 2, 5, 7]
    assert ask("select count(*), sum(quantity) from ledger where is_counted_by_stripe") == [(6, 17)]
    assert ask(
        "select sum(usage_quantity), sum(stated_quantity), count(*) from tie_out where meter = 'temperature_readings'"
    ) == [(14, 14, 3)]
    invoiced = "select invoice_id, usage_quantity, invoice_quantity, difference, cause from {} order by 2, 5, 1"
    assert ask(invoiced.format("invoices")) == books.pipeline.rows(invoiced.format("fridge.invoice_tie_out"))
    assert ask("select day, count(*) from usage group by 1 order by 1") == [
        ((books.start - timedelta(days=1)).date(), 2),
        (books.start.date(), 4),
    ]


def test_a_restated_hour_is_replaced_and_the_other_days_are_left_alone(
    books: InvoicedBooks, lake: Path, ask: Ask
) -> None:
    pipeline = books.pipeline
    write(pipeline, lake)
    other = f"{(books.start - timedelta(days=1)).date()}"
    before = files(lake, "ledger", other)
    pipeline.clock.advance(hours=2)
    pipeline.land(books.hour(3), "late.csv", readings("cohoes", books.hour(3), 2, 10, start=50))
    pipeline.run(books.hour(3))
    pipeline.run_models(books.hour(3))
    written = write(pipeline, lake)
    assert {name: written[name].days for name in DAILY} == dict.fromkeys(DAILY, 1)
    counted = "select meter, quantity from ledger where is_counted_by_stripe and hour = '{}' order by meter"
    assert ask(counted.format(books.hour(3).start)) == [("active_sensors", 3), ("temperature_readings", 25)]
    assert ask("select max(n) from (select count(*) as n from usage group by tenant_id, meter, hour)") == [(1,)]
    assert ask("select sum(usage_quantity) from tie_out where meter = 'temperature_readings'") == [(34,)]
    assert files(lake, "ledger", other) == before != set()


@pytest.mark.parametrize(
    "decision",
    [
        "update fridge.meter_event_adjustments set status = 'accepted', first_sent_at = %(now)s, settled_at = %(now)s",
        "insert into fridge.billing_starts (bill_from, set_at) values ('infinity', %(now)s)",
    ],
    ids=["a cancellation, by a later try", "from when on usage is billed"],
)
def test_whatever_was_decided_a_lake_that_was_kept_up_is_the_one_that_would_be_written_now(
    books: InvoicedBooks, lake: Path, tmp_path: Path, decision: str
) -> None:
    pipeline, hour = books.pipeline, books.hour(3)
    pipeline.land(hour, "unmapped.csv", readings("albany", hour, 1, 4))
    pipeline.run(hour)
    pipeline.rows(
        "insert into fridge.meter_event_adjustments (identifier, staged_at, run_id)"
        " select identifier, %s, 'r' from fridge.meter_events where hour = %s returning 1",
        pipeline.clock(),
        hour.start,
    )
    pipeline.clock.advance(hours=1)
    pipeline.reconcile(DayRange(day_of(hour), day_of(hour)))
    pipeline.run_models(hour)
    pipeline.clock.advance(hours=2)
    write(pipeline, lake)
    before = content(lake)
    pipeline.clock.advance(hours=3)
    with pipeline.database.connect() as connection:
        connection.execute(decision.encode(), {"now": pipeline.clock()})
    write(pipeline, lake)
    write(pipeline, tmp_path / "another")
    assert content(lake) == content(tmp_path / "another") != before


def test_a_table_of_another_type_is_refused_before_a_number_is_cut_and_written_anew_once_it_is_gone(
    books: InvoicedBooks, lake: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = books.pipeline
    write(pipeline, lake)
    before = ask("select quantity from usage order by all")
    rows_of = lake_writer._rows  # what a later release may give

    def halved(*what: Any, **values: Any) -> pa.Table:
        found = rows_of(*what, **values)
        if what[1] != DAILY["usage"]:
            return found
        number = found.column_names.index("quantity")
        return found.set_column(number, "quantity", pc.divide(found["quantity"].cast(pa.float64()), 2.0))

    monkeypatch.setattr(lake_writer, "_rows", halved)
    pipeline.clock.advance(hours=2)
    pipeline.land(books.hour(3), "late.csv", readings("cohoes", books.hour(3), 1, 3, start=50))
    pipeline.run(books.hour(3))
    pipeline.run_models(books.hour(3))
    with pytest.raises(LakeNotWrittenError, match="quantity is of another type there than in this release"):
        write(pipeline, lake)
    assert ask("select quantity from usage order by all") == before
    shutil.rmtree(lake / "usage")
    write(pipeline, lake)
    assert max(ask("select quantity % 1 from usage")) == (0.5,)


@pytest.mark.parametrize("said", ["soon", "2026-01-31T00:00:00", "9999-01-01T00:00:00+00:00", ""])
def test_a_time_in_the_lake_that_cannot_be_is_nobodys_and_everything_is_written(
    books: InvoicedBooks, lake: Path, tmp_path: Path, said: str
) -> None:
    pipeline = books.pipeline
    write(pipeline, lake)
    for table in DAILY:
        nothing = DeltaTable(lake / table).to_pyarrow_table().slice(0, 0)
        told = CommitProperties(custom_metadata={AS_OF: said})
        write_deltalake(lake / table, nothing, mode="append", partition_by=["day"], commit_properties=told)
    pipeline.clock.advance(hours=2)
    pipeline.land(books.hour(3), "late.csv", readings("cohoes", books.hour(3), 2, 10, start=50))
    pipeline.run(books.hour(3))
    pipeline.run_models(books.hour(3))
    write(pipeline, lake)
    write(pipeline, tmp_path / "another")
    assert content(lake) == content(tmp_path / "another")


def test_what_has_not_changed_is_not_written_again_and_once_a_day_what_time_may_have_changed_is(
    books: InvoicedBooks, lake: Path
) -> None:
    pipeline = books.pipeline
    first = write(pipeline, lake)
    pipeline.clock.now = pipeline.clock.now.replace(hour=0, minute=30) + timedelta(days=1)
    second = write(pipeline, lake)
    assert {name: second[name].days for name in DAILY} == dict.fromkeys(DAILY, 37)
    pipeline.clock.advance(hours=2)
    third = write(pipeline, lake)
    assert {name: (written.rows, written.version) for name, written in third.items()} == {
        name: (0, written.version) for name, written in second.items()
    }
    assert first["invoices"].version == second["invoices"].version


def test_a_run_that_ended_half_way_is_made_good_by_the_next(
    books: InvoicedBooks, lake: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fridge_pipeline.lake.write_lake.DAYS_AT_A_TIME", 1)
    running = write_lake(books.pipeline.database, lake, books.pipeline.clock)
    assert next(running).table == "usage"
    del running
    (lake / "ledger").write_text("in the way")
    with pytest.raises(LakeNotWrittenError, match="the next run makes up for this one"):
        write(books.pipeline, lake)
    (lake / "ledger").unlink()
    write(books.pipeline, lake)
    assert ask("select count(*), sum(quantity) from ledger where is_counted_by_stripe") == [(6, 17)]


def test_a_bucket_holds_the_same_and_no_key_is_in_what_is_said_of_one_that_does_not_answer(
    books: InvoicedBooks, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ObjectLocation("s3://bucket/the lake")
    with running_s3(tmp_path, "nobodys") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        server.create("bucket")
        list(write_lake(books.pipeline.database, place, books.pipeline.clock))
        books.pipeline.clock.advance(hours=2)
        books.use(5, rows=1)
        list(write_lake(books.pipeline.database, place, books.pipeline.clock))
        for key, body in server.objects("bucket").items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(body)
    assert ask("select count(*), sum(quantity) from ledger where is_counted_by_stripe") == [(8, 19)]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(LakeNotWrittenError) as refused:
        list(write_lake(books.pipeline.database, place, books.pipeline.clock))
    assert KEY_ID not in str(refused.value)
    assert refused.value.__suppress_context__, "what the store's client says stays out of logs"


def test_the_asset_writes_it_and_says_how_much(books: InvoicedBooks, lake: Path, ask: Ask) -> None:
    settings = read_settings({"FRIDGE_LAKE_URI": lake.as_uri()})
    ledger = Ledger(settings, books.pipeline.database, books.pipeline.clock)
    result = dg.materialize([assets.lake], resources={"ledger": ledger})
    told = result.asset_materializations_for_node("lake")[0].metadata
    assert told["ledger_rows_written"].value == 6
    assert ask("select count(*) from ledger") == [(6,)]


def test_without_a_place_nothing_of_it_is_shown() -> None:
    assert has_lake({}) == (False, False)
    assert has_lake({"FRIDGE_LAKE_URI": "s3://bucket/lake"}) == (True, True)


def has_lake(environment: dict[str, str]) -> tuple[bool, bool]:
    definitions = build_definitions(read_settings(environment))
    graph = definitions.resolve_asset_graph()
    return dg.AssetKey("lake") in graph.get_all_asset_keys(), any(
        schedule.name == "hourly_lake" for schedule in definitions.schedules or []
    )


def test_an_hour_is_looked_at_again_while_a_transaction_may_have_been_open(books: InvoicedBooks, lake: Path) -> None:
    write(books.pipeline, lake)
    books.pipeline.clock.advance(minutes=59)
    books.use(5, rows=1)
    books.pipeline.clock.advance(minutes=30)
    assert write(books.pipeline, lake)["ledger"].days == 1
    assert write(books.pipeline, lake)["ledger"].days == 1, "and once more, for what was not committed then"
