"""The meter catalogue: which measure is billed under which event name, how, and how far it may vary.

The method is robust: the middle of the newest hours with usage (their median) and their usual distance from it (the
median of the distances, MAD) hardly move when a few of these hours are odd themselves, where a mean and a standard
deviation would let one spike excuse the next. Usage passes up to

    median + the greater of (deviations x 1.4826 x MAD) and ((factor - 1) x median)

and in any case up to factor x the median of the newest day of these hours (``hours_min``): what has lasted for half a
day is a new level and no spike, so that a tenant that grows is not held for half a week.

1.4826 x MAD is the standard deviation of values that scatter normally. The first term gives room to tenants whose usage
scatters widely. The second is a floor for those whose usage is the same hour by hour, so that MAD is 0 and any change
would be infinitely many deviations. Hours without usage are not in the history: missing is not zero.

The defaults are wide. In eight months of real deliveries an ordinary day comes to at most 3.1 times its tenant's
median, the first one after a silence included, while a backlog of months that arrives within one hour comes to 13 to
157 times. Ten lies between: a day's backlog of somebody who delivers hour by hour is held too, a missed hour or two is
not. Ten deviations besides, because usage does not scatter normally and a false alarm costs a person's time.

Only too much is held. Too little is stated as it is: a restatement brings the rest whenever it is found, whereas a
customer who was billed too much has an invoice; and a sensor that falls silent is shown elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT, Measure

#: Times the MAD, this is the standard deviation of normally distributed values.
NORMAL_MAD = 1.4826


class Variance(StrEnum):
    """What is done about usage far above its history."""

    HOLD = "hold"  # an exception instead of a statement, until somebody releases it
    WARN = "warn"  # stated, and said so in the run
    OFF = "off"  # not looked at


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far above its history a meter's usage may be; a history of fewer than ``hours_min`` hours holds nothing."""

    factor: float = 10
    deviations: float = 10
    hours: int = 168  # a week, for whoever delivers every hour
    hours_min: int = 24

    def __post_init__(self) -> None:
        if not 1 <= self.factor < float("inf"):
            raise ValueError(f"factor is a number from 1, how many times the median passes; got {self.factor}")
        if not 0 <= self.deviations < float("inf"):
            raise ValueError(f"deviations is a number from 0, how many deviations pass; got {self.deviations}")
        if not 1 <= self.hours_min <= self.hours:
            raise ValueError(f"hours_min is from 1 up to hours, got hours_min {self.hours_min} and hours {self.hours}")


DEFAULT_TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True)
class History:
    """The newest hours with usage before an hour: how many, their median, and their median distance from it.

    ``recent_median`` is the median of the newest ``hours_min`` of them.
    """

    hours: int
    median: float
    deviation: float
    recent_median: float


def limit_of(history: History, tolerance: Tolerance) -> float | None:
    """The most that passes; ``None`` when the history is too short to say anything."""
    if history.hours < tolerance.hours_min:
        return None
    scatter = tolerance.deviations * NORMAL_MAD * history.deviation
    usual = history.median + max(scatter, (tolerance.factor - 1) * history.median)
    return max(usual, tolerance.factor * history.recent_median)


def stands_out(value: int, history: History, tolerance: Tolerance) -> bool:
    """Whether usage is above the most that passes."""
    limit = limit_of(history, tolerance)
    return limit is not None and value > limit


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
    Meter("temperature_readings", "Temperature readings stored", INSERTED_COUNT),
    Meter("active_sensors", "Active sensor-hours", ACTIVE_SENSORS),
)


def meter_of(event_name: str, catalogue: tuple[Meter, ...] = CATALOGUE) -> Meter:
    """The catalogue entry of an event name; ``KeyError`` names those that exist."""
    for meter in catalogue:
        if meter.event_name == event_name:
            return meter
    known = ", ".join(meter.event_name for meter in catalogue)
    raise KeyError(f"no meter {event_name!r} in the catalogue, which has {known}")
