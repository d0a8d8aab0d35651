"""Passed over: usage that was to be billed, in hours that the billing start was moved past; each move is told once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.ledger import former_meters
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, open_exception
from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP
from fridge_pipeline.stripe.rules.meter_event import billing_deadline
from fridge_pipeline.visible import counted

#: So long after a move its hours are looked at, and so far back from it. Files of them that come later, and usage that
#: was longer too late by then, change nothing any more.
LOOKED_AT, LOOKED_BACK = OLDEST_TIMESTAMP, 2 * OLDEST_TIMESTAMP


class Move(NamedTuple):
    """A decision that moved the billing start forward; ``bill_from`` is ``None`` for never."""

    decision: int
    bill_from: datetime | None
    moved_at: datetime

    @property
    def start(self) -> BillingStart:
        """Where it was moved to."""
        return BillingStart(None if self.bill_from is None else Hour(self.bill_from))

    @property
    def key(self) -> ExceptionKey:
        """The query ``passed_over`` finds what is settled by the end of the subject."""
        return ExceptionKey("passed_over", None, None, f"{self.start} (decision {self.decision})")


@dataclass(frozen=True, slots=True)
class PassedOver:
    """What a move has left of a meter: ``owed`` that Stripe does not have, and ``excess`` that it has too much."""

    event_name: str
    first_hour: datetime
    last_hour: datetime
    hours: int
    tenants: int
    owed: int
    excess: int

    def __str__(self) -> str:
        excess = f", and {self.excess} that Stripe has too much" if self.excess else ""
        return f"{self.owed} {self.event_name} of {counted(self.tenants, 'tenant')} in {self.hours} hours{excess}"


def tell_passed_over(connection: psycopg.Connection, catalogue: tuple[Meter, ...], now: datetime) -> None:
    """Opens an exception for each late move with such usage, or brings it up to date, and closes it once none is left.

    What a person has settled of a move is not told again, whatever is loaded of its hours later.
    """
    owing = (*catalogue, *former_meters(connection, catalogue))
    event_names = [meter.event_name for meter in owing]
    asked = {"event_names": event_names, "since": now - LOOKED_AT, "back": LOOKED_BACK}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("passed_over"), asked).fetchall()
    for move, found in groupby(rows, key=lambda row: Move(*(row.pop(name) for name in Move._fields))):
        meters = [PassedOver(**row) for row in found if row["event_name"] is not None]
        if meters:
            first = Hour(min(each.first_hour for each in meters))
            open_exception(connection, move.key, _detail(move, first, meters), now, deadline_at=billing_deadline(first))
        else:
            close_exception(connection, move.key, now)


def _detail(move: Move, first: Hour, meters: list[PassedOver]) -> str:
    last = Hour(max(each.last_hour for each in meters))
    return (
        f"{' and '.join(map(str, meters))}, from {first} to {last}, were to be billed until FRIDGE_BILL_FROM was set "
        f"to {move.start} at {move.moved_at:%Y-%m-%d %H:%M} UTC, and are not stated. To have them billed: "
        f"FRIDGE_BILL_FROM=never, then {first}. If another system bills them: fridge settle EXCEPTION --how no_loss; "
        "if nobody does: --how written_off."
    )
