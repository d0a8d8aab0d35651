"""Rehearse: one billing cycle on a test clock, from a landing file to an invoice, in a temporary installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.compared import compared_invoices
from fridge_pipeline.invoices.invoice_record import Reading, add_invoice, keep_day, keep_items, keep_prices
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.operations.rehearsed_account import Account, read_account
from fridge_pipeline.operations.rehearsed_usage import REHEARSAL, USED_WITHIN, use
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
from fridge_pipeline.stripe.rules.correction import DocumentKind, Wish
from fridge_pipeline.stripe.rules.invoice import Invoice, Price, SubscriptionItem
from fridge_pipeline.stripe.test_clocks import (
    advance_clock,
    create_clock,
    create_customer,
    delete_clock,
    invoices_of_customer,
    subscribe,
)
from fridge_pipeline.stripe.writes import create_document, schedule_draft

#: The cycle begins so long ago, so that its usage is neither too old nor too early by Stripe's time or by the clock's.
BEGAN_AGO = timedelta(hours=24)

#: The invoice of a subscription's beginning, which bills no usage.
FIRST = "subscription_create"

#: A draft comes minutes after its period; where Stripe says no time, it is looked for after so many hours.
DRAFT_WITHIN = timedelta(minutes=10)
LOOKED_AFTER = tuple(timedelta(hours=hours) for hours in (2, 6, 12, 25, 49, 73))


@dataclass(frozen=True, slots=True)
class Stage:
    """The temporary installation and the conditions of the real one; ``run`` has books of its own and the real time."""

    run: Run
    folder: Path
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
    invoices: list[Invoice] = field(default_factory=list)
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
            stage, tenant = self.stage, Tenant(self.part.tenant_id, None, customer_id)
            self.report.checks.append(use(stage.run, stage.folder, stage.gateway, tenant, began, stage.close_after))
            invoices, now = self._invoices(clock_id, customer_id)
            self.report.invoices += invoices
            self._compare(invoices, prices, began, now)
            self.report.checks += self._writes(customer_id, now)

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

    def _invoices(self, clock_id: str, customer_id: str) -> tuple[list[Invoice], datetime]:
        """The first period's invoices, one for each subscription, once they are final, or as they are at the last."""
        stage, who = self.stage, self.part.tenant_id
        ends = min(item.period_end for item in self.items)
        now = ends + DRAFT_WITHIN
        self._advance(clock_id, now)
        invoices = self._of_period(customer_id, ends)
        if not invoices:
            text = f"Stripe made no invoice within {DRAFT_WITHIN} of the period's end"
            check = HealthCheck(f"{who}, invoice", Grade.WRONG, text, "see the subscription in Stripe")
            self.report.checks.append(check)
            return [], now
        scheduled = [each.finalizes_at for each in invoices if each.finalizes_at is not None]
        times = [max(scheduled) + DRAFT_WITHIN] if scheduled else [ends + after for after in LOOKED_AFTER]
        if stage.mode is InvoiceMode.HOLD:
            times = [self._held(invoices, ends) + DRAFT_WITHIN]
        for moment in times:
            if not any(each.is_draft for each in invoices):
                break
            now = moment
            self._advance(clock_id, now)
            invoices = self._of_period(customer_id, ends) or invoices
        final = [each.finalized_at for each in invoices if each.finalized_at is not None]
        first = min(scheduled or final, default=None)
        grace = first - ends if first is not None else None
        self.report.checks.append(judge_grace(who, grace, stage.close_after, stage.mode))
        self.report.checks += [judge_invoice(who, each) for each in invoices]
        return invoices, now

    def _held(self, invoices: Sequence[Invoice], ends: datetime) -> datetime:
        """Holds the drafts as FRIDGE_INVOICES=hold would, and says until when."""
        stage, until = self.stage, ends + self.stage.longest_hold
        for each in invoices:
            if each.is_draft:
                schedule_draft(stage.gateway, each.invoice_id, until, REHEARSAL, f"{REHEARSAL}:{each.invoice_id}")
                text = f"{each.invoice_id} is held until {until:%Y-%m-%d %H:%M} UTC"
                self.report.checks.append(HealthCheck(f"{self.part.tenant_id}, hold", Grade.OK, text))
        return until

    def _of_period(self, customer_id: str, ends: datetime) -> list[Invoice]:
        own = {item.item_id for item in self.items}
        return [
            invoice
            for invoice in invoices_of_customer(self.stage.gateway, customer_id)
            if invoice.billing_reason != FIRST
            and any(line.item_id in own and line.period_end == ends for line in invoice.lines)
        ]

    def _writes(self, customer_id: str, now: datetime) -> Iterator[HealthCheck]:
        """Whether the key could write a correction, by one that goes with the clock; a credit note is not tried."""
        meter = self.stage.run.catalogue[0].event_name
        kind, key = DocumentKind.INVOICE_ITEM, f"{REHEARSAL}:{customer_id}"
        currency = self.items[0].currency or "usd"
        wish = Wish(kind, key, customer_id, None, meter, now - ONE_HOUR, now, 1, currency, {}, REHEARSAL)
        try:
            create_document(self.stage.gateway, wish, 0)
        except StripeCallError as error:
            if not error.is_key_refused:
                raise
            do = "give the key that fridge correct uses write on invoice items and credit notes"
            yield HealthCheck(f"{self.part.tenant_id}, corrections", Grade.WARN, str(error), do)

    def _compare(self, invoices: Sequence[Invoice], prices: dict[str, Price], began: Hour, now: datetime) -> None:
        """As the pipeline does, in the temporary books and by the clock's time."""
        run = replace(self.stage.run, clock=lambda: now)
        reading = Reading(now, run.run_id)
        with run.database.connect() as connection, connection.transaction():
            keep_prices(connection, prices.values(), {}, reading)
            keep_items(connection, self.items, {}, reading)
            for invoice in invoices:
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
