"""The meter catalogue: which measure of usage is billed under which Stripe event name, and how it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fridge_pipeline.catalogue.variance import DEFAULT_TOLERANCE, Tolerance


class Measure(StrEnum):
    """What is counted, per tenant and hour."""

    INSERTED_COUNT = "inserted_count"  # readings stored for the first time
    ACTIVE_SENSORS = "active_sensors"  # distinct sensors with an inserted reading


class Formula(StrEnum):
    """How Stripe turns a customer's events into the quantity of a billing period."""

    SUM = "sum"  # adds the hours: readings, or sensor-hours
    LAST = "last"  # the newest event by timestamp: the sensors of the last hour


class Window(StrEnum):
    """Within which time a newer event of a customer overwrites the older one (fixed when a meter is created).

    ``HOUR``: docs.stripe.com/billing/subscriptions/usage-based/meters/configure, ``event_time_window``.
    """

    HOUR = "hour"
    NONE = "none"  # raw: every event counts


class Restatement(StrEnum):
    """How an hour that Stripe has been told is corrected; follows from how the meter was created."""

    TOTAL = "total"  # Stripe keeps the newest event: send the hour's total again
    DIFFERENCE = "difference"  # Stripe adds every event up: send what is missing, cancel what is too much


@dataclass(frozen=True, slots=True)
class Meter:
    """One catalogue entry: measure → Stripe event name. More than ``tolerance`` allows is held for review."""

    event_name: str
    display_name: str
    measure: Measure
    formula: Formula = Formula.SUM
    window: Window = Window.HOUR
    tolerance: Tolerance = DEFAULT_TOLERANCE

    def __post_init__(self) -> None:
        if not self.event_name or ":" in self.event_name:
            raise ValueError(
                f"a meter's event name is not empty and holds no colon, which separates the parts of an "
                f"identifier; got {self.event_name!r}"
            )

    @property
    def restatement(self) -> Restatement:
        """Only a raw ``sum`` meter adds all events of an hour; every other one keeps the newest."""
        adds_up = self.window is Window.NONE and self.formula is Formula.SUM
        return Restatement.DIFFERENCE if adds_up else Restatement.TOTAL

    @property
    def is_ordered_by_timestamp(self) -> bool:
        """Whether Stripe tells the newest of an hour's events by their timestamps: a raw ``last`` meter."""
        return self.window is Window.NONE and self.formula is Formula.LAST


#: The default catalogue. Both meters overwrite within the hour, so an hour can be restated by its total.
CATALOGUE = (
    Meter("temperature_readings", "Temperature readings stored", Measure.INSERTED_COUNT),
    Meter("active_sensors", "Active sensor-hours", Measure.ACTIVE_SENSORS),
)


def meter_of(event_name: str, catalogue: tuple[Meter, ...] = CATALOGUE) -> Meter:
    """The catalogue entry of an event name; ``KeyError`` names those that exist."""
    for meter in catalogue:
        if meter.event_name == event_name:
            return meter
    known = ", ".join(meter.event_name for meter in catalogue)
    raise KeyError(f"no meter {event_name!r} in the catalogue, which has {known}")
