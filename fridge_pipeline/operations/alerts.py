"""Alerts: what somebody must know of, sent to each channel once, again after a day, and once when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.open_stripe import billing_start
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement, value_of
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.invoices.plan_holds import metered_drafts
from fridge_pipeline.operations.channels import AlertChannel, AlertNotSentError
from fridge_pipeline.operations.rules.alert import (
    Alert,
    AlertMemory,
    Family,
    Notification,
    OpenAlert,
    next_notification,
)
from fridge_pipeline.operations.rules.alert_causes import (
    CANARY_TENANT,
    UNMAPPED_NOTICE,
    IncompleteDraft,
    OpenKind,
    UnmappedUsage,
    canary_alert,
    drafts_alert,
    exceptions_alert,
    judged_hour,
    landing_alert,
    stale_alert,
    unmapped_alert,
)
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP
from fridge_pipeline.visible import one_line, visible


@contextmanager
def sole_sender(connection: psycopg.Connection) -> Iterator[bool]:
    """Says whether nobody else sends alerts now; keeps others out meanwhile, without a transaction."""
    is_alone = bool(value_of(connection, "try_alerts"))
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed:
            connection.execute(statement("leave_alerts"))


def open_alerts(connection: psycopg.Connection, channel: str) -> list[OpenAlert]:
    """What was sent to a channel, and is not over for it yet."""
    return [OpenAlert(*row) for row in connection.execute(statement("open_alerts"), {"channel": channel}).fetchall()]


def record_notification(
    connection: psycopg.Connection, channel: str, notification: Notification, now: datetime
) -> None:
    """Puts on record, all or nothing, what a channel has taken."""
    with connection.transaction():
        for alert in notification.alerts:
            row = {"alert_key": alert.key, "channel": channel, "title": alert.title, "newest_at": alert.newest_at}
            for each in ("end_alert_of_a_time_to_come", "record_alert"):
                connection.execute(statement(each), {**row, "now": now})
        for over in notification.ended:
            connection.execute(statement("resolve_alert"), {"alert_key": over.key, "channel": channel, "now": now})


def open_kinds(connection: psycopg.Connection, now: datetime) -> list[OpenKind]:
    """The open exceptions by kind, with the tenants or files they are about, the newest first; deadlines to come."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("open_kinds"), {"now": now}).fetchall()
    return [
        OpenKind(**{**row, "newest_hour": Hour(row["newest_hour"]) if row["newest_hour"] else None}) for row in rows
    ]


def unmapped_near_deadline(connection: psycopg.Connection, now: datetime) -> list[UnmappedUsage]:
    """Usage without a Stripe customer that can still be billed, but not for long; the most urgent first."""
    bounds = {"too_late_until": now - OLDEST_TIMESTAMP, "near_until": now - OLDEST_TIMESTAMP + UNMAPPED_NOTICE}
    return [UnmappedUsage(*row) for row in connection.execute(statement("unmapped_near_deadline"), bounds).fetchall()]


def incomplete_drafts(
    connection: psycopg.Connection, catalogue: tuple[Meter, ...], now: datetime
) -> list[IncompleteDraft]:
    """The drafts in the books that Stripe makes final by itself, with the hours of their periods that are missing."""
    return [
        IncompleteDraft(each.invoice_id, each.periods[0].customer_id, each.hours, each.finalizes_at)
        for each in metered_drafts(connection, catalogue, (), now)
        if each.finalizes_at is not None
    ]


def accepted_usage(connection: psycopg.Connection, tenant_id: str, hour: Hour) -> dict[str, int]:
    """Event name → what Stripe has accepted for a tenant's hour; a meter without a statement is left out."""
    row = {"tenant_id": tenant_id, "hour": hour.start}
    return dict(connection.execute(statement("accepted_usage"), row).fetchall())


def has_customer(connection: psycopg.Connection, tenant_id: str) -> bool:
    """Whether a tenant is imported with a Stripe customer."""
    return bool(value_of(connection, "has_customer", {"tenant_id": tenant_id}))


@dataclass(slots=True)
class AlertScan:
    """What one scan found, which families it could scan, and what the next scan must know."""

    memory: AlertMemory
    alerts: list[Alert] = field(default_factory=list)
    scanned: set[Family] = field(default_factory=set)

    def add(self, family: Family, *found: Alert | None) -> None:
        """Takes in everything of a family; nothing means that all is well."""
        self.scanned.add(family)
        self.alerts += [alert for alert in found if alert is not None]


@dataclass(frozen=True, slots=True)
class AlertScope:
    """What is scanned beside the exceptions.

    ``find_undelivered`` gives the hours that are to be billed, stale when they have been for ``stale_after``; it may
    raise ``LandingError``. The canary is flown, or it is not; hours close so long after their end.
    """

    find_undelivered: Callable[[], list[Hour]]
    stale_after: timedelta
    flies_canary: bool
    close_after: timedelta


def find_alerts(
    database: Database, catalogue: tuple[Meter, ...], scope: AlertScope, memory: AlertMemory, now: datetime
) -> AlertScan:
    """Open exceptions, usage near its deadline, drafts that lack hours, stale hours, the canary where it is flown.

    A landing zone that cannot be looked at is an alert of its own, and says nothing of stale hours.
    """
    scan = AlertScan(
        AlertMemory(memory.undelivered_since, min(memory.canary_since or now, now) if scope.flies_canary else None)
    )
    with database.connect() as connection:
        scan.add(Family.EXCEPTIONS, *(exceptions_alert(kind) for kind in open_kinds(connection, now)))
        scan.add(Family.UNMAPPED, unmapped_alert(unmapped_near_deadline(connection, now), now))
        scan.add(Family.DRAFTS, drafts_alert(incomplete_drafts(connection, catalogue, now), now))
    hour, flown_since = judged_hour(now, scope.close_after), scan.memory.canary_since
    is_judged = flown_since is not None and hour.start >= flown_since
    scan.add(Family.CANARY, _find_canary(database, catalogue, hour) if is_judged else None)
    try:
        undelivered = scope.find_undelivered()
    except LandingError as error:
        scan.add(Family.LANDING, landing_alert(str(error)))
        return scan
    scan.add(Family.LANDING)
    since = memory.seen(undelivered, now)
    scan.memory = AlertMemory(since, scan.memory.canary_since)
    scan.add(Family.STALE, stale_alert(since, now, scope.stale_after))
    return scan


def _find_canary(database: Database, catalogue: tuple[Meter, ...], hour: Hour) -> Alert | None:
    """The canary's alert of an hour that had not begun before it was first flown; none where that is not billed."""
    with database.connect() as connection:
        if not billing_start(connection).bills(hour):
            return None
        return canary_alert(
            hour,
            accepted_usage(connection, CANARY_TENANT, hour),
            catalogue,
            has_customer=has_customer(connection, CANARY_TENANT),
        )


@dataclass(slots=True)
class SendReport:
    """How many messages went out, and what went wrong; ``is_busy`` says that somebody else was sending."""

    sent: int = 0
    problems: list[str] = field(default_factory=list)
    is_busy: bool = False


def send_alerts(
    database: Database,
    channels: Sequence[AlertChannel],
    alerts: Iterable[Alert],
    scanned: AbstractSet[Family],
    now: datetime,
) -> SendReport:
    """Sends at most one message to each channel, and records what it took.

    A channel that does not take it gets it at the next scan; the others do not wait for it. Should the process die
    between message and record, the message is sent again: better twice than never.
    """
    report = SendReport()
    found = list(alerts)
    with database.connect() as connection, sole_sender(connection) as is_alone:
        if not is_alone:
            report.is_busy = True
            return report
        for channel in channels:
            notification = next_notification(found, open_alerts(connection, channel.name), scanned, now)
            if notification.is_empty:
                continue
            try:
                note = channel.send(one_line(notification.subject), visible(notification.text), now)
            except AlertNotSentError as error:
                report.problems.append(str(error))
                continue
            record_notification(connection, channel.name, notification, now)
            report.sent += 1
            if note is not None:
                report.problems.append(note)
    return report
