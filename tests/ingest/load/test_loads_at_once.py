"""Two loads store the same readings at once: the overtaken one loads again, and each file's counts are right."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Event

import polars as pl
import pytest
from adbc_driver_manager.dbapi import Connection

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest import load_files
from fridge_pipeline.ingest.load_transaction import LoadTransaction, load_transaction
from tests.pipeline import Pipeline, readings

EARLY = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
LATE = EARLY.plus(1)

#: A transaction waits for another one to end.
WAITING = "select count(*) from pg_locks where locktype = 'transactionid' and not granted"


def wait_until(pipeline: Pipeline, query: str) -> None:
    """Until the query finds something; a minute at most."""
    deadline = time.monotonic() + 60
    while not pipeline.one(query):
        assert time.monotonic() < deadline, query
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("plain_attempts", "attempts"),
    [(2, ["plain", "plain"]), (1, ["plain", "careful"]), (0, ["careful"])],
)
def test_a_load_that_is_overtaken_stores_what_is_left_and_goes_the_careful_way_only_after_two_attempts(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, plain_attempts: int, attempts: list[str]
) -> None:
    """The first load has stored and not committed; the second wants half of the same readings, and waits for it."""
    stored, go_on, seen = Event(), Event(), list[str]()
    store_tenants = LoadTransaction.store_tenants

    def hold_the_first(transaction: LoadTransaction, tenants: pl.DataFrame) -> None:
        if not stored.is_set():
            stored.set()
            assert go_on.wait(60)
        store_tenants(transaction, tenants)

    def begin(connection: Connection, *, careful: bool = False) -> AbstractContextManager[LoadTransaction]:
        seen.append("careful" if careful else "plain")
        return load_transaction(connection, careful=careful)

    monkeypatch.setattr(LoadTransaction, "store_tenants", hold_the_first)
    monkeypatch.setattr(load_files, "load_transaction", begin)
    monkeypatch.setattr(load_files, "PLAIN_ATTEMPTS", plain_attempts)
    pipeline.land(EARLY, "a.csv", readings("ada", EARLY, 4, 10))
    pipeline.land(LATE, "b.csv", readings("ada", EARLY, 4, 10, start=2) + readings("bob", LATE, 1, 3))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pipeline.load, EARLY)
        assert stored.wait(60)
        seen.clear()
        second = pool.submit(pipeline.load, LATE)
        wait_until(pipeline, WAITING)
        go_on.set()
        ((one,), (other,)) = first.result(), second.result()
    assert (one.inserted, one.duplicates) == (40, 0)
    assert (other.inserted, other.duplicates) == (23, 20)
    assert seen == attempts
    assert pipeline.one("select count(*) from fridge.stored_readings") == 63
    pipeline.count(EARLY, LATE)
    assert pipeline.usage() == {("ada", EARLY.key): (40, 4), ("ada", LATE.key): (20, 2), ("bob", LATE.key): (3, 1)}
