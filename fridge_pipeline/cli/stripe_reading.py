"""Reading Stripe's sums from the command line, with progress."""

from __future__ import annotations

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fridge_pipeline.calendar.days import DayRange, Month
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import echo
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.installation import Ledger, Stripe
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.visible import one_line


def read_stripe(ledger: Ledger, stripe: Stripe, days: DayRange, reading: Reading, read_by: str) -> ReconciliationReport:
    """Reads Stripe for the days and shows how many sums it has read so far. Raises what ``reconcile_days`` does."""
    doing, reads = f"comparing {days} with {ledger.stripe_location}", 0
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing)

        def at_failpoint(failpoint: Failpoint) -> None:
            nonlocal reads
            reads += failpoint is Failpoint.READ_BACK
            progress.update(task, description=f"{doing}: {reads:,} sums read")

        run = ledger.as_run(read_by, at_failpoint)
        return reconcile_days(run, stripe.gateway, days, ledger.settings.stripe_reads, reading)


def read_before_signing(ledger: Ledger, stripe: Stripe, month: Month) -> None:
    """What of an ended month was not read, not since it changed, or differed; says why where that is not possible.

    Whether the month can be signed without is not decided here.
    """
    if ledger.clock() < month.end:
        return
    try:
        report = read_stripe(ledger, stripe, month.days, Reading.UNREAD, "fridge close")
    except (ValueError, RuntimeError, OSError) as error:
        echo(one_line(f"Stripe was not read: {error}"), err=True)
        return
    for why, customers in (report.customers_not_read + report.without_usage_not_read).items():
        echo(one_line(f"{customers:,} customers and meters were not read: {why}"), err=True)
