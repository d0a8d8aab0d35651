"""``fridge shadow``: what we count beside what another system has stated to Stripe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import click

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.finance.pages.explanation import plain
from fridge_pipeline.finance.rules.evidence_format import csv_line, guarded
from fridge_pipeline.reconciliation.compare_shadow import ShadowComparison, compare_shadow
from fridge_pipeline.reconciliation.rules.causes import ComparedAccount, ComparedHour, accounts_of
from fridge_pipeline.stripe.rules.limits import SUMMARY_SETTLE
from fridge_pipeline.visible import as_lines

NOTHING_COMPARED = "nothing of these days is compared with Stripe yet"

#: Differing hours that are shown of each account; all of them are in the JSON and the CSV.
HOURS_SHOWN = 24

COLUMNS = ("tenant_id", "meter", "stripe_customer_id", "hour", "counted", "stripe", "difference")

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", type=DAY, required=True, help="First UTC day, e.g. 2026-01-24.")
@click.option("--to", "last", type=DAY, required=True, help="Last UTC day, included.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all compared hours here.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def shadow(first: datetime, last: datetime, file: Path | None, as_json: bool) -> None:
    """Compare what we count with what another system sent to Stripe.

    It compares each hour before FRIDGE_BILL_FROM; these hours are counted and never sent to Stripe. It reads
    Stripe's own totals under the event names of the catalogue: about one read for each tenant, meter and four days.
    Exit code 1 if any hour differs, a customer could not be read, or there is nothing to compare.

    Example: fridge shadow --from 2026-01-24 --to 2026-01-24 --csv compared.csv
    """
    if last < first:
        raise click.UsageError(f"--to {last:%F} lies before --from {first:%F}")
    days = DayRange(first.date(), last.date())
    with installation() as (ledger, _, stripe):
        run, reads_max = ledger.as_run("fridge shadow"), ledger.settings.stripe_reads
        compared = compare_shadow(run, stripe.gateway, days, reads_max)
        is_settled = days.hours.last.end + SUMMARY_SETTLE <= ledger.clock()
    if file is not None:
        _write_csv(file, compared.hours)
    echo(json.dumps(as_mapping(compared)) if as_json else as_text(compared, is_settled=is_settled))
    if not compared.hours or compared.reading.customers_not_read or any(each.difference for each in compared.hours):
        sys.exit(1)


def as_text(compared: ShadowComparison, *, is_settled: bool) -> str:
    """The result for a person: each account's totals, and below it the hours that differ."""
    lines = []
    for account in accounts_of(compared.hours):
        lines += [_account_line(account), *_hour_lines(account, compared.hours)]
    differing = sum(1 for each in compared.hours if each.difference)
    what = f"{len(compared.hours)} tenant-hours compared, {differing} differ" if compared.hours else NOTHING_COMPARED
    lines.append(f"{what}; {compared.reading.reads} reads")
    not_read, read = compared.reading.customers_not_read, compared.reading.customers_read
    if not_read:
        lines.append(f"{read} of {read + sum(not_read.values())} accounts compared with Stripe")
    lines += [f"{number} accounts not compared with Stripe yet: {why}" for why, number in not_read.items()]
    if compared.hours and not is_settled:
        hours = SUMMARY_SETTLE.total_seconds() / 3600
        lines.append(
            f"the last hours may still change: Stripe's totals lag, and are final after about {hours:.0f} hours"
        )
    return as_lines(lines)


def _account_line(account: ComparedAccount) -> str:
    of = account.stripe_customer_id or "no Stripe customer"
    head = (
        f"{account.tenant_id} {account.event_name} ({of}): {account.usage} counted, {plain(account.stripe)} in Stripe"
    )
    if not account.hours_differing:
        return f"{head}, all {account.hours} hours agree"
    return f"{head}, {plain(account.difference):+}; {account.hours_differing} of {account.hours} hours differ"


def _hour_lines(account: ComparedAccount, hours: Iterable[ComparedHour]) -> list[str]:
    key = (account.tenant_id, account.event_name, account.stripe_customer_id)
    differing = [
        each for each in hours if each.difference and (each.tenant_id, each.event_name, each.stripe_customer_id) == key
    ]
    lines = [
        f"  {each.hour}: {_shown(each.usage)} counted, {_shown(each.stripe)} in Stripe ({plain(each.difference):+})"
        for each in differing[:HOURS_SHOWN]
    ]
    more = len(differing) - len(lines)
    return [*lines, f"  and {more} more (see --csv)"] if more else lines


def _shown(quantity: int | Decimal | None) -> str:
    return "none" if quantity is None else str(plain(quantity))


def as_mapping(compared: ShadowComparison) -> dict[str, object]:
    """The same for scripts, with every hour."""
    return {
        "hours": [dict(zip(COLUMNS, _cells(each), strict=True)) for each in compared.hours],
        "totals": [
            {
                "tenant_id": account.tenant_id,
                "meter": account.event_name,
                "stripe_customer_id": account.stripe_customer_id,
                "hours": account.hours,
                "hours_differing": account.hours_differing,
                "counted": account.usage,
                "stripe": plain(account.stripe),
                "difference": plain(account.difference),
            }
            for account in accounts_of(compared.hours)
        ],
        "reads": compared.reading.reads,
        "not_read": dict(compared.reading.customers_not_read),
    }


def _cells(each: ComparedHour) -> tuple[object, ...]:
    stripe = None if each.stripe is None else plain(each.stripe)
    account = (guarded(each.tenant_id), guarded(each.event_name), each.stripe_customer_id)
    return (*account, each.hour.key, each.usage, stripe, plain(each.difference))


def _write_csv(file: Path, hours: Iterable[ComparedHour]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        stream.write(csv_line(COLUMNS))
        stream.writelines(csv_line(_cells(each)) for each in hours)
