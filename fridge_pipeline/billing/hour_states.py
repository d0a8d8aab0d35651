"""How hours stand: what came, what is stated, what waits. Reads only; the sweep decides for itself what it takes up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import meters_of, span_of, statement


class Delivery(StrEnum):
    """What has become of an hour's usage at Stripe."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXCEPTED = "excepted"  # what is not stated waits for a person, as an exception says
    NOT_BILLED = "not billed"  # it lies before the billing start


@dataclass(frozen=True, slots=True)
class HourState:
    """An hour that holds anything. Counts of landing files, readings, tenants with usage, meter events, exceptions.

    ``under_way`` are meter events that Stripe has not settled, ``unstated`` tenants' meters whose usage Stripe has
    otherwise, is not settled, and no open exception speaks of; ``is_to_count``: its landing files have changed since it
    was counted.
    """

    hour: datetime
    files: int
    inserted: int
    rejected: int
    tenants: int
    accepted: int
    under_way: int
    unstated: int
    exceptions: int
    is_to_count: bool
    is_before_start: bool

    @property
    def delivery(self) -> Delivery:
        """What waits for the pipeline comes before what waits for a person."""
        if self.under_way or self.unstated or self.is_to_count:
            return Delivery.UNDELIVERED
        if self.exceptions:
            return Delivery.EXCEPTED
        return Delivery.NOT_BILLED if self.is_before_start else Delivery.DELIVERED


def hour_states(connection: psycopg.Connection, hours: HourRange, catalogue: Sequence[Meter]) -> list[HourState]:
    """The hours of a range of which the books hold anything, in order; the others are left out."""
    with connection.cursor(row_factory=class_row(HourState)) as cursor:
        return cursor.execute(statement("hour_states"), {**span_of(hours), **meters_of(catalogue)}).fetchall()
