from __future__ import annotations

import json

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

#: Also in the first minutes of a month the one before has ended.
AT_ONCE = {"FRIDGE_CLOSE_AFTER_MINUTES": "0"}


@pytest.fixture
def month(pipeline: Pipeline) -> Month:
    """Last month, with its last hour delivered: 20 readings of cohoes."""
    month = Month.containing(pipeline.clock()).before
    hour = month.hours.last
    pipeline.add_tenant("cohoes")
    pipeline.clock.now = max(pipeline.clock.now, month.end + CLOSE_AFTER)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    return month


def test_a_month_is_closed_by_two_people_and_reopened_by_two_and_what_waited_is_stated_by_the_command_that_is_named(
    run: Run, pipeline: Pipeline, month: Month
) -> None:
    prepared = run("close", month.key, "--as", "ada", "--prepared-by", "Grace Hopper", **AT_ONCE)
    assert (prepared.returncode, prepared.stderr) == (0, "")
    assert "temperature_readings: usage 20, stated 20, Stripe 20; 1 tenants, 1 tenant-hours" in prepared.stdout
    assert "0 differ for a known cause and 0 are not compared with Stripe yet" in prepared.stdout
    assert "1 landing files: 20 rows = 20 inserted + 0 duplicates + 0 rejected" in prepared.stdout
    assert f"fridge approve {month} --as LOGIN" in prepared.stdout
    same = run("approve", month.key, "--as", "ada", "--by", "Grace Hopper", "--yes", **AT_ONCE)
    assert (same.returncode, "closing a month takes two people" in same.stderr) == (1, True)
    asked = run("approve", month.key, "--as", "grace", **AT_ONCE)  # nobody is there to answer
    assert (asked.returncode, "Sign this as grace, and close" in asked.stderr) == (1, True)
    assert "usage 20, stated 20" in asked.stderr
    closed = json.loads(run("approve", month.key, "--as", "grace", "--yes", "--json", **AT_ONCE).stdout)
    assert (closed["prepared_by"], closed["approved_by"]) == ("ada", "grace")
    assert closed["control_totals"]["files"]["row_count"] == 20

    hour = month.hours.last
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
    assert run("bill", "--from", hour.key, "--to", hour.key, **AT_ONCE).returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20
    asking = run("reopen", month.key, "--as", "ada", "--reason", "late file")
    assert asking.stdout.startswith(f"ada asks to reopen {month}, which stays closed; 2 changes wait for it")
    assert run("bill", "--from", hour.key, "--to", hour.key, **AT_ONCE).returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20
    opened = run("reopen", month.key, "--as", "grace", "--confirm")
    assert opened.stdout.startswith(
        f"{month} is open again, asked by ada, confirmed by grace: late file\n2 changes waited for it"
    )
    command = opened.stdout.strip().rpartition("now with: ")[2]
    assert command == f"fridge bill --from {month.hours.first} --to {hour}"
    assert run(*command.split()[1:], **AT_ONCE).returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 25


def test_who_signs_a_month_is_shown_what_its_invoices_owe(run: Run, pipeline: Pipeline, month: Month) -> None:
    pipeline.rows(
        "insert into fridge.exceptions"
        " (kind, tenant_id, hour, subject, detail, opened_at, not_invoiced, amount, currency)"
        " values ('not_invoiced', 'cohoes', %s, 'temperature_readings', 'x', now(), 13, 26, 'usd') returning 1",
        month.hours.last.start,
    )
    owed = "  temperature_readings: on invoices: 13 not invoiced (0.26 USD)"
    assert owed in run("close", month.key, "--as", "ada", **AT_ONCE).stdout.splitlines()
    assert owed in run("approve", month.key, "--as", "grace", **AT_ONCE).stderr.splitlines()
    assert owed in run("approve", month.key, "--as", "grace", "--yes", **AT_ONCE).stdout.splitlines()
    (listed,) = json.loads(run("exceptions", "--json").stdout)
    assert (listed["owed"], listed["not_invoiced"], listed["amount"], listed["currency"]) == (None, 13, 26, "usd")
    _, line = run("exceptions").stdout.splitlines()
    assert line.split()[4:7] == ["13", "0.26", "USD"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("close", "January", "--as", "ada"), 2, "'January' is not a month; write it like 2026-01"),
        (("close", "2099-01", "--as", "ada"), 1, "2099-01 has not ended"),
        (("report", "2099-01", "--out", "nowhere"), 1, "2099-01 begins at 2099-01-01 00:00 UTC"),
        (("evidence", "2099-01"), 1, "2099-01 begins at 2099-01-01 00:00 UTC"),
        (
            ("close", "2026-01", "--prepared-by", "Ada"),
            2,
            "Missing option '--as'. A signature takes the login of a person",
        ),
        (("close", "2026-01", "--as", "Ada"), 2, "'Ada' is not a login for a person"),
        (("close", "2026-01", "--as", "a\u200bda"), 2, "is not a login for a person"),
        (("reopen", "2026-01", "--as", "ada"), 2, "say --reason TEXT to ask for it, or --confirm"),
        (("approve", "2026-01", "--as", "grace", "--json"), 2, "--json needs --yes"),
        (("approve", "2026-01", "--as", "nobody", "--yes"), 1, 'password authentication failed for user "nobody"'),
        (
            ("approve", "2026-01", "--as", "grace", "--yes"),
            1,
            "2026-01 is not prepared; prepare it first: fridge close",
        ),
        (("release", "cohoes", "2026-01-24-18:00", "--by", "Ada", "--reason", "x"), 1, "is held for review"),
    ],
)
def test_what_cannot_be_signed_is_one_clear_line(run: Run, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = run(*arguments)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (code, True, False)


def test_release_prints_what_it_lets_through_and_the_command_it_names_bills_it(
    run: Run, pipeline: Pipeline, month: Month
) -> None:
    """By the command line the gate is on unless FRIDGE_VARIANCE says otherwise."""
    hour: Hour = month.hours.last
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.usage select 'cohoes', %s - n * interval '1 hour', 'inserted_count', 2, now()"
            " from generate_series(1, 30) as n",
            [hour.start],
        )
    pipeline.land(hour, "spike.csv", readings("cohoes", hour, 1, 30, start=7))
    bill = ("bill", "--from", hour.key, "--to", hour.key)
    billed = run(*bill, **AT_ONCE)
    assert (billed.returncode, "open exceptions: 1 held_for_review" in billed.stderr) == (0, True)
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20
    assert "nothing is released without --reason TEXT" in run("release", "cohoes", hour.key).stdout
    assert pipeline.one("select count(*) from fridge.releases") == 0
    done = run("release", "cohoes", hour.key, "--by", "Ada", "--reason", "a second fridge")
    why = "price not known: no subscription or invoice that was read bills it"
    priced = f"temperature_readings no billing period: 20 -> 50, {why}"
    assert done.stdout.splitlines() == [
        f"50 temperature_readings of cohoes in {hour} released by Ada",
        f"  {priced}",
        f"The next hourly_billing bills it, or now: fridge {' '.join(bill)}",
    ]
    assert run(*bill, **AT_ONCE).returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 50

    pipeline.land(hour, "another.csv", readings("cohoes", hour, 1, 30, start=8))
    warned = run(*bill, **AT_ONCE, FRIDGE_VARIANCE="warn")
    assert warned.returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 80
    wrong = run(*bill, FRIDGE_VARIANCE="loud")
    assert "FRIDGE_VARIANCE: must be hold, warn or off, got 'loud'" in wrong.stderr
