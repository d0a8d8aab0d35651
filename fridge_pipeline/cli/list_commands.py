"""``fridge exceptions`` and ``fridge hours``: how the books stand, without psql."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

import click

from fridge_pipeline.billing.hour_states import Delivery, HourState, hour_states
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.cli.options import HourKey, MonthKey
from fridge_pipeline.cli.plain_table import hour_key, minute, plain_table
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.database.exceptions import OpenException, list_exceptions
from fridge_pipeline.installation import Ledger
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.reason_codes import EXCEPTION_KINDS, kind_of
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP
from fridge_pipeline.visible import counted

#: What ``fridge hours`` shows without a range.
LAST_HOURS = timedelta(hours=24)


@click.command()
@click.option("--kind", type=click.Choice(list(EXCEPTION_KINDS)), help="Only those of this kind.")
@click.option("--tenant", "tenant_id", help="Only those of this tenant.")
@click.option("--month", type=MonthKey(), help="Only those of hours in this month (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def exceptions(*, kind: str | None, tenant_id: str | None, month: Month | None, as_json: bool) -> None:
    """List the open exceptions, the nearest deadline first.

    An exception is a difference that a person must see; docs/runbook.md says what to do about each kind. OWED is
    usage minus what Stripe has, or what is wrong on an invoice, with its MONEY; UNTIL when it can still be billed
    (UTC). Some exceptions have no tenant or no hour.

    Example: fridge exceptions --kind unmapped --month 2026-01
    """
    with ledger() as opened, opened.database.connect() as connection:
        found = list_exceptions(connection, kind, tenant_id, month.hours if month else None)
    if as_json:
        echo(json.dumps([exception_as_mapping(each) for each in found], indent=2))
        return
    if found:
        names = ("ID", "KIND", "TENANT", "HOUR", "OWED", "MONEY", "UNTIL", "WHAT")
        echo(plain_table(names, [_exception_row(each) for each in found]))
    echo(counted(len(found), "open exception"), err=True)
    for each in dict.fromkeys(exception.kind for exception in found):
        echo(f"{each}: {kind_of(each).do}", err=True)


@click.command()
@click.option("--from", "first", type=HourKey(), help="The first hour [default: 24 hours ago].")
@click.option("--to", "last", type=HourKey(), help="The last hour, included [default: the running one].")
@click.option("--month", type=MonthKey(), help="The hours of this month (UTC), in place of both.")
@click.option("--undelivered", is_flag=True, help="Only closed hours that are undelivered [of the last 35 days].")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def hours(*, first: Hour | None, last: Hour | None, month: Month | None, undelivered: bool, as_json: bool) -> None:
    """List the hours with what came, what Stripe accepted and what waits.

    DELIVERY is one of: delivered; undelivered: the next run counts and sends the rest; excepted: the rest waits for
    a person, see fridge exceptions; not billed: the hour is before FRIDGE_BILL_FROM. Hours without a landing file
    are not listed; that does not mean zero.

    Example: fridge hours --undelivered
    """
    with ledger() as opened, opened.database.connect() as connection:
        span = _span(opened, first, last, month, LAST_HOURS if not undelivered else OLDEST_TIMESTAMP)
        found = hour_states(connection, span, opened.catalogue)
        now, close_after = opened.clock(), opened.settings.close_after
    if undelivered:
        found = [
            each
            for each in found
            if each.delivery is Delivery.UNDELIVERED and Hour(each.hour).closed_at(now, close_after)
        ]
    if as_json:
        echo(json.dumps([hour_as_mapping(each) for each in found], indent=2))
        return
    if found:
        names = ("HOUR", "FILES", "INSERTED", "REJECTED", "TENANTS", "ACCEPTED", "WAITING", "EXCEPTIONS", "DELIVERY")
        echo(plain_table(names, [_hour_row(each) for each in found]))
    echo(f"{counted(len(found), 'hour')} of {span}", err=True)


def exception_as_mapping(exception: OpenException) -> dict[str, object]:
    """An exception for scripts."""
    return {
        **asdict(exception),
        "hour": hour_key(exception.hour),
        "not_invoiced": None if exception.not_invoiced is None else float(exception.not_invoiced),
        "opened_at": exception.opened_at.isoformat(),
        "deadline_at": exception.deadline_at.isoformat() if exception.deadline_at else None,
    }


def hour_as_mapping(state: HourState) -> dict[str, object]:
    """An hour for scripts."""
    return {**asdict(state), "hour": hour_key(state.hour), "delivery": state.delivery.value}


def _exception_row(exception: OpenException) -> Sequence[object]:
    told = not exception.subject or exception.subject in exception.detail
    about = exception.detail if told else f"{exception.subject}: {exception.detail}"
    units = exception.owed if exception.owed is not None else exception.not_invoiced
    until = minute(exception.deadline_at)
    return (
        f"{exception.exception_id}",
        exception.kind,
        exception.tenant_id,
        hour_key(exception.hour),
        f"{units:,f}" if units is not None else None,
        money(exception.amount, exception.currency) if exception.amount is not None and exception.currency else None,
        until,
        about,
    )


def _hour_row(state: HourState) -> Sequence[object]:
    waiting = state.under_way + state.unstated
    counts = (state.files, state.inserted, state.rejected, state.tenants, state.accepted, waiting, state.exceptions)
    return hour_key(state.hour), *counts, state.delivery.value


def _span(opened: Ledger, first: Hour | None, last: Hour | None, month: Month | None, back: timedelta) -> HourRange:
    if month is not None:
        if first is not None or last is not None:
            raise click.UsageError("give --month, or --from and --to, and not both")
        return month.hours
    end = last or Hour.containing(opened.clock())
    start = first or Hour(end.start - back)
    if end < start:
        raise click.UsageError(f"--to {end} lies before --from {start}")
    return HourRange(start, end)
