"""Neither the Stripe key nor the database password is in anything that a run leaves behind (law L11)."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline

KEY = f"sk_test_{secrets.token_hex(16)}"
PASSWORD = secrets.token_hex(16)
NEEDLES = (KEY.removeprefix("sk_test_"), PASSWORD)


def dsn_with_password(pipeline: Pipeline) -> str:
    parts = conninfo_to_dict(pipeline.database.dsn)
    return f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


def in_tables(dsn: str, needles: tuple[str, ...]) -> list[str]:
    """Every table of the database that holds one of the texts, in whatever column."""
    found = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 10
        for schema, table in tables:
            query = sql.SQL("select count(*) from {} as t where t::text ~ %s").format(sql.Identifier(schema, table))
            ((count,),) = connection.execute(query, ["|".join(needles)]).fetchall()
            if count:
                found.append(f"{schema}.{table}: {count} rows")
    return found


def in_files(folder: Path, needles: tuple[str, ...]) -> list[str]:
    """Every file below the folder that holds one of the texts."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(needle.encode() in path.read_bytes() for needle in needles)]


def test_key_and_password_of_a_whole_run_are_in_no_output_file_or_table(
    pipeline: Pipeline, run: Run, tmp_path: Path, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 3, 5)
    pipeline.land(hour, "b.csv.gz", b"not gzip")
    dsn = dsn_with_password(pipeline)
    password = str(conninfo_to_dict(dsn)["password"])
    needles = (NEEDLES[0], password)

    done = run(
        "bill", "--from", hour.key, "--to", hour.key,
        STRIPE_API_KEY=KEY, FRIDGE_DATABASE_URL=dsn, FRIDGE_PARTITIONS_START=hour.plus(-3).key,
    )  # fmt: skip

    assert pipeline.one("select count(*) from fridge.meter_events where status = 'accepted'") == 2
    assert (tmp_path / "home of fridge").exists()
    assert [needle for needle in needles if needle in done.stdout + done.stderr] == []
    assert in_files(tmp_path, needles) == []
    name = str(conninfo_to_dict(dsn)["dbname"])
    for database in (name, f"{name}_dagster"):
        assert in_tables(psycopg.conninfo.make_conninfo(dsn, dbname=database), needles) == []


def test_the_scan_sees_what_is_there(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.add_tenant(f"tenant {KEY}")
    (tmp_path / "some.log").write_text(f"refused: {KEY}")
    assert in_tables(pipeline.database.owned.dsn, NEEDLES) == [
        "fridge.tenant_changes: 1 rows",
        "fridge.tenants: 1 rows",
    ]
    assert in_files(tmp_path, NEEDLES) == [str(tmp_path / "some.log")]


@pytest.mark.parametrize(("given", "at"), [(f"{KEY}\u00e9", 41), (f"{KEY[:9]} {KEY[9:]}", 10)], ids=["accent", "blank"])
def test_a_key_with_a_character_that_no_key_has_is_refused_and_not_shown(run: Run, given: str, at: int) -> None:
    done = run("doctor", STRIPE_API_KEY=given)
    assert f"STRIPE_API_KEY: character {at} of 41 is in no Stripe key; copy the key" in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert NEEDLES[0][4:] not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "wrong", ["{start}@127.0.0.1:1/x", "{start}@[no host/x", "{start}%zz@h/x", "password={p} nonsense"]
)
def test_errors_about_a_wrong_database_url_show_no_password(run: Run, wrong: str) -> None:
    """PostgreSQL's own parser repeats what it cannot read."""
    dsn = wrong.format(start=f"postgresql://fridge:{PASSWORD}", p=PASSWORD)
    done = run("migrate", FRIDGE_DATABASE_URL=dsn, STRIPE_API_KEY=KEY)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert [needle for needle in NEEDLES if needle in done.stdout + done.stderr] == []


def test_errors_about_a_wrong_password_or_an_absent_stripe_show_no_secret(
    pipeline: Pipeline, run: Run, tmp_path: Path, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    span = ("--from", hour.key, "--to", hour.key)
    parts = conninfo_to_dict(pipeline.database.dsn)
    wrong = f"postgresql://{parts['user']}:{PASSWORD}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    for arguments, changed in (
        (("bill", *span), {"FRIDGE_DATABASE_URL": wrong}),
        (("stripe", "check"), {"STRIPE_API_BASE": "http://127.0.0.1:1"}),
    ):
        done = run(*arguments, STRIPE_API_KEY=KEY, **changed)
        assert done.returncode != 0
        assert [needle for needle in NEEDLES if needle in done.stdout + done.stderr] == []
    assert in_files(tmp_path, NEEDLES) == []


def test_a_key_that_stripe_refuses_is_in_no_text(
    pipeline: Pipeline, run: Run, tmp_path: Path, two_days_ago: datetime
) -> None:
    """Stripe's own answer to a wrong key repeats a part of it; ours repeats none."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 2)
    refused = f"xx_{NEEDLES[0]}"
    done = run(
        "bill", "--from", hour.key, "--to", hour.key,
        STRIPE_API_KEY=refused, FRIDGE_ALLOW_LIVE_STRIPE="yes", FRIDGE_PARTITIONS_START=hour.plus(-3).key,
    )  # fmt: skip
    assert done.returncode == 1
    assert NEEDLES[0] not in done.stdout + done.stderr
    assert in_files(tmp_path, NEEDLES) == []
    assert in_tables(pipeline.database.owned.dsn, NEEDLES) == []
