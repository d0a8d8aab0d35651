"""Rehearse: one billing cycle on a test clock, from a landing file to an invoice, in a temporary installation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fridge_pipeline.billing.bill import bill_hours
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Variance
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.exceptions import open_exceptions
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.compared import compared_invoices
from fridge_pipeline.invoices.invoice_record import Reading, add_invoice, keep_day, keep_items, keep_prices
from fridge_pipeline.invoices.rules.mode import InvoiceMode
from fridge_pipeline.operations.rehearsed_account import Account, read_account
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.operations.rules.rehearsal import (
    Outcome,
    judge_anchor,
    judge_grace,
    judge_invoice,
    judge_outcome,
    judge_prices,
)
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_writes import schedule_draft
from fridge_pipeline.stripe.rules.invoice import Invoice, Price, SubscriptionItem
from fridge_pipeline.stripe.test_clocks import (
    advance_clock,
    create_clock,
    create_customer,
    delete_clock,
    invoices_of_customer,
    subscribe,
)
from fridge_pipeline.usage.count import count_usage

#: The cycle begins so long ago, so that its usage is neither too old nor too early by Stripe's time or by the clock's.
BEGAN_AGO = timedelta(hours=24)

#: In which hours of it how many readings of how many sensors land. The first one is the hour that an anchor may cut.
HOURS = {0: (2, 3), 1: (2, 6), 5: (1, 4)}

#: The last of these hours is over by then.
USED_WITHIN = timedelta(hours=7)

#: A draft comes minutes after its period; where Stripe says no time, it is looked for after so many hours.
DRAFT_WITHIN = timedelta(minutes=10)
LOOKED_AFTER = tuple(timedelta(hours=hours) for hours in (2, 6, 12, 25, 49, 73))

#: A mark of nobody's: it goes with the clock.
REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Stage:
    """The temporary installation and the conditions of the real one; ``run`` has books of its own and the real time."""

    run: Run
    landing: Path
    workspace: Path
    gateway: StripeGateway
    close_after: timedelta
    mode: InvoiceMode
    longest_hold: timedelta
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Part:
    """Who is rehearsed: a tenant, and its Stripe customer where it has one."""

    tenant_id: str
    customer_id: str | None


@dataclass(slots=True)
class RehearsalReport:
    """What was found, in order; how many clocks were made, and what is left in Stripe beside meter events of nobody."""

    clocks: int = 0
    checks: list[HealthCheck] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing would go wrong."""
        return all(check.grade is not Grade.WRONG for check in self.checks)


def rehearse(stage: Stage, parts: Sequence[Part], price_ids: Sequence[str]) -> RehearsalReport:
    """Lets each part run through one cycle; with ``price_ids`` a subscription of these, else copies of its own.

    A part whose customer has no subscription gets the price of each meter, where the account has just one. Nothing is
    made when the key may not read what the pipeline reads. Every clock is deleted again, whatever happens; meter events
    stay in Stripe, of customers that are no more. Raises ``StripeCallError`` when Stripe cannot be asked at all.
    """
    report = RehearsalReport()
    account = read_account(stage.gateway, stage.run.catalogue, price_ids)
    report.checks += account.checks
    if not report.is_well:
        return report
    for part in parts:
        try:
            _Cycle(stage, part, account, report).play()
        except StripeCallError as error:
            report.checks.append(_refused(part, error))
    return report


def _refused(part: Part, error: StripeCallError) -> HealthCheck:
    do = "see what Stripe says"
    if error.is_key_refused:
        do = "give the key this permission; a rehearsal writes test clocks, customers and subscriptions too"
    return HealthCheck(f"{part.tenant_id}, rehearsal", Grade.WRONG, str(error), do)


@dataclass(slots=True)
class _Cycle:
    """One tenant's cycle under way."""

    stage: Stage
    part: Part
    account: Account
    report: RehearsalReport
    items: list[SubscriptionItem] = field(default_factory=list)

    def play(self) -> None:
        shapes, prices = self.account.shapes_of(self.part.customer_id)
        billed = [price_id for shape in shapes for price_id in shape.price_ids]
        names = [meter.event_name for meter in self.stage.run.catalogue]
        self.report.checks += judge_prices(self.part.tenant_id, names, billed, prices)
        self.report.checks += [judge_anchor(self.part.tenant_id, shape.anchored_at) for shape in shapes]
        if not shapes:
            return
        began = Hour.containing(self.stage.run.clock() - BEGAN_AGO)
        anchored = shapes[0].anchored_at
        starts = began.start + timedelta(minutes=anchored.minute, seconds=anchored.second)
        with self._clock(starts) as clock_id:
            customer_id = create_customer(self.stage.gateway, clock_id, f"{REHEARSAL} of {self.part.tenant_id}")
            for shape in shapes:
                self.items += subscribe(self.stage.gateway, customer_id, shape)
            self._advance(clock_id, starts + USED_WITHIN)
            self._use(customer_id, began)
            invoice, final_at = self._invoice(clock_id, customer_id)
            if invoice is not None:
                self._compare(invoice, prices, began, final_at)

    @contextmanager
    def _clock(self, starts: datetime) -> Iterator[str]:
        gateway = self.stage.gateway
        clock_id = create_clock(gateway, starts, f"{REHEARSAL} of {self.part.tenant_id}")
        self.report.clocks += 1
        try:
            yield clock_id
        finally:
            try:
                delete_clock(gateway, clock_id)
            except StripeCallError as error:
                self.report.left.append(f"{clock_id}, with its customer: delete it in Stripe ({error})")

    def _advance(self, clock_id: str, to: datetime) -> None:
        advance_clock(self.stage.gateway, clock_id, to, self.stage.sleep)

    def _use(self, customer_id: str, began: Hour) -> None:
        """A landing file for each hour, loaded, counted and billed."""
        stage, tenant_id = self.stage, self.part.tenant_id
        with stage.run.database.connect() as connection:
            tenant = Tenant(tenant_id, None, customer_id)
            import_tenants(connection, [tenant], stage.run.clock(), reason=REHEARSAL)
        for number, (sensors, each) in HOURS.items():
            _land(stage.landing, tenant_id, began.plus(number), sensors, each)
        hours = HourRange(began, began.plus(max(HOURS)))
        loads = list(load_hours(stage.run, LocalLanding(str(stage.landing)), hours, stage.workspace))
        count_usage(stage.run.database, hours, stage.run.clock())
        policy = StagingPolicy(stage.close_after, Variance.OFF)
        done = bill_hours(stage.run, lambda: stage.gateway, hours, policy, max_in_flight=1)
        with stage.run.database.connect() as connection:
            kinds = sorted({kind for of_hour in open_exceptions(connection, hours).values() for kind in of_hour})
        rows = sum(file.inserted_count for load in loads for file in load.loaded)
        text = f"{rows} readings of {len(HOURS)} landing files; Stripe accepted {done.delivery.accepted} meter events"
        if kinds:
            do = "see the kind in docs/runbook.md"
            check = HealthCheck(f"{tenant_id}, usage", Grade.WRONG, f"{text}; open: {', '.join(kinds)}", do)
        else:
            check = HealthCheck(f"{tenant_id}, usage", Grade.OK, text)
        self.report.checks.append(check)

    def _invoice(self, clock_id: str, customer_id: str) -> tuple[Invoice | None, datetime]:
        """The invoice of the first period once it is final, or as it is when it does not become final."""
        stage, who = self.stage, self.part.tenant_id
        ends = min(item.period_end for item in self.items)
        now = ends + DRAFT_WITHIN
        self._advance(clock_id, now)
        invoice = self._of_period(customer_id, ends)
        if invoice is None:
            text = f"Stripe made no invoice within {DRAFT_WITHIN} of the period's end"
            self.report.checks.append(
                HealthCheck(f"{who}, invoice", Grade.WRONG, text, "see the subscription in Stripe")
            )
            return None, now
        final = invoice.finalizes_at
        times = [final + DRAFT_WITHIN] if final is not None else [ends + after for after in LOOKED_AFTER]
        if stage.mode is InvoiceMode.HOLD and invoice.is_draft:
            until = ends + stage.longest_hold
            schedule_draft(stage.gateway, invoice.invoice_id, until, REHEARSAL, f"{REHEARSAL}:{invoice.invoice_id}")
            text = f"{invoice.invoice_id} is held for {stage.longest_hold} after its period"
            self.report.checks.append(HealthCheck(f"{who}, hold", Grade.OK, text))
            times = [until + DRAFT_WITHIN]
        for moment in times:
            if not invoice.is_draft:
                break
            now = moment
            self._advance(clock_id, now)
            invoice = self._of_period(customer_id, ends) or invoice
        grace = (final or invoice.finalized_at or now) - ends if final or not invoice.is_draft else None
        self.report.checks.append(judge_grace(who, grace, stage.close_after, stage.mode))
        self.report.checks.append(judge_invoice(who, invoice))
        return invoice, now

    def _of_period(self, customer_id: str, ends: datetime) -> Invoice | None:
        own = {item.item_id for item in self.items}
        found = [
            invoice
            for invoice in invoices_of_customer(self.stage.gateway, customer_id)
            if any(line.item_id in own and line.period_end == ends and line.quantity for line in invoice.lines)
        ]
        return found[-1] if found else None

    def _compare(self, invoice: Invoice, prices: dict[str, Price], began: Hour, now: datetime) -> None:
        """As the pipeline does, in the temporary books and by the clock's time."""
        run = replace(self.stage.run, clock=lambda: now)
        reading = Reading(now, run.run_id)
        with run.database.connect() as connection, connection.transaction():
            keep_prices(connection, prices.values(), {}, reading)
            keep_items(connection, self.items, {}, reading)
            add_invoice(connection, invoice, reading)
            for day in DayRange(began.start.date(), now.astimezone(UTC).date()).days():
                keep_day(connection, day, 1, reading)
        compare_invoices(run)
        with run.database.connect() as connection:
            rows = compared_invoices(connection, began.start, now, self.part.tenant_id)
        outcomes = [
            Outcome(
                self.part.tenant_id,
                row.invoice_id,
                row.event_name,
                row.usage_quantity,
                row.invoice_quantity,
                row.cause,
            )
            for row in rows
        ]
        self.report.outcomes += outcomes
        self.report.checks += [judge_outcome(each) for each in outcomes]


def _land(landing: Path, tenant_id: str, hour: Hour, sensors: int, each: int) -> None:
    """A landing file as a gateway delivers it."""
    folder = landing / hour.folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "tenant_id": tenant_id,
            "sensor_id": f"{REHEARSAL}-{sensor}",
            "recorded_at": (hour.start + number * timedelta(minutes=5)).isoformat(),
            "temperature_c": 4.5,
        }
        for sensor in range(sensors)
        for number in range(each)
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / f"{len(list(folder.iterdir()))}.ndjson").write_text(text, encoding="utf-8")
