"""Group ``invoices``, by the day of their creation: what Stripe's invoices say, beside usage and ledger."""

from collections import Counter
from typing import Any

import dagster as dg

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.installation import Landing, Ledger, Stripe
from fridge_pipeline.invoices.compare_invoices import COMPARED_BACK, ComparisonReport, compare_invoices
from fridge_pipeline.invoices.compared import ComparedInvoice, compared_invoices
from fridge_pipeline.invoices.hold_drafts import HoldOrder, HoldReport, hold_drafts
from fridge_pipeline.invoices.plan_holds import unloaded_hours
from fridge_pipeline.invoices.read_invoices import InvoiceReadReport, read_invoices
from fridge_pipeline.invoices.rules.hold_draft import HoldAct, InvoiceMode
from fridge_pipeline.orchestration.partitions import STRIPE_POOL, days_of, retried_when_the_database_is_lost
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus

#: So many of the largest differences stand in a check's metadata.
WORST_SHOWN = 20

#: So many drafts stand in the metadata of a run; fridge invoices has them all.
DRAFTS_SHOWN = 50

IS_OFF = "FRIDGE_INVOICES=off: no invoice is read"


@dg.asset(
    deps=["stripe_reconciliation"],
    group_name="invoices",
    kinds={"stripe", "postgres"},
    owners=["team:finance"],
    pool=STRIPE_POOL,
)
def stripe_invoices(
    context: dg.AssetExecutionContext,
    ledger: dg.ResourceParam[Ledger],
    stripe: dg.ResourceParam[Stripe],
    landing: dg.ResourceParam[Landing],
) -> dg.MaterializeResult[None]:
    """One row per invoice with lines of our meters, as Stripe shows it; each line is compared with usage and ledger.

    Then drafts are held or let go; with FRIDGE_INVOICES=watch what would be done is only shown.

    The days are those on which Stripe made the invoices, not those that they bill. A key that may not read invoices is
    no error of billing: it is said here, and what was not read is not read.
    """
    span = days_of(context)
    if ledger.settings.invoices is InvoiceMode.OFF:
        report, compared, held = InvoiceReadReport(not_read=IS_OFF), ComparisonReport(), HoldReport()
    else:
        progress = Progress(context.log, f"reading the invoices of {span} from {ledger.stripe_location}")
        with retried_when_the_database_is_lost():
            run = ledger.as_run(context.run.run_id, progress.at_failpoint)
            report = read_invoices(run, stripe.gateway, span, ledger.settings.stripe_reads)
            compared = compare_invoices(run)
            held = hold_drafts(run, stripe.gateway, hold_order(ledger, landing))
        progress.finish(f"{span}: {reading_summary(report, compared)}; {hold_summary(held)}")
    for day in span.days():
        metadata = {**day_metadata(report, compared, span), **hold_metadata(held)}
        context.add_asset_metadata(metadata, partition_key=day.isoformat())
    return dg.MaterializeResult()


def reading_summary(report: InvoiceReadReport, compared: ComparisonReport) -> str:
    """What it came to, in one line of the log."""
    differing = compared.rows - compared.causes[None]
    lost = f"; {report.lost} corrections are in Stripe no more" if report.lost else ""
    not_read = f"; not read: {report.not_read}" if report.not_read else ""
    return (
        f"{report.invoices} invoices with metered lines, {report.changed} new or changed, {report.reads} reads of "
        f"Stripe{lost}{not_read}; {compared.rows} periods compared, {differing} with a cause"
    )


def day_metadata(report: InvoiceReadReport, compared: ComparisonReport, span: DayRange) -> dict[str, Any]:
    """The numbers of the run; what each cause means stands in the runbook."""
    read = sum(day in report.days for day in span.days())
    return {
        "state": f"not read: {report.not_read}" if report.not_read else f"{read} of {span.count} days read",
        "invoices": report.invoices,
        "new_or_changed": report.changed,
        "reads_of_this_run": report.reads,
        "periods_compared": compared.rows,
        **{cause: compared.causes[cause] for cause in INVOICE_CAUSES if compared.causes[cause]},
    }


def hold_order(ledger: Ledger, landing: Landing) -> HoldOrder:
    """As the settings say."""
    settings = ledger.settings
    unloaded = unloaded_hours(ledger.database, landing.zone, ledger.grid())
    return HoldOrder(settings.invoice_hold, settings.invoices is InvoiceMode.HOLD, unloaded, settings.stripe_reads)


def hold_summary(report: HoldReport) -> str:
    """What was done about drafts, or would be, in one line of the log."""
    planned = Counter(plan.act for plan in report.plans.values())
    acts = (HoldAct.HOLD, HoldAct.RELEASE, HoldAct.LEAVE)
    numbers = ", ".join(f"{act}: {planned[act]} planned, {report.written[act]} done" for act in acts)
    return f"{len(report.plans)} drafts ({numbers})" + (f"; not done: {report.not_done}" if report.not_done else "")


def hold_metadata(report: HoldReport) -> dict[str, Any]:
    """Each draft with what is planned for it and why; ``hold`` and ``release`` are done in the mode hold only."""
    if report.not_done is None and not report.plans:
        return {}
    records = [
        dg.TableRecord({"invoice": invoice_id, "act": plan.act.value, "why": plan.why})
        for invoice_id, plan in sorted(report.plans.items())[:DRAFTS_SHOWN]
    ]
    return {
        "drafts_held_now": report.written[HoldAct.HOLD],
        "drafts_let_go_now": report.written[HoldAct.RELEASE],
        **({"drafts_not_rescheduled": report.not_done} if report.not_done else {}),
        **({"drafts": dg.MetadataValue.table(records)} if records else {}),
    }


@dg.asset_check(asset="stripe_invoices")
def invoices_are_usage(ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
    """The quantity of every invoice of the last 70 days is usage, or its cause is known, or a person has ended it."""
    rows, not_read = _compared(ledger)
    wrong = [row for row in rows if row.is_open and row.cause and not INVOICE_CAUSES[row.cause].is_explained]
    return _result(
        rows, wrong, not_read, "invoices bill something else than usage, and nothing that passes explains it"
    )


@dg.asset_check(asset="stripe_invoices")
def accepted_usage_is_invoiced(ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
    """What Stripe has accepted in the last 70 days is on an invoice, or to come; else somebody must correct it."""
    rows, not_read = _compared(ledger)
    owed = [row for row in rows if row.is_open and (row.difference < 0 or row.status == InvoiceStatus.DRAFT)]
    return _result(rows, owed, not_read, "periods have usage that Stripe accepted and no invoice carries")


def _compared(ledger: Ledger) -> tuple[list[ComparedInvoice], str | None]:
    if ledger.settings.invoices is InvoiceMode.OFF:
        return [], IS_OFF
    with ledger.database.connect() as connection:
        now = ledger.clock()
        rows = compared_invoices(connection, now - COMPARED_BACK, now)
    return rows, None if rows else "no invoice was compared yet"


def _result(
    rows: list[ComparedInvoice], failing: list[ComparedInvoice], not_read: str | None, what: str
) -> dg.AssetCheckResult:
    worst = [
        dg.TableRecord(
            {
                "invoice": row.invoice_id or "none",
                "tenant": row.tenant_id or "",
                "meter": row.event_name,
                "period": f"{row.period_start:%Y-%m-%d %H:%M} to {row.period_end:%Y-%m-%d %H:%M}",
                "usage": f"{row.usage_quantity:f}",
                "invoiced": f"{row.invoice_quantity:f}",
                "difference": f"{row.difference:f}",
                "cause": invoice_cause_in_words(row.cause or ""),
            }
        )
        for row in failing[:WORST_SHOWN]
    ]
    causes = Counter(row.cause for row in rows if row.cause)
    return dg.AssetCheckResult(
        passed=not failing,
        description=f"{len(failing)} {what}" if failing else not_read or f"{len(rows)} periods compared",
        metadata={
            "periods_compared": len(rows),
            **dict(causes),
            **({"worst": dg.MetadataValue.table(worst)} if worst else {}),
        },
    )
