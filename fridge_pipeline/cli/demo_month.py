"""The demo's billing month: it ends at midnight, its invoices are usage, and one late file misses them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from rich.table import Table

from fridge_pipeline.billing.open_stripe import books_are_claimed
from fridge_pipeline.calendar.days import ONE_DAY, DayRange, Month, day_of
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.cli.await_billing import await_billed
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.up import Running
from fridge_pipeline.corrections.correction_record import differences
from fridge_pipeline.corrections.propose import documents_for
from fridge_pipeline.corrections.rules.proposal import Difference, Proposed
from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.installation import Installation
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.orchestration.headless import HeadlessRunner, RangeRun
from fridge_pipeline.stripe.demo_billing import finalize_demo, subscribe_demo

#: What a unit of each meter costs in the demo, in cents.
CENTS = {"temperature_readings": Decimal("0.5"), "active_sensors": Decimal(5)}

#: A draft appears a quarter of an hour after its period; so long before now the month has ended at the latest.
ENDED_BEFORE = ONE_HOUR

#: The late file's hour, so long before the month's end; its readings come every five minutes.
LATE_HOUR_BEFORE = timedelta(hours=3)
LATE_READINGS = 12


def month_end(now: datetime) -> datetime:
    """The last midnight that is over for an hour."""
    return Hour.containing(now - ENDED_BEFORE).start.replace(hour=0)


def begin_demo_month(opened: Installation, tenants: Sequence[Tenant]) -> None:
    """Subscribes the demo's customers, in a sandbox to which nothing was stated yet: their month ends at midnight."""
    ledger = opened.ledger
    with ledger.database.connect() as connection:
        if books_are_claimed(connection) or not ledger.settings.uses_local_sandbox:
            return
    priced = {meter.event_name: CENTS[meter.event_name] for meter in ledger.catalogue if meter.event_name in CENTS}
    customers = [tenant.stripe_customer_id for tenant in tenants if tenant.stripe_customer_id is not None]
    end = month_end(ledger.clock())
    subscribe_demo(opened.stripe.gateway(), customers, priced, _month_before(end), end)


def end_demo_month(started: Running, span: HourRange, late_tenant: str, runner: HeadlessRunner) -> None:
    """Makes the month's invoices final, bills a file that comes after that, and shows what invoices say."""
    opened = started.installation
    ledger = opened.ledger
    end = month_end(ledger.clock())
    if not ledger.settings.uses_local_sandbox or end - LATE_HOUR_BEFORE < span.first.start:
        return
    if finalize_demo(opened.stripe.gateway()):
        hour = Hour(end - LATE_HOUR_BEFORE)
        _land_late(Path(ledger.settings.landing_uri), hour, late_tenant)
        if await_billed(started, HourRange(hour, hour)).is_interrupted:
            raise KeyboardInterrupt  # a return would have the demo go on, and signals are ignored by now
    with console.status("reading the invoices"):
        tell_failure(runner.read_invoices(DayRange(day_of(Hour(end)), ledger.clock().date())))
        with ledger.database.connect() as connection:
            found = differences(connection, end - ONE_DAY, end)
    proposed, _ = documents_for(found)
    if found:
        _show([each for each, _ in found], proposed, end)


def tell_failure(run: RangeRun) -> None:
    """What went wrong, if anything did; the demo goes on to its UI, which shows the run."""
    if run.failure is not None:
        console.print(f"{run.hours}: {run.failure}", style="red")


def _month_before(end: datetime) -> datetime:
    """A month earlier; of a day that the month before has not, its last one."""
    before = Month.containing(end).before
    return before.start + timedelta(days=min(end.day, (before.end - before.start).days) - 1)


def _land_late(root: Path, hour: Hour, tenant_id: str) -> None:
    """A gateway that was offline delivers its readings, under a temporary name first."""
    rows = [
        f"{tenant_id},freezer-in-the-cellar,{hour.start + number * timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ},-18.0"
        for number in range(LATE_READINGS)
    ]
    path = root / hour.folder / f"gateway-{tenant_id}-late.csv"
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text("\n".join(["tenant_id,sensor_id,recorded_at,temperature_c", *rows, ""]))
    unfinished.rename(path)


def _show(found: Sequence[Difference], proposed: Sequence[Proposed], end: datetime) -> None:
    documents = {(each.customer_id, each.event_name): each for each in proposed}
    table = Table(title=f"The month that ended at {end:%Y-%m-%d %H:%M} UTC", title_justify="left")
    for name in ("tenant", "meter"):
        table.add_column(name, no_wrap=True)
    for name in ("usage", "invoiced", "to correct"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found:
        document = documents.get((each.customer_id, each.event_name))
        correction = "" if document is None else f"{document.delta:+f}, {money(document.amount, document.currency)}"
        table.add_row(each.tenant_id, each.event_name, f"{each.usage:,f}", f"{each.invoiced:,f}", correction)
    console.print(table)
    for cause in sorted({each.cause for each in found if each.cause}):
        console.print(f"{cause}: {INVOICE_CAUSES[cause].meaning}", soft_wrap=True)
    if proposed:
        month = Month.containing(end - ONE_HOUR)
        console.print(
            f"fridge correct {month} --as LOGIN proposes it, another login approves it; fridge people add makes logins",
            soft_wrap=True,
        )
