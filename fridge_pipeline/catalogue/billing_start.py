"""The billing start: the first hour that is stated to Stripe. Earlier hours are counted, and never stated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from fridge_pipeline.calendar.hours import Hour

NEVER = "never"


@dataclass(frozen=True, slots=True)
class BillingStart:
    """``first`` is the first hour that is stated; ``None`` while no hour is: shadow mode."""

    first: Hour | None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What a setting says: a partition key, or ``never``. Raises ``NotAnHourError``."""
        return cls(None if text == NEVER else Hour.from_key(text))

    def bills(self, hour: Hour) -> bool:
        """Whether usage of this hour is stated to Stripe."""
        return self.first is not None and hour >= self.first

    @property
    def restriction(self) -> str | None:
        """What is not stated, in words; ``None`` when every hour is."""
        if self == EVERY_HOUR:
            return None
        if self.first is None:
            return "shadow mode: hours are counted and nothing is stated to Stripe"
        return f"hours before {self.first} are counted and never stated to Stripe"

    def __str__(self) -> str:
        return NEVER if self.first is None else self.first.key


#: Where nothing else was ever decided.
EVERY_HOUR = BillingStart(Hour(datetime.min.replace(tzinfo=UTC)))


@dataclass(frozen=True, slots=True)
class BilledHours:
    """The hours of a meter: from one hour on, until another one that is not among them; ``None`` is no such end."""

    stretches: tuple[tuple[datetime | None, datetime | None], ...]

    def bills(self, hour: Hour) -> bool:
        """Whether usage of this hour is stated by this meter."""
        return any(
            (first is None or hour.start >= first) and (until is None or hour.start < until)
            for first, until in self.stretches
        )


ALL_HOURS = BilledHours(((None, None),))
