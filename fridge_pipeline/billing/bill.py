"""Bill: bring Stripe's books to the usage of a range of hours, and say of each hour where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from fridge_pipeline.billing.deliver import DeliveryReport, deliver_hours
from fridge_pipeline.billing.ledger import hour_deliveries
from fridge_pipeline.billing.open_stripe import billing_start
from fridge_pipeline.billing.read_back import read_back_hours
from fridge_pipeline.billing.review import Outlier
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.billing.stage import stage_hours
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.exceptions import open_exceptions
from fridge_pipeline.database.run import Run
from fridge_pipeline.stripe.gateway import StripeGateway

#: What a round decides is what the next one can build upon. More than these wait for the next run.
ROUNDS_MAX = 10


@dataclass(slots=True)
class HourBill:
    """Where the billing of one hour stands; ``totals`` is what Stripe has accepted, by event name.

    ``delivery_seconds`` is the longest that a meter event took from its first attempt to Stripe's answer, and
    ``seconds_after_hour`` how long after the hour the last of its first meter events was accepted; ``None`` before.
    ``is_billed`` says that it is not before the billing start. ``outliers`` are usages far above their tenants' history
    that this run held, or warned of. ``left_out`` are undelivered statements of tenants that the run was not asked for.
    """

    hour: Hour
    is_closed: bool
    is_billed: bool = True
    accepted: int = 0
    undelivered: int = 0
    left_out: int = 0
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
        """It was loaded, and everything is delivered or is among the exceptions."""
        return self.undelivered == 0 and not self.is_unloaded


@dataclass(frozen=True, slots=True)
class BillReport:
    """The hours as they stand after billing, how delivery went, and why Stripe could not be read back, if so."""

    hours: list[HourBill]
    delivery: DeliveryReport
    unread: str | None = None

    @property
    def unsettled(self) -> list[HourBill]:
        """Hours that still wait for Stripe, or for their landing files."""
        return [bill for bill in self.hours if not bill.is_settled]


def bill_hours(
    run: Run,
    open_gateway: Callable[[], StripeGateway],
    hours: HourRange,
    policy: StagingPolicy,
    max_in_flight: int,
    tenants: Collection[str] | None = None,
) -> BillReport:
    """Stages and delivers the closed hours of a range and reads back what is unconfirmed; commits all that it learns.

    The gateway is opened only after the usage is staged: with Stripe down, events wait (law L9). Rounds go on while
    something was decided that staging waits for. With ``tenants`` nothing is sent of others: what is staged of them is
    ``left_out``, for the next run.
    """
    delivery, unread, outliers = DeliveryReport(), None, dict[tuple[Hour, str, str], Outlier]()
    for _ in range(ROUNDS_MAX):
        staged = stage_hours(run, hours, policy)
        outliers |= {each.key: each for each in staged.outliers}
        delivered = deliver_hours(run, open_gateway, hours, max_in_flight, tenants)
        delivery.add(delivered)
        if delivered.stopped is not None:
            break
        read_back = read_back_hours(run, open_gateway, hours, delivered.left)
        unread = read_back.stopped
        if not (read_back.settled or (delivered.settled and staged.waits)):
            break
    return BillReport(_as_they_stand(run, hours, policy, outliers.values(), tenants), delivery, unread)


def _as_they_stand(
    run: Run,
    hours: HourRange,
    policy: StagingPolicy,
    outliers: Iterable[Outlier],
    tenants: Collection[str] | None,
) -> list[HourBill]:
    """What the books say of each hour, with the outliers that were found in it."""
    now = run.clock()
    with run.database.connect() as connection:
        start = billing_start(connection)
        bills = {
            hour: HourBill(hour, hour.closed_at(now, policy.close_after), start.bills(hour)) for hour in hours.hours()
        }
        for delivery in hour_deliveries(connection, hours, tenants):
            bill = bills[delivery.hour]
            bill.accepted += delivery.accepted
            bill.undelivered += delivery.undelivered
            bill.left_out += delivery.left_out
            bill.totals[delivery.event_name] = delivery.accepted_value
            bill.delivery_seconds = _longer(bill.delivery_seconds, delivery.delivery_seconds)
            bill.seconds_after_hour = _longer(bill.seconds_after_hour, delivery.seconds_after_hour)
        for hour, exceptions in open_exceptions(connection, hours).items():
            bills[hour].exceptions = exceptions
    for outlier in outliers:
        bills[outlier.case.hour].outliers.append(outlier)
    return list(bills.values())


def _longer(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def explain_unsettled(report: BillReport) -> str:
    """One text for a person: what was delivered, what was not, why, and what happens next."""
    waiting = report.unsettled
    shown = ", ".join(bill.hour.key for bill in waiting[:5]) + (", …" if len(waiting) > 5 else "")  # noqa: PLR2004 # five are enough to look at
    outcomes = Counter({outcome.value: count for outcome, count in report.delivery.outcomes.items() if count})
    answers = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing was sent"
    unloaded = sum(bill.is_unloaded for bill in waiting)
    reasons = [f"{unloaded} could not be loaded, see fridge.exceptions"] if unloaded else []
    if unloaded < len(waiting):
        reasons += [f"meter {name}: {why}" for name, why in sorted(report.delivery.wrong_meters.items())]
        reasons += [why for why in (report.delivery.stopped, report.unread) if why is not None]
    if not reasons:
        reasons.append("some calls were not answered")
    return (
        f"{len(waiting)} of {len(report.hours)} hours are not delivered ({shown}): {'; '.join(reasons)}. "
        f"This push: {answers}. What is left keeps its identifiers; "
        "hourly_billing sends it, or run the hours again."
    )
