"""Reconcile: compare usage and ledger with Stripe's own sums: few days hour by hour, many day by day first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fridge_pipeline.billing.open_stripe import NEVER_STATED, books_are_claimed, hours_of_meter, reads_since
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.database.run import Run
from fridge_pipeline.reconciliation.compare_account import AccountReader
from fridge_pipeline.reconciliation.reconciliation_record import (
    Account,
    accounts_to_read,
    accounts_without_usage,
    unread_spans,
)
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.reading_plan import (
    Accounts,
    Reading,
    is_due,
    is_read,
    plan_reads,
    range_to_read,
)
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH

#: So many failed reads in a row mean that it is not about one customer.
FAILED_READS_MAX = 5

USED_UP = "the reads that Stripe allows in a month are used up"
SHARE_USED_UP = "a morning's share of the reads that Stripe allows in a month is used up; the next one goes on"
LATER = "read within the last seven days, and not for these days yet"


def reconcile_days(
    run: Run,
    open_gateway: Callable[[], StripeGateway],
    days: DayRange,
    reads_max: int = READS_MAX,
    reading: Reading = Reading.ASKED_FOR,
) -> ReconciliationReport:
    """Puts usage, ledger and Stripe side by side for every tenant, meter and customer of a range of days.

    One read per customer and meter: up to four days by the hour, longer ranges by the day, and again by the hour the
    days that differ, from our books or from what their hours were when these were read. Hours that were not read since
    they changed are read too, while half of the reads left are enough for all accounts; else they stay "not read". What
    Stripe answers is kept as it is. A customer that several tenants have in these days is read by the hour, and each
    hour is compared with one tenant's statements: one sum is never taken for two. Then the mapped customers without
    usage, one sum over many days each: whoever else states usage for them shows in it.

    No account is begun once ``reads_max`` reads were made within 30 days; ``reading`` may leave some of them
    (``reading_plan``). Whoever was not read for the longest time comes first; the others are written as not read. Each
    account is committed by itself. Hours that cannot be explained become exceptions, and are closed when they agree
    again. Books of which nothing was ever stated are read for ``Reading.SHADOW`` only: Stripe may still have what
    somebody else stated. Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    with run.database.connect() as connection:
        left = reads_max - reads_since(connection, run.clock() - READS_MONTH)
        accounts = accounts_to_read(connection, days, run.catalogue)
        others = accounts_without_usage(connection, days, run.catalogue, accounts)
        due = [each for each in others if is_due(days, each.newest, run.clock(), reading)]
        spans = dict.fromkeys(accounts, days)
        if reading is Reading.UNREAD:
            unread_of = unread_spans(connection, days, run.catalogue)
            spans = {each: unread_of[each.key] for each in accounts if each.key in unread_of}
        all_accounts = Accounts(sum(len(account.customer_ids) for account in spans), len(others), len(due))
        plan = plan_reads(all_accounts, days.count, left, reads_max, reading)
        names = {meter.event_name for meter in (*run.catalogue, *(account.meter for account in accounts))}
        billed = {name: hours_of_meter(connection, name) for name in names}
        reader = AccountReader(run, connection, open_gateway, billed, plan.unread_hours, _sharers(accounts))
        work = _Reconciliation(reader, plan.allowed - plan.kept, ReconciliationReport(plan))
        if plan.allowed < plan.left:
            work.used_up = SHARE_USED_UP
        if not (reading is Reading.SHADOW or books_are_claimed(connection)):
            work.refrain = NEVER_STATED
        for account, span in spans.items():
            work.reconcile(account, span)
        work.reads_allowed = plan.allowed
        unread = sum(not is_read(days, each.newest) for each in others)
        work.report.without_usage_not_read[LATER] += unread - len(due)
        for each in due:
            work.look(each.account, range_to_read(days, each.last_used))
    work.report.without_usage_not_read = +work.report.without_usage_not_read
    work.report.reads = reader.reads
    return work.report


@dataclass(slots=True)
class _Reconciliation:
    """One reconciliation under way; ``refrain`` says why Stripe is not to be read (any more)."""

    reader: AccountReader
    reads_allowed: int
    report: ReconciliationReport
    used_up: str = USED_UP
    refrain: str | None = None
    failed_in_a_row: int = 0

    def reconcile(self, account: Account, days: DayRange) -> None:
        """Reads one tenant and meter, and commits what comes of it."""
        count = len(account.customer_ids)
        why = self._why_not(lambda: self.reader.compare(account, days), needs_reads=count > 0)
        if why is None:
            self.report.customers_read += count
        else:
            self.reader.leave_unread(account, days, why)
            self.report.customers_not_read[why] += count

    def look(self, account: Account, days: DayRange) -> None:
        """Reads one sum of a customer and meter without usage."""
        why = self._why_not(lambda: self.reader.look(account, days), needs_reads=True)
        if why is None:
            self.report.without_usage_read += 1
        else:
            self.report.without_usage_not_read[why] += 1

    def _why_not(self, read: Callable[[], None], *, needs_reads: bool) -> str | None:
        """Reads, and says why that was not to be done; ``None`` when it was done."""
        if needs_reads and self.refrain is not None:
            return self.refrain
        if needs_reads and self.reader.reads >= self.reads_allowed:
            return self.used_up
        try:
            read()
        except MeterMissingError as error:
            return str(error)
        except StripeCallError as error:
            self.failed_in_a_row += 1
            if not error.reached or self.failed_in_a_row >= FAILED_READS_MAX:
                self.refrain = self.report.stopped = str(error)
            return str(error)
        self.failed_in_a_row = 0
        return None


def _sharers(accounts: Sequence[Account]) -> dict[tuple[str, str], list[Account]]:
    """Meter and customer → the accounts that have it, where there are several."""
    found: dict[tuple[str, str], list[Account]] = {}
    for account in accounts:
        for customer in account.customer_ids:
            found.setdefault((account.meter.event_name, customer), []).append(account)
    return {key: several for key, several in found.items() if len(several) > 1}
