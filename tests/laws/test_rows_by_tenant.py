"""L3 per tenant: the rows of every landing file, by tenant, add up to the file, whatever became of them."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.connection import Database
from fridge_pipeline.ingest import load, tallies
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load_transaction import ContendedLoadError, LoadTransaction
from tests.pipeline import Clock, Pipeline, as_frame, readings
from tests.sandbox_process import SandboxProcess, fresh_name

HEADER = "tenant_id,sensor_id,recorded_at,temperature_c"

OFF = """
    select landing_files.path from fridge.landing_files
    left join fridge.landing_file_tenants as tenants using (file_id)
    group by landing_files.file_id
    having (landing_files.row_count, landing_files.inserted_count, landing_files.duplicate_count,
        landing_files.rejected_count) <> (coalesce(sum(tenants.row_count), 0), coalesce(sum(tenants.inserted_count), 0),
        coalesce(sum(tenants.duplicate_count), 0), coalesce(sum(tenants.rejected_count), 0))
"""

#: Counts of a tenant: rows, inserted, duplicates, rejected.
Counts = tuple[int, int, int, int]


def by_tenant(pipeline: Pipeline, name: str) -> dict[str | None, Counts]:
    """Tenant → what became of its rows in the file of this name."""
    found = pipeline.rows(
        "select tenant_id, row_count, inserted_count, duplicate_count, rejected_count"
        " from fridge.landing_file_tenants where file_id in"
        " (select file_id from fridge.landing_files where path like '%%/' || %s)",
        name,
    )
    return {tenant: tuple(counts) for tenant, *counts in found}


#: A row as (tenant, sensor, minute, what it is): few of each, so that rows meet within a file and across files.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "never imported", " spaced "]),
        st.integers(0, 2),
        st.integers(0, 5),
        st.sampled_from(["good"] * 6 + ["hot", "timeless", "no tenant", "blank tenant", "short", "long id"]),
    ),
    max_size=25,
)
FILES = st.lists(st.tuples(ROWS, st.sampled_from(["csv", "csv.gz", "parquet", "cut.csv.gz"])), min_size=1, max_size=6)


def line(hour: Hour, row: tuple[str, int, int, str]) -> str:
    """A row as it stands in a csv file."""
    tenant, sensor, minute, kind = row
    at = f"{hour.start + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "good": f"{tenant},s{sensor},{at},4.5",
        "hot": f"{tenant},s{sensor},{at},900",
        "timeless": f"{tenant},s{sensor},noon,4.5",
        "no tenant": f",s{sensor},{at},4.5",
        "blank tenant": f"  ,s{sensor},{at},4.5",
        "short": f"{tenant},s{sensor},{at}",
        "long id": f"{'x' * 501},s{sensor},{at},4.5",
    }[kind]


def land(pipeline: Pipeline, hour: Hour, name: str, rows: list[tuple[str, int, int, str]], kind: str) -> None:
    """Delivers the rows; in parquet the good ones and the hot ones, cut off in the last."""
    if kind == "parquet":
        celsius = {"good": 4.5, "hot": 900.0}
        kept = [
            (tenant, f"s{sensor}", hour.start + timedelta(minutes=minute), celsius[what])
            for tenant, sensor, minute, what in rows
            if what in celsius
        ]
        path = pipeline.landing / hour.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        as_frame(kept or readings("ada", hour, 1, 1)).write_parquet(path)
        return
    body = "\n".join([HEADER, *(line(hour, row) for row in rows), ""]).encode()
    if kind != "csv":
        body = gzip.compress(body)
    pipeline.land(hour, name, body[:-9] if kind == "cut.csv.gz" else body)


@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(files=FILES)
def test_the_rows_of_every_file_by_tenant_add_up_to_the_file_and_each_tenant_gets_its_own(
    database: Database,
    stripe_sandbox: SandboxProcess,
    tmp_path: Path,
    two_days_ago: datetime,
    files: list[tuple[list[tuple[str, int, int, str]], str]],
) -> None:
    """Duplicates in a file and across files, rejected rows of tenants known or not, and files cut off."""
    landing, work = tmp_path / "landing", tmp_path / fresh_name("work")
    pipeline = Pipeline(database, stripe_sandbox, landing, work, Clock(two_days_ago))
    hour = Hour(two_days_ago)
    before = pipeline.one("select coalesce(max(file_id), 0) from fridge.landing_files")
    for number, (rows, kind) in enumerate(files):
        land(pipeline, hour.plus(number % 2), f"{fresh_name('file')}.{kind}", rows, kind)
    pipeline.load(hour, hour.plus(1))

    assert pipeline.rows(OFF) == []
    told = pipeline.rows(
        "select tenant_id, sum(inserted_count), sum(rejected_count) from fridge.landing_file_tenants"
        " where file_id > %s group by tenant_id",
        before,
    )
    stored = pipeline.rows("select tenant_id, count(*) from fridge.readings where file_id > %s group by 1", before)
    refused = pipeline.rows(
        "select tenant_id, count(*) from fridge.rejected_readings where file_id > %s group by 1", before
    )
    assert {tenant: count for tenant, count, _ in told if count} == dict(stored)
    assert {tenant: count for tenant, _, count in told if count} == dict(refused)
    unreadable = Counter(
        what in {"no tenant", "blank tenant", "short", "long id"}
        for rows, kind in files
        for *_, what in rows
        if kind in {"csv", "csv.gz"}
    )
    assert dict(refused).get(None, 0) >= unreadable[True]


def test_each_tenant_of_a_file_is_told_what_became_of_each_of_its_rows(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("ada", hour, 2, 3)
    rows = [
        *(f"ada,s0,{hour.start:%FT%TZ},4.5" for _ in range(2)),
        f"ada,s9,{hour.start:%FT%TZ},4.5",
        f"ada,s9,{hour.start:%FT%TZ},4.5",
        f"ada,s9,{hour.start:%FT%TZ},hot",
        f"never imported,s9,{hour.start:%FT%TZ},hot",
        f"never imported,,{hour.start:%FT%TZ},4.5",
        f",s9,{hour.start:%FT%TZ},4.5",
        "ada,s9",
    ]
    pipeline.land(hour, "b.csv", "\n".join([HEADER, *rows, ""]).encode())
    pipeline.load(hour)
    assert by_tenant(pipeline, "a.csv") == {"ada": (6, 6, 0, 0)}
    assert by_tenant(pipeline, "b.csv") == {"ada": (5, 1, 3, 1), "never imported": (2, 0, 0, 2), None: (2, 0, 0, 2)}
    assert pipeline.rows("select line, tenant_id from fridge.rejected_readings order by line") == [
        (6, "ada"),
        (7, "never imported"),
        (8, "never imported"),
        (9, None),
        (10, None),
    ]


@pytest.mark.parametrize("at_once", [1, 500])
def test_the_rows_by_tenant_do_not_depend_on_portions_and_on_files_at_once(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(load, "FILES_AT_ONCE", at_once)
    monkeypatch.setattr(tallies, "SUMS_MAX", 1)
    hour = Hour(two_days_ago)
    for number in range(6):
        rows = [row for tenant in range(4) for row in readings(f"t{tenant}", hour, 3, 20 + number, start=tenant)]
        path = pipeline.landing / hour.folder / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        as_frame(rows).write_parquet(path)
    pipeline.load(hour)
    assert pipeline.rows(OFF) == []
    assert by_tenant(pipeline, "0.parquet") == {f"t{tenant}": (60, 60, 0, 0) for tenant in range(4)}
    assert pipeline.rows(
        "select tenant_id, sum(inserted_count)::int from fridge.landing_file_tenants group by 1 order by 1"
    ) == pipeline.rows("select tenant_id, count(*) from fridge.readings group by 1 order by 1")


def test_a_load_that_another_got_ahead_of_counts_each_tenant_once(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt fails after it has stored; the second one begins its tallies anew."""
    hour, store = Hour(two_days_ago), LoadTransaction.store_tenants
    failed: list[bool] = []

    def fail_once(transaction: LoadTransaction, tenants: pl.DataFrame) -> None:
        store(transaction, tenants)
        if not failed:
            failed.append(True)
            raise ContendedLoadError("another load got ahead")

    monkeypatch.setattr(LoadTransaction, "store_tenants", fail_once)
    pipeline.land(hour, "a.csv", readings("ada", hour, 2, 3) * 2 + readings("bob", hour, 1, 4))
    pipeline.load(hour)
    assert failed
    assert by_tenant(pipeline, "a.csv") == {"ada": (12, 6, 6, 0), "bob": (4, 4, 0, 0)}


def test_a_withdrawn_file_keeps_its_rows_by_tenant(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("ada", hour, 2, 3))
    pipeline.load(hour)
    withdraw_file(
        pipeline.database, LocalLanding(pipeline.landing), f"{hour.folder}/a.csv", "bench", "ada", pipeline.clock
    )
    assert by_tenant(pipeline, "a.csv") == {"ada": (6, 6, 0, 0)}


def put_on_record(connection: psycopg.Connection, counts: Counts | None) -> None:
    """A file of 14 rows, and before it the counts of two tenants with half of it each, or as they are given."""
    for tenant in ("ada", "bob") if counts else ():
        values = [tenant, *(counts or ())]
        connection.execute("insert into fridge.landing_file_tenants values (1, %s, %s, %s, %s, %s)", values)
    connection.execute(
        "insert into fridge.landing_files"
        " values (1, 'p', now(), 'h', '', 1, 14, 10, 2, 2, 'loaded', null, null, 'r', now())"
    )


@pytest.mark.parametrize("counts", [(7, 5, 2, 0), (6, 5, 1, 0), None])
def test_postgresql_itself_refuses_a_file_that_its_tenants_do_not_add_up_to(
    database: Database, counts: Counts | None
) -> None:
    with (
        database.connect() as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="landing file p has 14 rows"),
    ):
        put_on_record(connection, counts)


def test_postgresql_itself_refuses_to_add_a_tenant_to_a_file_that_is_on_record(database: Database) -> None:
    with database.connect() as connection:
        put_on_record(connection, (7, 5, 1, 1))
        with pytest.raises(psycopg.errors.RestrictViolation, match="landing file 1 is on record"):
            connection.execute("insert into fridge.landing_file_tenants values (1, 'cid', 1, 1, 0, 0)")


@pytest.mark.parametrize(
    "change",
    [
        "update fridge.landing_file_tenants set tenant_id = 'x'",
        "delete from fridge.landing_file_tenants",
        "truncate fridge.landing_file_tenants",
    ],
)
def test_rows_by_tenant_are_never_edited_and_never_deleted(
    pipeline: Pipeline, two_days_ago: datetime, change: str
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("ada", hour, 1, 1))
    pipeline.load(hour)
    with pipeline.database.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(change)
    assert by_tenant(pipeline, "a.csv") == {"ada": (1, 1, 0, 0)}
