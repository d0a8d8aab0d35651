"""L10 with very many tenants that nobody knows: their usage waits, whole and with its deadline, in few exceptions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fridge_pipeline.billing.rules.waiting import TOLD_ALONE_MAX
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.pipeline import Pipeline, Row

METERS = ("active_sensors", "temperature_readings")
UNNAMED = "closed_at is null and tenant_id is null"
TOGETHER = f"select kind, subject, deadline_at is not null from fridge.exceptions where {UNNAMED} order by subject"
ALONE = "select count(*) from fridge.exceptions where closed_at is null and tenant_id is not null"


def of_strangers(hour: Hour, number: int) -> list[Row]:
    """One reading of each of so many tenants, and a second one of the first tenant."""
    return [(f"x{each:05d}", "s1", hour.start, 4.5) for each in range(number)] + [
        ("x00000", "s1", hour.start + timedelta(minutes=1), 4.5)
    ]


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour in which five tenants more than are told alone have usage and no customer."""
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", of_strangers(hour, TOLD_ALONE_MAX + 5))
    assert len(pipeline.run(hour).unsettled) == 0
    return hour


def test_L10_usage_of_very_many_unknown_tenants_is_told_once_per_meter_and_each_is_billed_once_it_is_mapped(  # noqa: N802
    pipeline: Pipeline, hour: Hour
) -> None:
    assert pipeline.rows(TOGETHER) == [("unmapped", meter, True) for meter in METERS]
    assert pipeline.one(ALONE) == 2 * TOLD_ALONE_MAX
    detail = pipeline.one("select detail from fridge.exceptions where tenant_id is null and subject = %s", METERS[1])
    assert detail.startswith("5 temperature_readings of 5 tenants without a Stripe customer, besides 1000 with")
    pipeline.run_models(hour)
    causes = "select cause, sum(usage_quantity)::int from fridge.tie_out where meter = %s group by 1"
    assert pipeline.rows(causes, METERS[1]) == [("unmapped", TOLD_ALONE_MAX + 6)]
    assert pipeline.swept() == []

    last = f"x{TOLD_ALONE_MAX + 4:05d}"
    pipeline.add_tenant(last)
    assert pipeline.swept() == [hour]
    assert pipeline.bill(hour).delivery.accepted == 2
    assert pipeline.stripe_totals(last)["temperature_readings", hour.key] == 1
    assert pipeline.swept() == []
    (detail, _) = pipeline.one(f"select array_agg(detail order by subject) from fridge.exceptions where {UNNAMED}")
    assert detail.startswith("4 active_sensors of 4 tenants")


def test_L10_once_no_more_than_can_be_told_alone_are_unknown_each_is_told_alone_again(  # noqa: N802
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.clock.advance(minutes=1)
    for each in range(5):
        pipeline.add_tenant(f"x{each:05d}")
    pipeline.bill(hour)
    assert pipeline.rows(TOGETHER) == []
    assert pipeline.one(ALONE) == 2 * TOLD_ALONE_MAX


def test_L10_what_is_told_together_becomes_too_late_together_and_ends_with_the_file_that_brought_it(  # noqa: N802
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.clock.now = hour.start + timedelta(days=35, minutes=16)
    assert pipeline.swept() == [hour]
    pipeline.bill(hour)
    assert pipeline.rows(TOGETHER) == [("too_late", meter, False) for meter in METERS]
    assert pipeline.one(ALONE) == 2 * TOLD_ALONE_MAX
    assert pipeline.swept() == []
    withdraw_file(
        pipeline.database, LocalLanding(pipeline.landing), f"{hour.folder}/a.csv", "nobody's", "ada", pipeline.clock
    )
    pipeline.clock.advance(minutes=1)
    pipeline.run(hour)
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0
