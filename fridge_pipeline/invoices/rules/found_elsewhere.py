"""What one comparison lacks and another of the same customer and meter has too much of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from fridge_pipeline.invoices.rules.compare_period import Comparison, InvoiceCause
from fridge_pipeline.invoices.rules.corrected import Place


def hours_found_again(rows: Sequence[Comparison], drafts: Collection[str | None]) -> list[Comparison]:
    """The same rows, where an hour that an edge cuts explains nothing once the period behind it does not have it.

    What leaves a period over an edge comes into the one beside it, so that such periods in a row come to nothing
    together, unless the one behind them is a draft or on no invoice yet.
    """
    final = {(row.account, row.span.start) for row in rows if row.invoice_id not in drafts}
    runs: list[list[Comparison]] = []
    cut = [row for row in rows if row.cause is InvoiceCause.PERIOD_CUTS_HOUR]
    for row in sorted(cut, key=lambda each: (each.account, each.span)):
        if not (runs and runs[-1][-1].account == row.account and runs[-1][-1].span.end == row.span.start):
            runs.append([])
        runs[-1].append(row)
    lost = {
        row
        for run in runs
        if sum(each.difference for each in run) and (run[-1].account, run[-1].span.end) in final
        for row in run
    }
    return [replace(row, cause=InvoiceCause.UNEXPLAINED_LINE) if row in lost else row for row in rows]


def billed_with_the_next(
    rows: Sequence[Comparison], drafts: Collection[str | None], corrected: Sequence[Place]
) -> list[Comparison]:
    """The same rows, where usage on no invoice is exactly what the invoice after it bills beyond its own period.

    Whether Stripe bills usage of a pause so, nobody knows. Together they come to nothing, unless what was on none was
    corrected or settled already.
    """
    before = {
        (row.account, row.span.end): row
        for row in rows
        if row.invoice_id is None and not row.settled and not any(_place(row).overlaps(each) for each in corrected)
    }
    found: set[Comparison] = set()
    for row in rows:
        is_more = row.difference > 0 and row.cause is InvoiceCause.UNEXPLAINED_LINE
        if not is_more or row.invoice_id is None or row.invoice_id in drafts or row.settled:
            continue
        chain, left, start = [row], row.difference, row.span.start
        while left > 0 and (earlier := before.get((row.account, start))):
            chain.append(earlier)
            left, start = left + earlier.difference, earlier.span.start
        if not left:
            found.update(chain)
    return [replace(row, cause=InvoiceCause.BILLED_WITH_NEXT, amount=0) if row in found else row for row in rows]


def _place(row: Comparison) -> Place:
    return Place(row.customer_id, row.event_name, row.invoice_id, row.span)
