"""What is worth an alert, and what it says; the canary's known batch too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, plan_ranges
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.operations.rules.alert import Alert, Family, first_few
from fridge_pipeline.reason_codes import advised, kind_of
from fridge_pipeline.stripe.rules.meter_event import billing_deadline
from fridge_pipeline.visible import counted, quoted, shell_word

#: The tenant; an operator imports it with a Stripe customer of its own.
CANARY_TENANT = "canary"

SENSORS, READINGS_PER_SENSOR = 2, 2
TEMPERATURE_C = 4.0

#: By then, after an hour has closed, Stripe has accepted the hour's canary usage.
ARRIVED_WITHIN = timedelta(minutes=25)

#: What Stripe must have accepted for an hour.
EXPECTED = {INSERTED_COUNT: SENSORS * READINGS_PER_SENSOR, ACTIVE_SENSORS: SENSORS}


def canary_batch(hour: Hour) -> str:
    """The landing file of an hour: always the same text, so that writing it twice changes nothing."""
    lines = ["tenant_id,sensor_id,recorded_at,temperature_c"]
    for number in range(READINGS_PER_SENSOR):
        at = hour.start + number * timedelta(minutes=1)
        lines += [
            f"{CANARY_TENANT},canary-{sensor},{at:%Y-%m-%dT%H:%M:%SZ},{TEMPERATURE_C}"
            for sensor in range(1, SENSORS + 1)
        ]
    return "\n".join([*lines, ""])


def judged_hour(now: datetime, close_after: timedelta) -> Hour:
    """The newest hour whose canary usage must have arrived by now."""
    return Hour.containing(now - ONE_HOUR - close_after - ARRIVED_WITHIN)


def canary_alert(
    hour: Hour, accepted: Mapping[str, int], catalogue: tuple[Meter, ...], *, has_customer: bool
) -> Alert | None:
    """An alert unless Stripe has accepted exactly the hour's known usage; ``accepted`` is by event name."""
    told = []
    for meter in catalogue:
        found, expected = accepted.get(meter.event_name), EXPECTED.get(meter.measure)
        if expected is not None and found != expected:
            told.append(f"{meter.event_name}: {'nothing' if found is None else found} instead of {expected}")
    if not told:
        return None
    cause = "" if has_customer else f"\nThe tenant {CANARY_TENANT} has no Stripe customer: fridge tenants import."
    return Alert(
        Family.CANARY,
        "usage",
        f"the canary did not arrive in Stripe for {hour}",
        f"Stripe has accepted {'; '.join(told)}. Somewhere between landing zone and Stripe, usage does not get through."
        f"{cause}\nNext: see where it stopped with: fridge explain {CANARY_TENANT} {hour}",
    )


#: Usage without a customer is an alert when less than this is left to bill it.
UNMAPPED_NOTICE = timedelta(days=7)

REASON_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job with failed runs whose work is still not done; ``run_id`` and ``reason`` are the newest run's.

    ``since`` is when the first of these runs failed.
    """

    job_name: str
    failed_runs: int
    run_id: str
    works_on: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenKind:
    """The open exceptions of a kind; ``newest_at`` is when the newest of its tenants (or files) came to have one."""

    kind: str
    exceptions: int
    subjects: list[str]
    oldest_at: datetime
    newest_at: datetime
    deadline_at: datetime | None
    newest_tenant: str | None
    newest_hour: Hour | None


@dataclass(frozen=True, slots=True)
class UnmappedUsage:
    """Usage of a tenant without a Stripe customer, of the hours whose deadline is near."""

    tenant_id: str
    meter: str
    quantity: int
    hours: int
    bill_until: datetime


def failed_job_alert(failed: FailedJob, ui_url: str | None) -> Alert:
    """Runs that failed; where the UI's address is known, with the address of the newest run's page."""
    reason = " ".join(failed.reason.split())
    shown = reason if len(reason) <= REASON_LENGTH_MAX else f"{reason[:REASON_LENGTH_MAX]}…"
    page = f"{ui_url}/runs/{failed.run_id}" if ui_url else "the run in the Dagster UI"
    return Alert(
        Family.RUNS,
        failed.job_name,
        f"{counted(failed.failed_runs, 'run')} of {failed.job_name} failed",
        f"The newest, {failed.run_id}, worked on {failed.works_on} and says: {shown or 'nothing'}\n"
        "Nothing is lost: hours that are not delivered are tried again every few minutes, and what a schedule runs at "
        "its next time. Anything else that a person launched is not tried again.\n"
        f"Next: open {page}, remove the cause that it names, and check with: fridge doctor",
        since=failed.since,
    )


def exceptions_alert(found: OpenKind) -> Alert:
    """Exceptions of one kind that are open. What is near its deadline is an alert of its own."""
    advice = kind_of(found.kind)
    lines = [
        (
            f"{advice.means[0].upper()}{advice.means[1:]}. "
            f"{counted(found.exceptions, 'exception')}, open since {found.oldest_at:%Y-%m-%d %H:%M} UTC, newest first: "
            f"{first_few([quoted(each) if each else '(no name)' for each in found.subjects])}."
        )
    ]
    if found.deadline_at is not None:
        lines.append(f"The first can be billed until {found.deadline_at:%Y-%m-%d %H:%M} UTC.")
    look = f"fridge exceptions --kind {found.kind}"
    if found.newest_tenant is not None and found.newest_hour is not None:
        look = f"fridge explain {shell_word(found.newest_tenant)} {found.newest_hour}"
    lines.append(f"Next: {advised(found.kind)}. Look at the newest with: {look}")
    title = f"{counted(found.exceptions, 'exception')} of kind {found.kind} open"
    return Alert(Family.EXCEPTIONS, found.kind, title, "\n".join(lines), found.newest_at)


def unmapped_alert(found: Sequence[UnmappedUsage], now: datetime) -> Alert | None:
    """Usage that Stripe soon takes no more, because its tenant has no customer."""
    if not found:
        return None
    tenants = sorted({each.tenant_id for each in found})
    first = min(found, key=lambda each: (each.bill_until, each.tenant_id))
    days_left = max((first.bill_until - now).days, 0)
    shown = first_few([f"{quoted(each.tenant_id)}: {each.quantity} {each.meter} in {each.hours} h" for each in found])
    return Alert(
        Family.UNMAPPED,
        "deadline",
        f"usage of {counted(len(tenants), 'tenant')} without a Stripe customer runs out of time",
        f"{shown}. Stripe takes usage for 35 days: the first, of {quoted(first.tenant_id)}, can be billed until "
        f"{first.bill_until:%Y-%m-%d %H:%M} UTC, {counted(days_left, 'day')} from now.\n"
        "Next: make the customers in Stripe, put them into a file and run: fridge tenants import FILE.csv",
    )


@dataclass(frozen=True, slots=True)
class IncompleteDraft:
    """A draft invoice that Stripe makes final soon, of whose periods so many hours are not delivered."""

    invoice_id: str
    customer_id: str
    hours: int
    finalizes_at: datetime


#: So long before a draft becomes final it is told what it lacks: a working day to act in.
DRAFT_NOTICE = timedelta(hours=12)


def drafts_alert(found: Sequence[IncompleteDraft], now: datetime) -> Alert | None:
    """Invoices that are about to become final without usage of their periods."""
    near = sorted(
        (each for each in found if each.hours and now < each.finalizes_at <= now + DRAFT_NOTICE),
        key=lambda each: (each.finalizes_at, each.invoice_id),
    )
    if not near:
        return None
    shown = [
        f"{each.invoice_id} of {each.customer_id}: {counted(each.hours, 'hour')}, final at "
        f"{each.finalizes_at:%Y-%m-%d %H:%M} UTC"
        for each in near
    ]
    return Alert(
        Family.DRAFTS,
        "final",
        f"{counted(len(near), 'draft invoice')} soon final without all hours of the period",
        f"{first_few(shown)}. What Stripe accepts later is on no invoice.\n"
        "Next: see fridge invoices and fridge exceptions; deliver these hours, or hold drafts: FRIDGE_INVOICES=hold",
        newest_at=near[-1].finalizes_at - DRAFT_NOTICE,
    )


def stale_alert(undelivered_since: Mapping[Hour, datetime], now: datetime, stale_after: timedelta) -> Alert | None:
    """Closed hours that have landing files or usage and were not delivered for too long."""
    stale = sorted(hour for hour, since in undelivered_since.items() if now - since > stale_after)
    if not stale:
        return None
    ranges = plan_ranges(stale)
    shown = first_few([str(hours) for hours in ranges])
    return Alert(
        Family.STALE,
        "hours",
        f"{counted(len(stale), 'closed hour')} not delivered for over {stale_after / timedelta(hours=1):g} hours",
        f"Waiting: {shown}. Usage can be billed for 35 days, the oldest until "
        f"{billing_deadline(stale[0]):%Y-%m-%d %H:%M} UTC.\n"
        f"Next: run and read the error of: fridge bill --from {ranges[0].first} --to {ranges[0].last}",
    )


def landing_alert(reason: str) -> Alert:
    """Nobody can see what was delivered."""
    return Alert(
        Family.LANDING,
        "zone",
        "the landing zone cannot be listed",
        f"{' '.join(reason.split())}\n"
        "Nothing is loaded until it can. Next: make FRIDGE_LANDING_URI reachable and check with: fridge doctor",
    )
