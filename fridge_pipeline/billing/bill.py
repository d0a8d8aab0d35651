"""Bill: bring Stripe's books to the usage of a range of hours, and say of each hour where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fridge_pipeline.billing.ledger import hour_deliveries
from fridge_pipeline.billing.open_stripe import billing_start
from fridge_pipeline.billing.push import PushReport, push_hours
from fridge_pipeline.billing.read_back import read_back_hours
from fridge_pipeline.billing.review import Outlier
from fridge_pipeline.billing.rules.staging import StagingVerdict
from fridge_pipeline.billing.stage import stage_hours
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter, Variance
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import open_exceptions
from fridge_pipeline.database.failpoints import Witness, unwatched
from fridge_pipeline.stripe.gateway import StripeGateway

#: What a round decides is what the next one can build upon: a lost answer first, then what has changed since; one
#: cancellation after another, then what is left to state. More than these wait for the next run.
ROUNDS_MAX = 10

#: Verdicts that become others once something older is decided.
WAITING = (StagingVerdict.IN_FLIGHT, StagingVerdict.CREDIT)


@dataclass(slots=True)
class HourBill:
    """Where the billing of one hour stands; ``totals`` is what Stripe has accepted, by event name.

    ``delivery_seconds`` is the longest that a statement took from its first attempt to Stripe's answer, and
    ``seconds_after_hour`` how long after the hour the last of its first statements was accepted; ``None`` before.
    ``is_billed`` says that it is not before the billing start. ``outliers`` are usages far above their tenants' history
    that this run held, or warned of.
    """

    hour: Hour
    is_closed: bool
    is_billed: bool = True
    accepted: int = 0
    undelivered: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    exceptions: dict[str, int] = field(default_factory=dict)
    outliers: list[Outlier] = field(default_factory=list)
    delivery_seconds: float | None = None
    seconds_after_hour: float | None = None

    @property
    def is_unloaded(self) -> bool:
        """Its landing folder could not be listed, so nobody knows what there is to bill."""
        return "load_failed" in self.exceptions

    @property
    def is_settled(self) -> bool:
        """It was loaded, and everything is delivered or stands in the exceptions."""
        return self.undelivered == 0 and not self.is_unloaded


@dataclass(slots=True)
class BillReport:
    """The hours as they stand after billing, how the push went, and why Stripe could not be read back, if so."""

    hours: list[HourBill]
    push: PushReport
    unread: str | None = None

    @property
    def unsettled(self) -> list[HourBill]:
        """Hours that still wait for Stripe, or for their landing files."""
        return [bill for bill in self.hours if not bill.is_settled]


def bill_hours(
    database: Database,
    open_gateway: Callable[[], StripeGateway],
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    clock: Callable[[], datetime],
    close_after: timedelta,
    max_in_flight: int,
    run_id: str,
    witness: Witness = unwatched,
    variance: Variance = Variance.HOLD,
) -> BillReport:
    """Stages and pushes the closed hours of a range and reads back what is in doubt; commits everything it learns.

    The gateway is opened only after the usage is staged: with Stripe down, events wait (law L9). Rounds go on while
    something was decided that staging waits for.
    """
    push, unread = PushReport(), None
    outliers: dict[tuple[Hour, str, str], Outlier] = {}
    for _ in range(ROUNDS_MAX):
        staged = stage_hours(database, hours, catalogue, clock(), close_after, run_id, witness, variance)
        outliers |= {
            (each.case.hour, each.case.tenant_id, each.case.meter.event_name): each for each in staged.outliers
        }
        pushed = push_hours(database, open_gateway, hours, catalogue, clock, max_in_flight, run_id, witness)
        push.add(pushed)
        if push.stopped is not None:
            break
        read = read_back_hours(database, open_gateway, hours, clock, run_id, witness)
        unread = read.stopped
        if not read.settled and not (pushed.settled and any(staged.verdicts[waiting] for waiting in WAITING)):
            break
    bills = _bills(database, hours, clock(), close_after)
    for (hour, _, _), outlier in outliers.items():
        bills[hour].outliers.append(outlier)
    return BillReport(list(bills.values()), push, unread)


def _bills(database: Database, hours: HourRange, now: datetime, close_after: timedelta) -> dict[Hour, HourBill]:
    with database.connect() as connection:
        start = billing_start(connection)
        bills = {hour: HourBill(hour, hour.closed_at(now, close_after), start.bills(hour)) for hour in hours.hours()}
        for delivery in hour_deliveries(connection, hours):
            bill = bills[delivery.hour]
            bill.accepted += delivery.accepted
            bill.undelivered += delivery.undelivered
            bill.totals[delivery.event_name] = delivery.accepted_value
            bill.delivery_seconds = _longer(bill.delivery_seconds, delivery.delivery_seconds)
            bill.seconds_after_hour = _longer(bill.seconds_after_hour, delivery.seconds_after_hour)
        for hour, exceptions in open_exceptions(connection, hours).items():
            bills[hour].exceptions = exceptions
    return bills


def _longer(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def explain_unsettled(report: BillReport) -> str:
    """One text for a person: what was delivered, what was not, why, and what happens next."""
    waiting = report.unsettled
    shown = ", ".join(bill.hour.key for bill in waiting[:5]) + (", …" if len(waiting) > 5 else "")  # noqa: PLR2004 # five are enough to look at
    outcomes = Counter({outcome.value: count for outcome, count in report.push.outcomes.items() if count})
    answers = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing was sent"
    unloaded = sum(bill.is_unloaded for bill in waiting)
    reasons = [f"{unloaded} could not be loaded, see fridge.exceptions"] if unloaded else []
    if unloaded < len(waiting):
        reasons += [f"meter {name}: {why}" for name, why in sorted(report.push.wrong_meters.items())]
        reasons += [why for why in (report.push.stopped, report.unread) if why is not None]
    if not reasons:
        reasons.append("some calls were not answered")
    return (
        f"{len(waiting)} of {len(report.hours)} hours are not delivered ({shown}): {'; '.join(reasons)}. "
        f"This push: {answers}. What is left keeps its identifiers; "
        "hourly_billing sends it, or run the hours again."
    )
