"""The SQL models in the database: made from their files, filled when they are run, tested by what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.check_models import check_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables
from fridge_pipeline.database.make_models import make_models
from fridge_pipeline.database.models import Severity, read_models, read_sources
from fridge_pipeline.settings import MODELS_FOLDER
from tests.database.models.folder import write_models
from tests.pipeline import Pipeline

NOW = datetime(2026, 2, 1, tzinfo=UTC)
FIRST = Hour.from_key("2026-01-01-00:00")

TENANTS = "select tenant_id, name from fridge.tenants"
HOURS = """select distinct
    date_trunc('hour', opened_at) as hour, detail
from fridge.exceptions
"""
DESCRIBED = """  - name: tenants_as_view
    description: One row per tenant.
    example: a row.
    columns: {tenant_id text: T., name text: N.}
  - name: tenants_as_table
    description: One row per tenant.
    unique: [tenant_id]
    example: a row.
    columns: {tenant_id text: T., name text: N.}
  - name: exception_hours
    description: One row per hour and detail.
    unique: [hour, detail]
    example: a row.
    columns: {hour timestamptz: H., detail text: D.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A view, a table and an increment."""
    texts = {
        "tenants_as_view": f"-- materialized: view\n{TENANTS}",
        "tenants_as_table": f"-- materialized: table\n{TENANTS}",
        "exception_hours": f"-- materialized: increment by hour\n{HOURS}",
    }
    return write_models(tmp_path, texts, DESCRIBED)


@pytest.fixture
def owner(database: Database) -> Database:
    """The database with the rights of the schema's owner."""
    return database.owned


def rows(database: Database, query: str, *parameters: object) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def fill(database: Database, folder: Path) -> None:
    fill_tables(database, read_models(folder), CATALOGUE)


def test_a_view_is_always_as_the_books_are_and_a_table_as_they_were_when_it_was_run(
    owner: Database, folder: Path
) -> None:
    make_models(owner, folder, NOW)
    rows(owner, "insert into fridge.tenants (tenant_id, name) values ('cohoes', 'C') returning 1")
    assert rows(owner, "select count(*) from fridge.tenants_as_view") == [(1,)]
    assert rows(owner, "select count(*) from fridge.tenants_as_table") == [(0,)]
    fill(owner, folder)
    rows(owner, "update fridge.tenants set name = 'New' returning 1")
    assert rows(owner, "select name from fridge.tenants_as_view") == [("New",)]
    assert rows(owner, "select name from fridge.tenants_as_table") == [("C",)]


def test_an_increment_makes_the_hours_of_its_run_anew_and_leaves_all_others_as_they_were(
    owner: Database, folder: Path
) -> None:
    make_models(owner, folder, NOW)
    for step in range(3):
        rows(
            owner,
            "insert into fridge.exceptions (kind, tenant_id, subject, detail, opened_at)"
            f" values ('unmapped', '', '{step}', 't{step}', '{FIRST.plus(step).start}') returning 1",
        )
    fill_hours(owner, read_models(folder), HourRange(FIRST, FIRST.plus(1)), CATALOGUE, lambda: NOW)
    assert rows(owner, "select detail from fridge.exception_hours order by 1") == [("t0",), ("t1",)]
    assert rows(owner, "select count(*) from fridge.model_hours where model = 'exception_hours'") == [(2,)]
    rows(owner, "update fridge.exceptions set detail = detail || 'x' returning 1")
    fill_hours(owner, read_models(folder), HourRange(FIRST.plus(1), FIRST.plus(2)), CATALOGUE, lambda: NOW)
    assert rows(owner, "select detail from fridge.exception_hours order by 1") == [("t0",), ("t1x",), ("t2x",)]


def test_rows_that_are_what_they_would_be_stay_as_they_are_and_a_changed_one_does_not(
    owner: Database, folder: Path
) -> None:
    """Nothing is noted of hours whose rows stay, so that what is kept of them is not made anew either."""
    make_models(owner, folder, NOW)
    rows(
        owner,
        "insert into fridge.exceptions (kind, tenant_id, subject, detail, opened_at)"
        f" values ('unmapped', '', '0', 't0', '{FIRST.start}') returning 1",
    )
    models, hour, later = read_models(folder), HourRange(FIRST, FIRST), NOW + timedelta(hours=1)
    fill_hours(owner, models, hour, CATALOGUE, lambda: NOW)
    built = "select detail, built_at from fridge.exception_hours join fridge.model_hours using (hour)"
    for forged, built_at in ((None, NOW), ("forged", later)):
        if forged:
            rows(owner, f"update fridge.exception_hours set detail = '{forged}' returning 1")
        fill_hours(owner, models, hour, CATALOGUE, lambda: later, only_changed=True)
        assert rows(owner, built) == [("t0", built_at)]


def test_hours_whose_rows_stay_are_compared_once_and_not_day_by_day(owner: Database, folder: Path) -> None:
    make_models(owner, folder, NOW)
    models, three_days = read_models(folder), HourRange(FIRST, FIRST.plus(71))
    made_at: list[datetime] = []

    def clock() -> datetime:
        """Asked for each day of which rows may be made anew."""
        made_at.append(NOW)
        return NOW

    fill_hours(owner, models, three_days, CATALOGUE, clock)
    assert len(made_at) == 3
    fill_hours(owner, models, three_days, CATALOGUE, clock, only_changed=True)
    assert len(made_at) == 3
    rows(owner, "delete from fridge.model_hours returning 1")
    fill_hours(owner, models, three_days, CATALOGUE, clock, only_changed=True)
    assert len(made_at) == 6
    rows(owner, "delete from fridge.model_hours where hour = %s returning 1", FIRST.plus(30).start)
    fill_hours(owner, models, three_days, CATALOGUE, clock, only_changed=True)
    assert len(made_at) == 7  # days of which all stays are not asked about again


def test_only_what_has_changed_is_made_anew_and_a_kept_table_keeps_its_rows(owner: Database, folder: Path) -> None:
    assert make_models(owner, folder, NOW) == ["exception_hours", "tenants_as_table"]
    assert make_models(owner, folder, NOW) == []
    rows(owner, "insert into fridge.tenants (tenant_id, name) values ('cohoes', 'C') returning 1")
    fill(owner, folder)
    path = folder / "marts" / "exception_hours.sql"
    path.write_text(path.read_text(encoding="utf-8") + "where kind <> 'refused'\n", encoding="utf-8")
    assert make_models(owner, folder, NOW) == ["exception_hours"]
    assert rows(owner, "select count(*) from fridge.tenants_as_table") == [(1,)]


def test_a_model_that_the_database_refuses_leaves_everything_as_it_was(owner: Database, folder: Path) -> None:
    make_models(owner, folder, NOW)
    broken = folder / "marts" / "tenants_as_view.sql"
    broken.write_text(
        "-- materialized: view\nselect tenant_id, nick_name as name from fridge.tenants", encoding="utf-8"
    )
    with pytest.raises(psycopg.errors.UndefinedColumn, match="nick_name"):
        make_models(owner, folder, NOW)
    assert rows(owner, "select count(*) from fridge.tenants_as_view") == [(0,)]


COLUMNS = """
    select a.attname, replace(replace(format_type(a.atttypid, null), 'timestamp with time zone', 'timestamptz'),
        'double precision', 'float8'), col_description(a.attrelid, a.attnum)
    from pg_attribute as a
    where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""


def test_columns_in_the_database_are_exactly_those_that_are_described_of_these_types_and_meanings(
    database: Database,
) -> None:
    tables = {model.name: model.columns for model in read_models(MODELS_FOLDER)}
    tables |= {source.table: source.columns for source in read_sources(MODELS_FOLDER).values()}
    for name, columns in tables.items():
        told = [(column, each.type, each.meaning) for column, each in columns.items()]
        assert rows(database, COLUMNS, f"fridge.{name}") == told, name


def test_each_kind_of_test_finds_the_rows_that_contradict_it(owner: Database, tmp_path: Path) -> None:
    text = """-- materialized: view
select a, b from (values (1, 'x'), (1, null), (2, 'y'), (3, 'z')) as numbers (a, b)"""
    parent = "-- materialized: view\nselect number from generate_series(1, 2) as numbers (number)"
    described = """  - name: parents
    description: One row per number.
    example: a row.
    columns: {number integer: N.}
  - name: numbers
    description: One row per a.
    unique: [a]
    not_null: [b]
    accepted_values: {b: [x, y]}
    relationships: {a: parents.number}
    data_tests: [{name: a_is_small, says: a is below 3., severity: warn}]
    example: a row.
    columns: {a integer: A., b text: B.}
"""
    write_models(tmp_path, {"numbers": text, "parents": parent}, described)
    (tmp_path / "data_tests").mkdir()
    small = tmp_path / "data_tests" / "a_is_small.sql"
    small.write_text("select a from fridge.numbers where a >= 3", encoding="utf-8")
    make_models(owner, tmp_path, NOW)
    found = {result.test.name: result for result in check_models(owner, read_models(tmp_path))}
    assert {name: result.count for name, result in found.items()} == {
        "unique": 1, "not_null": 1, "accepted_values_b": 1, "relationship_a": 1, "a_is_small": 1
    }  # fmt: skip
    assert found["unique"].examples == [{"a": 1, "copies": 2}]
    assert found["accepted_values_b"].examples == [{"b": "z", "copies": 1}]
    assert found["relationship_a"].examples == [{"a": 3, "copies": 1}]
    assert {name for name, result in found.items() if result.test.severity is Severity.WARN} == {"a_is_small"}


def test_a_table_refuses_a_row_twice_and_its_test_fails_once_the_index_that_refuses_it_is_gone(
    owner: Database, folder: Path
) -> None:
    make_models(owner, folder, NOW)
    fill(owner, folder)
    twice = "insert into fridge.tenants_as_table values ('cohoes', 'C'), ('cohoes', 'C') returning 1"
    with pytest.raises(psycopg.errors.UniqueViolation):
        rows(owner, twice)
    assert [result.test.model for result in check_models(owner, read_models(folder)) if not result.holds] == []
    with owner.connect() as connection:
        connection.execute("drop index fridge.tenants_as_table_key")
    (failed,) = [result for result in check_models(owner, read_models(folder)) if not result.holds]
    assert (failed.test.model, failed.examples) == ("tenants_as_table", [{"missing_key": "tenants_as_table_key"}])


def test_an_hour_of_dropped_readings_keeps_what_was_derived_of_it(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    pipeline.run_models(hour)
    later = (hour.start + timedelta(days=62)).replace(day=1, hour=0)
    with pipeline.database.owned.connect() as connection:
        connection.execute("insert into fridge.dropped_months values (%s, 0, 'a test', now())", [later])
    pipeline.run_models(hour)
    assert pipeline.one("select sum(readings) from fridge.sensor_hours") == 10


def test_the_hour_that_can_still_get_readings_that_are_kept_is_derived_as_it_is_counted(pipeline: Pipeline) -> None:
    """A reading may be five minutes after the end of its hour, and so in the month after the dropped one."""
    pipeline.clock.now = datetime(2026, 2, 1, 2, tzinfo=UTC)
    pipeline.advance()
    hour = Hour.from_key("2026-01-31-23:00")
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    pipeline.run_models(hour)
    with pipeline.database.owned.connect() as connection:
        connection.execute("insert into fridge.dropped_months values ('2026-01-01', 0, 'a test', now())")
    pipeline.land(hour, "late.csv", [("cohoes", "s0", hour.end + timedelta(minutes=2), 4.5)])
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.run_models(hour)
    assert pipeline.usage()["cohoes", hour.key][0] == 11
    assert pipeline.one("select sum(readings) from fridge.sensor_hours") == 11
