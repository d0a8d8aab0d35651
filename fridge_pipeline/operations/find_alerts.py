"""Find alerts: what in the books and the landing zone somebody must be told of; changes nothing that is billed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fridge_pipeline.billing.billing_start_record import billing_start
from fridge_pipeline.billing.watch import find_hours_to_bill
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.operations.alert_record import (
    accepted_usage,
    has_customer,
    open_kinds_to_tell,
    unmapped_near_deadline,
)
from fridge_pipeline.operations.rules.alert import Alert, Family
from fridge_pipeline.operations.rules.alert_causes import exceptions_alert, landing_alert, stale_alert, unmapped_alert
from fridge_pipeline.operations.rules.alert_memory import AlertMemory
from fridge_pipeline.operations.rules.canary import CANARY_TENANT, canary_alert, judged_hour


@dataclass(slots=True)
class Look:
    """What one look found, which families it could look at, and what the next look must know."""

    memory: AlertMemory
    alerts: list[Alert] = field(default_factory=list)
    looked_at: set[Family] = field(default_factory=set)

    def add(self, family: Family, *found: Alert | None) -> None:
        """Takes in everything of a family; nothing means that all is well."""
        self.looked_at.add(family)
        self.alerts += [alert for alert in found if alert is not None]


def find_alerts(
    database: Database,
    open_zone: Callable[[], LandingZone],
    grid: HourRange,
    catalogue: tuple[Meter, ...],
    now: datetime,
    close_after: timedelta,
    stale_after: timedelta,
    memory: AlertMemory,
    *,
    flies_canary: bool,
) -> Look:
    """Open exceptions, unmapped usage near its deadline, stale hours, and the canary where it is flown.

    A landing zone that cannot be looked at is an alert of its own, and says nothing of stale hours.
    """
    look = Look(AlertMemory(memory.undelivered_since, (memory.canary_since or now) if flies_canary else None))
    with database.connect() as connection:
        look.add(Family.EXCEPTIONS, *(exceptions_alert(kind) for kind in open_kinds_to_tell(connection)))
        look.add(Family.UNMAPPED, unmapped_alert(unmapped_near_deadline(connection, now), now))
    look.add(Family.CANARY, _find_canary(database, catalogue, now, look.memory.canary_since))
    try:
        undelivered = find_hours_to_bill(database, open_zone(), grid, catalogue, now, close_after)
    except LandingError as error:
        look.add(Family.LANDING, landing_alert(str(error)))
        return look
    look.add(Family.LANDING)
    since = memory.seen(undelivered, now)
    look.memory = AlertMemory(since, look.memory.canary_since)
    look.add(Family.STALE, stale_alert(since, now, stale_after))
    return look


def _find_canary(
    database: Database, catalogue: tuple[Meter, ...], now: datetime, since: datetime | None
) -> Alert | None:
    """The canary's alert; none for hours that had begun before it was first flown, or that are not billed."""
    hour = judged_hour(now)
    if since is None or hour.start < since:
        return None
    with database.connect() as connection:
        if not billing_start(connection).bills(hour):
            return None
        return canary_alert(
            hour,
            accepted_usage(connection, CANARY_TENANT, hour),
            catalogue,
            has_customer=has_customer(connection, CANARY_TENANT),
        )
