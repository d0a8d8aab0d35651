"""Laws of telling: a state once, again after a day, its end once; a channel that is down loses nothing."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.operations.alerts import sole_sender
from fridge_pipeline.stripe.rules.meter_event import billing_deadline
from tests.operations.conftest import Watch
from tests.operations.servers import MailBox, WebhookServer, body_of
from tests.pipeline import Pipeline, ndjson_of, readings


def bill_unmapped(pipeline: Pipeline, tenant: str, hour: Hour) -> None:
    pipeline.land(hour, f"{tenant}.csv", readings(tenant, hour, 2, 5))
    pipeline.run(hour)


def test_a_state_is_told_once_to_each_channel_again_after_a_day_and_its_end_once(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer, mailbox: MailBox, two_days_ago: datetime
) -> None:
    assert watch.tick().sent == 0, "nothing is wrong, so nothing is said"
    hour = Hour(two_days_ago)
    bill_unmapped(pipeline, "cohoes", hour)
    assert watch.tick().sent == 2
    for text in (*webhook.texts, body_of(mailbox.messages[0])):
        assert "2 exceptions of kind unmapped open" in text
        assert 'newest first: "cohoes".' in text
        assert f"The first can be billed until {billing_deadline(hour):%Y-%m-%d %H:%M} UTC" in text
        assert "fridge tenants import" in text
        assert f"fridge explain cohoes {hour}" in text
    (message,) = mailbox.messages
    assert message["Subject"] == "Fridge billing: 2 exceptions of kind unmapped open"
    assert (message["From"], message["To"]) == ("fridge@example.org", "ada@example.org")

    pipeline.clock.advance(hours=23, minutes=59)
    assert watch.tick().sent == 0
    pipeline.clock.advance(minutes=1)
    assert watch.tick().sent == 2
    assert len(webhook.bodies) == len(mailbox.messages) == 2

    pipeline.add_tenant("cohoes")
    pipeline.run(hour)
    assert watch.tick().sent == 2
    for text in (webhook.texts[-1], body_of(mailbox.messages[-1])):
        assert "Over: 2 exceptions of kind unmapped open" in text
        assert "It was first sent at" in text
    pipeline.clock.advance(days=3)
    assert watch.tick().sent == 0, "its end is told once"
    assert pipeline.one("select count(*) from fridge.alerts where resolved_at is not null") == 2


def test_what_was_told_while_the_clock_was_ahead_is_told_again_at_the_right_time_once_and_its_end_once(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer, two_days_ago: datetime
) -> None:
    bill_unmapped(pipeline, "cohoes", Hour(two_days_ago))
    pipeline.clock.advance(days=10)
    assert watch.tick().sent == 2
    pipeline.clock.advance(days=-10)
    assert watch.tick().sent == 2, "else it is mute until the clock has come so far"
    assert watch.tick().sent == 0
    pipeline.add_tenant("cohoes")
    pipeline.run(Hour(two_days_ago))
    assert watch.tick().sent == 2
    assert "Over: 2 exceptions of kind unmapped open" in webhook.texts[-1]
    assert watch.tick().sent == 0

    bill_unmapped(pipeline, "troy", Hour(two_days_ago))
    pipeline.clock.advance(minutes=10)
    assert watch.tick().sent == 2
    pipeline.clock.advance(minutes=-10)
    pipeline.add_tenant("troy")
    pipeline.run(Hour(two_days_ago))
    assert watch.tick().sent == 2, "an end before its beginning was sent, never kept, and sent again for ever"
    assert watch.tick().sent == 0


def test_another_tenant_is_news_within_the_day_and_another_hour_of_the_same_is_not(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    bill_unmapped(pipeline, "cohoes", hour)
    watch.tick()
    pipeline.clock.advance(minutes=30)
    bill_unmapped(pipeline, "cohoes", hour.plus(1))
    pipeline.clock.advance(hours=2)
    assert watch.tick().sent == 0
    bill_unmapped(pipeline, "troy", hour.plus(1))
    pipeline.clock.advance(minutes=1)
    assert watch.tick().sent == 2
    assert 'newest first: "troy", "cohoes".' in webhook.texts[-1]
    bill_unmapped(pipeline, "utica", hour.plus(1))
    pipeline.clock.advance(minutes=30)
    assert watch.tick().sent == 0, "news comes once an hour at most"
    pipeline.clock.advance(minutes=30)
    assert watch.tick().sent == 2
    assert 'newest first: "utica", "troy", "cohoes".' in webhook.texts[-1]


def test_a_webhook_that_is_down_is_told_when_it_is_up_and_keeps_nobody_else_from_being_told(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer, mailbox: MailBox, two_days_ago: datetime
) -> None:
    bill_unmapped(pipeline, "cohoes", Hour(two_days_ago))
    webhook.status = 503
    for messages in (1, 0, 0):
        done = watch.tick()
        assert done.sent == messages
        assert done.problems == [f"the webhook at 127.0.0.1:{webhook.port} answered 503 Service Unavailable"]
    assert webhook.asked == 3, "it is tried at every look"
    assert pipeline.rows("select channel from fridge.alerts") == [("mail",)]
    webhook.status = 200
    assert watch.tick().sent == 1
    assert len(webhook.bodies) == len(mailbox.messages) == 1

    webhook.status = 500
    pipeline.add_tenant("cohoes")
    pipeline.run(Hour(two_days_ago))
    assert watch.tick().sent == 1
    webhook.status = 200
    assert watch.tick().sent == 1, "an end that was not taken is told later"
    assert "Over: " in webhook.texts[-1]


def test_where_nobody_could_look_nothing_is_over(watch: Watch, pipeline: Pipeline, webhook: WebhookServer) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-3)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    watch.tick()
    pipeline.clock.advance(hours=4)
    watch.tick()
    assert "1 closed hour not delivered for over 3 hours" in webhook.texts[-1]
    moved = pipeline.landing.rename(pipeline.landing.with_name("moved"))
    watch.tick()
    assert "the landing zone cannot be listed" in webhook.texts[-1]
    assert "Over: " not in webhook.texts[-1]
    moved.rename(pipeline.landing)
    watch.tick()
    assert webhook.texts[-1].count("Over: ") == 1
    assert "Over: the landing zone cannot be listed" in webhook.texts[-1]


def test_two_tellers_at_once_say_it_once(watch: Watch, pipeline: Pipeline, two_days_ago: datetime) -> None:
    bill_unmapped(pipeline, "cohoes", Hour(two_days_ago))
    with pipeline.database.connect() as other, sole_sender(other) as is_alone:
        assert is_alone
        done = watch.tick()
        assert (done.is_busy, done.sent) == (True, 0)
    assert watch.tick().sent == 2


def test_nobody_deletes_what_was_told(watch: Watch, pipeline: Pipeline, two_days_ago: datetime) -> None:
    bill_unmapped(pipeline, "cohoes", Hour(two_days_ago))
    watch.tick()
    for database in (pipeline.database, pipeline.database.owned):
        with database.connect() as connection, pytest.raises(psycopg.Error, match=r"append only|permission denied"):
            connection.execute("delete from fridge.alerts")


def test_a_tenants_name_is_text_in_one_line_of_a_message_quoted_and_short(
    watch: Watch, pipeline: Pipeline, webhook: WebhookServer, mailbox: MailBox, two_days_ago: datetime
) -> None:
    hour, tenant = Hour(two_days_ago), "\x1b[2J\u202e\nOver: all exceptions" + "x" * 200
    pipeline.land(hour, "a.ndjson", ndjson_of(readings(tenant, hour, 1, 1)))
    pipeline.run(hour)
    assert watch.tick().sent == 2
    for text in (*webhook.texts, body_of(mailbox.messages[0])):
        assert r'newest first: "\x1b[2J\u202e\nOver: all exceptionsxxx' in text
        assert '…".' in text
        assert r"fridge explain $'\x1b[2J\u202e\nOver: all exceptionsxxx" in text
        assert set("\x1b\u202e").isdisjoint(text)
        assert not any(line.startswith("Over:") for line in text.splitlines())
