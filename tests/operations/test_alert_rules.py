"""Laws of alerts: what is worth an alert, with the numbers, the next step and the command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.operations.land_canary import land_canary
from fridge_pipeline.operations.rules.alert import Alert, AlertMemory, Family, OpenAlert, next_notification
from fridge_pipeline.operations.rules.alert_causes import IncompleteDraft, drafts_alert
from fridge_pipeline.stripe.rules.meter_event import billing_deadline
from tests.operations.conftest import Watch
from tests.operations.servers import WebhookServer
from tests.pipeline import Pipeline, readings


def of_family(watch: Watch, family: Family) -> list[Alert]:
    return [alert for alert in watch.look().alerts if alert.family is family]


@pytest.mark.parametrize(("hours_left", "alerts"), [(7 * 24 + 2, 0), (7 * 24 - 2, 1)])
def test_unmapped_usage_is_an_alert_in_the_last_seven_days_before_its_deadline(
    watch: Watch, pipeline: Pipeline, hours_left: int, alerts: int
) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(hours_left - 35 * 24)
    pipeline.land(hour, "a.csv", readings("o'brien", hour, 2, 5))
    pipeline.run(hour)
    pipeline.run_models(hour)
    found = of_family(watch, Family.UNMAPPED)
    assert len(found) == alerts
    if found:
        assert "usage of 1 tenant without a Stripe customer" in found[0].title
        assert '"o\'brien": 10 temperature_readings in 1 h' in found[0].text
        assert "6 days from now" in found[0].text
        assert "fridge tenants import" in found[0].text
        assert f"fridge explain 'o'\"'\"'brien' {hour}" in of_family(watch, Family.EXCEPTIONS)[0].text
        pipeline.add_tenant("o'brien")
        assert of_family(watch, Family.UNMAPPED) == []


def test_an_hour_is_stale_when_it_was_seen_undelivered_for_longer_than_that_and_not_because_it_is_old(
    watch: Watch, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for number in (0, 1, 3):
        pipeline.land(hour.plus(number), "a.csv", readings("cohoes", hour.plus(number), 1, 1))
    assert of_family(watch, Family.STALE) == []
    pipeline.clock.advance(hours=3)
    assert of_family(watch, Family.STALE) == []
    pipeline.clock.advance(minutes=1)
    (found,) = of_family(watch, Family.STALE)
    assert found.title == "3 closed hours not delivered for over 3 hours"
    assert f"fridge bill --from {hour} --to {hour.plus(3)}" in found.text
    assert f"the oldest until {billing_deadline(hour):%Y-%m-%d %H:%M} UTC" in found.text
    pipeline.run(hour, hour.plus(3))
    assert of_family(watch, Family.STALE) == []
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 2, 3))
    assert of_family(watch, Family.STALE) == [], "a late file has its time, too"


def test_what_was_seen_while_the_clock_was_ahead_is_as_old_as_the_first_look_since(
    watch: Watch, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, ahead = Hour(two_days_ago), pipeline.clock.now + timedelta(days=30)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    watch.flies_canary, watch.memory = True, AlertMemory({hour: ahead}, ahead)
    assert of_family(watch, Family.STALE) == []
    pipeline.clock.advance(hours=3, minutes=1)
    assert len(of_family(watch, Family.STALE)) == len(of_family(watch, Family.CANARY)) == 1


def test_a_draft_that_comes_near_its_end_while_another_is_told_is_news_before_it_is_final() -> None:
    now = datetime(2026, 11, 1, 8, tzinfo=UTC)
    first, second = (
        IncompleteDraft(name, f"cus_{name}", 1, now + after)
        for name, after in (("a", timedelta(hours=2)), ("b", timedelta(hours=12, minutes=30)))
    )
    told = drafts_alert([first, second], now)
    assert told is not None
    sent = OpenAlert(told.key, told.title, now, now, told.newest_at)
    later = now + timedelta(hours=3)
    for at, drafts, news in ((later, [second], 1), (later, [first, second], 1), (now, [first, second], 0)):
        alert = drafts_alert(drafts, at)
        assert alert is not None
        assert len(next_notification([alert], [sent], {Family.DRAFTS}, at).alerts) == news


def test_a_canary_has_as_long_as_others_after_its_hour_has_closed(watch: Watch, pipeline: Pipeline) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(1)
    watch.flies_canary, watch.close_after = True, timedelta(hours=1)
    watch.memory = AlertMemory(canary_since=hour.start)
    for minutes, alerts in ((84, 0), (85, 1)):
        pipeline.clock.now = hour.end + timedelta(minutes=minutes)
        assert len(of_family(watch, Family.CANARY)) == alerts, minutes


def test_a_silent_canary_alerts_half_an_hour_past_and_its_arrival_ends_it(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer
) -> None:
    watch.flies_canary = True
    start = Hour.containing(pipeline.clock.now)
    pipeline.clock.now = start.start + timedelta(minutes=1)
    watch.tick()
    zone = open_landing_zone(str(pipeline.landing))
    hour = start.plus(1)
    pipeline.clock.now = hour.start + timedelta(minutes=2)
    assert land_canary(zone, hour)
    assert not land_canary(zone, hour), "the same batch again changes nothing"

    pipeline.clock.now = hour.end + timedelta(minutes=29)
    assert watch.tick().sent == 0
    pipeline.clock.now = hour.end + timedelta(minutes=30)
    assert watch.tick().sent == 2
    assert f"the canary did not arrive in Stripe for {hour}" in webhook.texts[-1]
    assert "temperature_readings: nothing instead of 4; active_sensors: nothing instead of 2" in webhook.texts[-1]
    assert "The tenant canary has no Stripe customer: fridge tenants import." in webhook.texts[-1]
    assert f"fridge explain canary {hour}" in webhook.texts[-1]

    pipeline.add_tenant("canary")
    pipeline.advance(seconds=0)
    pipeline.run(hour)
    assert pipeline.stripe_totals("canary")["temperature_readings", hour.key] == 4
    assert watch.tick().sent == 2
    assert f"Over: the canary did not arrive in Stripe for {hour}" in webhook.texts[-1]


def test_a_canary_that_arrives_as_more_or_less_than_it_is_alerts_too(watch: Watch, pipeline: Pipeline) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-3)
    watch.flies_canary, watch.memory = True, AlertMemory(canary_since=hour.plus(-1).start)
    pipeline.add_tenant("canary")
    land_canary(open_landing_zone(str(pipeline.landing)), hour)
    pipeline.run(hour)
    pipeline.clock.now = hour.end + timedelta(minutes=45)
    assert of_family(watch, Family.CANARY) == []
    pipeline.land(hour, "more.csv", readings("canary", hour, 1, 1))
    pipeline.run(hour)
    (found,) = of_family(watch, Family.CANARY)
    assert "temperature_readings: 5 instead of 4; active_sensors: 3 instead of 2" in found.text


def test_an_exception_of_no_tenant_is_looked_at_where_it_is_shown(watch: Watch, pipeline: Pipeline) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-3)
    pipeline.land(hour, "a.parquet", b"no parquet")
    pipeline.load(hour)
    (found,) = of_family(watch, Family.EXCEPTIONS)
    assert "Look at the newest with: fridge exceptions --kind unreadable_file" in found.text


@pytest.mark.parametrize("text", [None, "", "2026-11-25", "[]", '{"undelivered_since": 3}', '{"canary_since": "x"}'])
def test_a_memory_that_a_person_has_set_to_something_else_begins_anew(text: str | None) -> None:
    assert AlertMemory.from_text(text) == AlertMemory()


def test_a_deadline_that_has_passed_is_not_told_as_one_until_which_usage_can_be_billed(
    watch: Watch, pipeline: Pipeline
) -> None:
    opened = "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at, deadline_at) values"
    row = "('contradiction', %s, %s, '', 'd', %s, %s)"
    now = pipeline.clock.now
    for tenant, deadline in (("cohoes", now - timedelta(days=2)), ("troy", now + timedelta(days=3))):
        with pipeline.database.connect() as connection:
            hour = Hour.containing(deadline).plus(-35 * 24)
            connection.execute(f"{opened} {row}".encode(), [tenant, hour.start, now, deadline])
        (found,) = of_family(watch, Family.EXCEPTIONS)
        told = f"can be billed until {deadline:%Y-%m-%d %H:%M} UTC" in found.text
        assert told is (tenant == "troy"), found.text
        assert ("can be billed until" in found.text) is told
