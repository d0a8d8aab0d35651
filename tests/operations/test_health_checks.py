from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.operations.rules.daemon_check import judge_daemons, judge_switches
from fridge_pipeline.operations.rules.health_check import (
    Grade,
    HealthCheck,
    Unread,
    judge_exceptions,
    judge_hours,
    judge_ids,
    judge_postgres,
    judge_reads,
    judge_skew,
    judge_sources,
)
from fridge_pipeline.operations.rules.machine_check import judge_disk, judge_port, judge_versions

HOUR = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
NOW_AND_THEN = {"SENSOR": timedelta(seconds=20), "SCHEDULER": timedelta(seconds=20)}


@pytest.mark.parametrize(
    ("seconds", "grade"),
    [(0, Grade.OK), (5, Grade.OK), (-5, Grade.OK), (6, Grade.WARN), (-60, Grade.WARN), (61, Grade.WRONG)],
)
def test_a_clock_may_be_off_by_seconds_and_not_by_a_minute(seconds: float, grade: Grade) -> None:
    found = judge_skew("clock", "Stripe's clock", timedelta(seconds=seconds))
    assert found.grade is grade
    assert ("behind" if seconds <= 0 else "ahead of") in found.text


def test_a_daemon_that_has_stopped_or_half_works_is_wrong_and_one_that_nobody_uses_is_a_warning() -> None:
    late = timedelta(seconds=121)
    assert judge_daemons(NOW_AND_THEN, {}).grade is Grade.OK
    assert judge_daemons({"SENSOR": None, "SCHEDULER": None}, {}).grade is Grade.WARN, "there was never one"
    stopped = judge_daemons({"SENSOR": timedelta(hours=3), "SCHEDULER": timedelta(hours=3, minutes=2)}, {})
    assert (stopped.grade, stopped.do) == (Grade.WRONG, "start it: fridge up")
    assert "last heard of 3 hours ago" in stopped.text
    given_up = {"SENSOR": timedelta(days=40), "SCHEDULER": None}
    assert judge_daemons(given_up, {}).grade is Grade.WARN, "somebody bills by fridge bill since"
    half = judge_daemons({**NOW_AND_THEN, "SENSOR": late}, {})
    assert (half.grade, "SENSOR" in half.text, "SCHEDULER" in half.text) == (Grade.WRONG, True, False)
    assert judge_daemons(NOW_AND_THEN, {"SENSOR": "boom"}).grade is Grade.WRONG
    assert judge_daemons({**NOW_AND_THEN, "SENSOR": -late}, {}).grade is Grade.WRONG, "it died with the clock ahead"


def test_what_bills_and_is_switched_off_is_wrong_and_what_else_is_off_is_a_warning() -> None:
    """A sensor switched off in the UI was seen by nothing: billing had stopped, and doctor was green."""
    assert judge_switches([]) == [HealthCheck("switches", Grade.OK, "every sensor and schedule that should run is on")]
    wrong, warning = judge_switches(["daily_invoices", "hourly_billing", "landing_sensor"])
    assert (wrong.grade, warning.grade) == (Grade.WRONG, Grade.WARN)
    assert wrong.text.startswith("switched off in the UI: hourly_billing, landing_sensor")
    assert warning.text.startswith("switched off in the UI: daily_invoices")
    assert "Automation" in wrong.do


def test_what_is_not_read_is_told_in_pairs_and_days_with_the_command_that_reads_all_of_it() -> None:
    unread = Unread(12, 410, 30, date(2026, 10, 27), date(2026, 11, 28))
    found = judge_reads(4_000, 9_000, unread)
    assert found.text.endswith(
        "of the last 35 days 12 pairs of a customer and a meter lack 410 days in all, 30 of them with statements"
    )
    assert "now: fridge reconcile --from 2026-10-27 --to 2026-11-28 (" in found.do
    assert judge_reads(0, 9_000, Unread(0, 0, 0, None, None)).grade is Grade.OK


def test_what_a_full_disk_is_told_to_do_needs_no_setting_that_nobody_has() -> None:
    assert "fridge drop-readings" not in judge_disk("/x", 10**9).do


def test_what_is_installed_is_what_was_pinned_or_named() -> None:
    pinned = {"polars": "2.1.0", "psycopg": "3.3.9"}
    assert judge_versions("3.11.7", "0.1.0", pinned, dict(pinned)).grade is Grade.OK
    found = judge_versions("3.11.7", "0.1.0", pinned, {"polars": "2.2.0"})
    assert found.grade is Grade.WARN
    assert "polars 2.2.0 instead of 2.1.0, psycopg missing instead of 3.3.9" in found.text


@pytest.mark.parametrize(
    ("version", "is_private", "grades"),
    [
        (180001, True, [Grade.OK]),
        (170004, True, [Grade.WARN]),
        (140012, True, [Grade.WRONG]),
        (180001, False, [Grade.OK, Grade.WARN]),
    ],
)
def test_a_database_is_new_enough_and_read_along_by_nobody(
    version: int,
    is_private: bool,  # noqa: FBT001 # a table of cases
    grades: list[Grade],
) -> None:
    assert [each.grade for each in judge_postgres("h:5432/b", version, 19, is_private=is_private)] == grades


def test_every_finding_that_is_not_ok_says_what_to_do() -> None:
    found: list[HealthCheck] = [
        judge_disk("/x", 10**9),
        judge_port(3000, "another program"),
        judge_versions("3", "1", {"a": "1"}, {}),
        judge_skew("c", "c", timedelta(minutes=3)),
        judge_daemons({"SENSOR": None}, {}),
        judge_daemons({"SENSOR": None, "OTHER": timedelta(0)}, {}),
        judge_daemons({}, {"SENSOR": "boom"}),
        judge_hours([HOUR]),
        judge_sources({"metrics": 20}, 0),
        judge_sources({}, 3),
        judge_ids(["sensor of a '7', '07'"], 1),
        *judge_postgres("h", 140000, 1, is_private=True),
        *judge_postgres("h", 160000, 1, is_private=False),
        *judge_exceptions({"refused": 3, "of another version": 1}),
    ]
    assert [each for each in found if each.grade is Grade.OK or not each.do] == []
    assert judge_hours([HOUR.plus(2), HOUR]).do.endswith(f"fridge bill --from {HOUR} --to {HOUR.plus(2)}")
