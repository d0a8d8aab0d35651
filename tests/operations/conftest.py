"""Servers that alerts arrive at, and an installation that looks and tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing.zone import LandingZone, open_landing_zone
from fridge_pipeline.operations.alerts import AlertScan, AlertScope, SendReport, find_alerts, send_alerts
from fridge_pipeline.operations.channels import AlertChannel, Encryption, Mail, MailServer, Webhook
from fridge_pipeline.operations.rules.alert import AlertMemory
from tests.operations.servers import MailBox, WebhookServer, mail_server, webhook_server
from tests.pipeline import CLOSE_AFTER, Pipeline
from tests.serving import HOST

STALE_AFTER = timedelta(hours=3)


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[MailBox]:
    with mail_server() as box:
        yield box


@dataclass
class Watch:
    """Looks and tells as the sensor does, at the pipeline's time."""

    pipeline: Pipeline
    channels: list[AlertChannel]
    flies_canary: bool = False
    close_after: timedelta = CLOSE_AFTER
    memory: AlertMemory = field(default_factory=AlertMemory)
    open_zone: Callable[[], LandingZone] | None = None

    def look(self) -> AlertScan:
        pipeline = self.pipeline
        now_hour = Hour.containing(pipeline.clock.now)
        grid, now = HourRange(now_hour.plus(-24 * 40), now_hour), pipeline.clock()
        open_zone = self.open_zone or (lambda: open_landing_zone(str(pipeline.landing)))
        scope = AlertScope(
            lambda: find_hours_to_bill(pipeline.as_run(), open_zone(), grid, self.close_after),
            STALE_AFTER,
            self.flies_canary,
            self.close_after,
        )
        look = find_alerts(pipeline.database, pipeline.catalogue, scope, self.memory, now)
        self.memory = AlertMemory.from_text(look.memory.to_text())
        return look

    def tick(self) -> SendReport:
        look = self.look()
        return send_alerts(self.pipeline.database, self.channels, look.alerts, look.scanned, self.pipeline.clock())


def mail_to(box: MailBox, *recipients: str, **server: object) -> Mail:
    given = {"encryption": Encryption.NONE, **server}
    return Mail(MailServer(HOST, box.port, **given), "fridge@example.org", recipients or ("ada@example.org",))  # type: ignore[arg-type]


@pytest.fixture
def watch(pipeline: Pipeline, webhook: WebhookServer, mailbox: MailBox) -> Watch:
    return Watch(pipeline, [Webhook(webhook.url), mail_to(mailbox)])
