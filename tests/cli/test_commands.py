from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.main import fridge
from fridge_pipeline.commit import commit
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.instance import storage_dsn
from tests.console_script import Run
from tests.pipeline import Pipeline, readings


def test_the_version_is_that_of_the_installed_package_with_the_commit_it_was_made_of() -> None:
    told = CliRunner().invoke(fridge, ["--version"])
    assert (told.exit_code, told.output) == (0, f"fridge, version {version('fridge_pipeline')}, commit {commit()}\n")


def test_bill_runs_every_hour_from_key_to_key_and_ends_with_0_when_all_are_delivered_or_excepted(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    pipeline.land(first.plus(2), "b.csv", readings("nobody", first.plus(2), 1, 1))
    span = ("--from", first.key, "--to", first.plus(2).key)

    planned = json.loads(run("bill", *span, "--dry-run", "--json").stdout)
    assert planned["hours"] == planned["hours_to_load"] == [first.plus(step).key for step in range(3)]
    assert planned["runs"] == [f"{first.key}...{first.plus(2).key}"]
    assert "landing files of 3 hours are not loaded yet" in run("bill", *span, "--dry-run").stdout
    assert pipeline.one("select count(*) from fridge.landing_files") == 0

    for hours_run in (3, 0):
        done = run("bill", *span, "--json")
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["hours_run"] == hours_run
        assert (result["hours_billed"], result["inserted_count"], result["accepted"], result["exceptions"]) == (
            3,
            31,
            6,
            2,
        )
        assert (result["failures"], result["not_delivered"], result["undelivered"]) == ([], [], 0)
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.key] == 10

    pipeline.land(first, "late.csv", readings("cohoes", first, 1, 5, start=7))
    pipeline.load(first)
    pipeline.count(first)
    text = run("bill", *span, "--dry-run").stdout
    assert (
        "  cohoes temperature_readings: 10 -> 15 (+5) in 1 hour\n    no billing period: 10 -> 15, price not known"
        in text
    )


def test_only_hours_with_something_new_cost_a_run_and_what_an_earlier_run_left_undone_is_something_new(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in range(0, 40, 10):
        pipeline.land(first.plus(step - 40), "a.csv", readings("cohoes", first.plus(step - 40), 2, 5))
    span = ("--from", first.plus(-40).key, "--to", first.key)

    def runs_of_bill(*options: str) -> list[str]:
        ran = storage.execute("select count(*) from runs").fetchone() or (0,)
        done = run("bill", *span, *options)
        assert done.returncode == 0, done.stderr
        assert ("nothing to do" in done.stderr) == (storage.execute("select count(*) from runs").fetchone() == ran)
        rows = storage.execute("select run_tags.value from run_tags where key = 'dagster/partition' order by id")
        return [hour for (hour,) in rows.fetchall()[ran[0] :]]

    assert run("bill", *span).returncode == 0
    with Database(storage_dsn(pipeline.database.dsn)).connect() as storage:
        assert runs_of_bill() == []
        pipeline.land(first.plus(-30), "b.csv", readings("cohoes", first.plus(-30), 3, 1))
        assert runs_of_bill() == [first.plus(-30).key]
        with pipeline.database.owned.connect() as books:  # as after a power cut between Stripe's answer and the models
            books.execute("delete from fridge.model_hours where hour = %s", [first.plus(-20).start])
        assert runs_of_bill() == [first.plus(-20).key]
        with pipeline.database.owned.connect() as books:
            books.execute("update fridge.tenants set stripe_customer_id = null where tenant_id = 'cohoes'")
        pipeline.land(first.plus(-10), "b.csv", readings("cohoes", first.plus(-10), 3, 1))
        assert runs_of_bill() == [first.plus(-10).key]
        assert runs_of_bill() == []
        tags = storage.execute(
            "select key, value from run_tags where key in ('dagster/code_location', 'fridge/commit')"
        )
        assert set(tags) == {("dagster/code_location", "fridge_pipeline"), ("fridge/commit", commit())}
        assert runs_of_bill("--again") == [first.plus(step - 40).key for step in range(0, 40, 10)]


def test_bill_ends_with_1_and_says_why_when_an_hour_is_not_delivered(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    for key in ("", "sk_test_nowhere"):
        nowhere = {"STRIPE_API_BASE": "http://127.0.0.1:9", "STRIPE_API_KEY": key}
        done = run("bill", "--from", hour.key, "--to", hour.key, **nowhere)
        assert done.returncode == 1
        said = " ".join(done.stderr.split())
        assert "at http://127.0.0.1:9 is unreachable" in said
        assert "1 of 1 hours are not delivered" in said
        assert "sk_test_nowhere" not in done.stdout + done.stderr
    assert pipeline.usage() == {("cohoes", hour.key): (10, 2)}


def test_bill_reaches_hours_before_the_configured_grid(run: Run, pipeline: Pipeline) -> None:
    old = Hour.from_key("2023-09-29-14:00")
    pipeline.add_tenant_with_readings("cohoes", old, 2, 5)
    done = run("bill", "--from", old.key, "--to", old.key, "--json")
    assert done.returncode == 0, done.stderr
    assert pipeline.usage() == {("cohoes", old.key): (10, 2)}
    assert pipeline.rows("select distinct kind from fridge.exceptions") == [("too_late",)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("bill", "--from", "2026-01-01", "--to", "2026-01-02-00:00"), "partition key such as 2026-01-24-18:00"),
        (("bill", "--from", "2026-01-02-00:00", "--to", "2026-01-01-00:00"), "lies before"),
        (("bill",), "Missing option"),
        (("tenants", "import", "missing.csv"), "does not exist"),
        (("explain", "cohoes"), "Give TENANT and HOUR"),
        (("nonsense",), "No such command"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_was_expected(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_who_dropped_readings_stays_on_record_also_where_nobody_has_a_login_name(run: Run, pipeline: Pipeline) -> None:
    """A month nine months old, dropped in a session of a user that the system does not know."""
    old = Hour(pipeline.clock.now.replace(minute=0, second=0)).plus(-24 * 280)
    pipeline.land(old, "a.csv", readings("cohoes", old, 1, 2))
    pipeline.load(old)
    pipeline.count(old)
    empty = run("drop-readings", "--by", " ", FRIDGE_KEEP_MONTHS="3")
    assert (empty.returncode, "--by is empty" in empty.stderr) == (2, True)
    done = run("drop-readings", "--by", "ada", FRIDGE_KEEP_MONTHS="3")
    assert done.returncode == 0, done.stderr
    assert pipeline.rows("select distinct dropped_by from fridge.dropped_months") == [("ada",)]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FRIDGE_PARTITIONS_START", "yesterday", "FRIDGE_PARTITIONS_START: expected a partition key"),
        ("FRIDGE_MAX_IN_FLIGHT", "many", "FRIDGE_MAX_IN_FLIGHT: must be a number, got 'many'"),
        ("FRIDGE_CLOSE_AFTER_MINUTES", "-1", "FRIDGE_CLOSE_AFTER_MINUTES: must be at least 0, got '-1'"),
        ("FRIDGE_DATABASE_URL", "postgresql://u:hidden@127.0.0.1:9/books", "PostgreSQL at 127.0.0.1:9/books"),
        ("FRIDGE_LANDING_URI", "gopher://x", "gopher"),
        ("STRIPE_API_KEY", "sk_live_0123456789", "FRIDGE_ALLOW_LIVE_STRIPE=yes"),
    ],
)
def test_a_wrong_setting_is_one_clear_line_that_names_it_and_no_secret(
    run: Run, variable: str, value: str, told: str
) -> None:
    done = run("doctor", **{variable: value})
    assert done.returncode == 1
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stdout + done.stderr
    assert "sk_live_0123456789" not in done.stdout + done.stderr


def test_every_command_has_help_and_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()

    def visit(command: click.Command, path: str) -> None:
        assert command.help, path
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                visit(child, f"{path} {name}")
        else:
            assert path in readme, f"README.md does not mention `{path}`"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"

    visit(fridge, "fridge")


@pytest.mark.parametrize(
    "arguments",
    [
        ("correct", "--approve", "9" * 20),
        ("settle", "9" * 20, "--how", "written_off", "--reason", "r"),
        ("settle", "9" * 20, "--approve"),
        ("report", "9999-12", "--out", "."),
        ("recount", "0001-01"),
    ],
)
def test_a_number_or_month_that_no_record_can_have_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert (told.returncode, "Invalid value" in told.stderr) == (2, True), told.stderr
