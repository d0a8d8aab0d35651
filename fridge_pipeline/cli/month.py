"""``fridge close``, ``approve`` and ``reopen``: the months that people sign, two of them each time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.cli.options import MonthKey
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.stripe_reading import read_before_signing
from fridge_pipeline.cli.terminal import echo, installation, ledger
from fridge_pipeline.finance.close_month import (
    approve_month,
    ask_to_reopen,
    differences_of,
    owed_on_invoices_of,
    prepare_month,
    prepared_month,
    reopen_month,
)
from fridge_pipeline.finance.rules.outcomes import outcome_in_words
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.visible import as_lines, one_line


@click.command()
@click.argument("month", type=MonthKey())
@as_option(signs=True)
@click.option("--prepared-by", "label", default="", help="A name to show beside the login; it is not checked.")
@click.option(
    "--accept-not-read", "accepted", default="", help="Why it is acceptable that Stripe was not read for some days."
)
@click.option("--json", "as_json", is_flag=True, help="Print the control totals as JSON.")
def close(month: Month, login: str, label: str, accepted: str, as_json: bool) -> None:
    """Prepare MONTH for closing.

    It must tie out, and its control totals are recorded. First Stripe is read for everything that was not read, has
    changed since, or differed, as far as reads are left.

    A preparer does this. The month is closed when another person, an approver, approves it (fridge approve). It is
    refused while the month is not over, an earlier one is open, meter events are under way, or something is
    unexplained or was not compared with Stripe; the error says what.

    Example: fridge close 2026-01 --as ada
    """
    with installation() as (opened, _, stripe):
        sign_in(opened, login)
        read_before_signing(opened, stripe, month)
        run = opened.as_run("fridge close")
        totals = prepare_month(run, month, label, MODELS_FOLDER, opened.settings.close_after, accepted.strip())
        on_invoices = owed_on_invoices_of(opened.database, month)
    if as_json:
        echo(json.dumps({"month": month.key, "prepared_by": login, "label": label, "control_totals": totals}))
        return
    echo(f"{month} is prepared by {login}:")
    echo(totals_text(totals, on_invoices))
    echo(f"It is closed when somebody else approves it: fridge approve {month} --as LOGIN")


@click.command()
@click.argument("month", type=MonthKey())
@as_option(signs=True)
@click.option("--by", "label", default="", help="A name to show beside the login; it is not checked.")
@click.option("--yes", is_flag=True, help="Sign without a question, for scripts that have checked before.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; needs --yes.")
def approve(month: Month, login: str, label: str, yes: bool, as_json: bool) -> None:
    """Approve MONTH, which another person has prepared, and so close it.

    It shows what was prepared and what differs, and asks. It is refused if the control totals are no longer what
    was prepared. Afterwards nothing is sent to Stripe for its hours until it is reopened: changes wait as
    exceptions of the kind month_closed.

    Example: fridge approve 2026-01 --as grace
    """
    if as_json and not yes:
        raise click.UsageError("--json needs --yes: there is nobody to ask")
    with ledger() as opened:
        sign_in(opened, login)
        seen = None if yes else prepared_month(opened.database, month)
        on_invoices = owed_on_invoices_of(opened.database, month)
        if seen is not None:
            seen_at = f"{seen.signed_at:%Y-%m-%d %H:%M} UTC"
            echo(one_line(f"{month}, prepared by {seen.signer} at {seen_at}:"), err=True)
            echo(totals_text(seen.control_totals or {}, on_invoices), err=True)
            echo(differences_text(differences_of(opened.database, month)), err=True)
            click.confirm(f"Sign this as {login}, and close {month}?", abort=True, err=True)
        prepared = approve_month(opened.database, month, label, opened.clock, opened.settings.close_after, seen)
    totals = prepared.control_totals or {}
    if as_json:
        told = {"month": month.key, "prepared_by": prepared.acted_by, "approved_by": login, "control_totals": totals}
        echo(json.dumps(told))
        return
    echo(one_line(f"{month} is closed: prepared by {prepared.signer}, approved by {login}"))
    echo(totals_text(totals, on_invoices))


@click.command()
@click.argument("month", type=MonthKey())
@as_option(signs=True)
@click.option("--by", "label", default="", help="A name to show beside the login; it is not checked.")
@click.option("--reason", help="Ask for it, with the reason; it stays on record.")
@click.option("--confirm", is_flag=True, help="Confirm what another person has asked for.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reopen(month: Month, login: str, label: str, reason: str | None, confirm: bool, as_json: bool) -> None:
    """Reopen the closed MONTH; this needs two people.

    A preparer asks, with a reason, and the month stays closed. Another person, an approver, confirms: then the next
    hourly_billing sends to Stripe what has changed in it. Close the month again afterwards.

    Example: fridge reopen 2026-01 --as ada --reason "late files of gateway 7", then
    fridge reopen 2026-01 --as grace --confirm
    """
    if (reason is None) != confirm:
        raise click.UsageError(
            "say --reason TEXT to ask for it, or --confirm to confirm what another person has asked for"
        )
    command = f"fridge bill --from {month.hours.first} --to {month.hours.last}"
    with ledger() as opened:
        sign_in(opened, login)
        if reason is not None:
            waiting = ask_to_reopen(opened.database, month, label, reason, opened.clock)
            told = {"month": month.key, "asked_by": login, "reason": reason, "waiting": waiting}
            lines = [
                f"{login} asks to reopen {month}, which stays closed; {waiting} changes wait for it",
                f"It is reopened when somebody else confirms it: fridge reopen {month} --as LOGIN --confirm",
            ]
        else:
            asked, waiting = reopen_month(opened.database, month, label, opened.clock)
            told = {"month": month.key, "asked_by": asked.acted_by, "reopened_by": login, "reason": asked.reason}
            told |= {"waiting": waiting, "state_with": command}
            lines = [
                f"{month} is open again, asked by {asked.signer}, confirmed by {login}: {asked.reason}",
                f"{waiting} changes waited for it. They are stated by the next hourly_billing, or now with: {command}",
            ]
    echo(json.dumps(told) if as_json else as_lines(lines))


def differences_text(differences: Sequence[Mapping[str, Any]]) -> str:
    """What of a month is not billed as counted, by meter and cause."""
    if not differences:
        return "  nothing differs"
    return as_lines(
        f"  {each['meter']}: {each['amount']:+,} in {each['tenant_hours']:,} tenant-hours differ as {each['cause']}"
        for each in differences
    )


def totals_text(totals: Mapping[str, Any], on_invoices: Mapping[str, str] | None = None) -> str:
    """Control totals for people, one meter a line; with what is wrong on its invoices now."""
    meters = sorted(totals.get("meters", {}).items())
    lines = [_outcome_text(name, meter) for name, meter in meters]
    lines += [f"  {name}: {owed}" for name, owed in (on_invoices or {}).items()]
    lines += [_meter_text(name, meter) for name, meter in meters]
    files = totals["files"]
    lines.append(
        f"  {files['files']:,} landing files: {files['row_count']:,} rows = {files['inserted_count']:,} inserted + "
        f"{files['duplicate_count']:,} duplicates + {files['rejected_count']:,} rejected"
    )
    if not_compared := totals.get("not_compared"):
        lines.append(
            f"  NOT compared with Stripe: {not_compared['customer_days']:,} days of customers, in "
            f"{not_compared['stated_days']:,} of which something was stated; accepted: {not_compared['accepted']}"
        )
    return as_lines(lines)


def _meter_text(name: str, meter: Mapping[str, Any]) -> str:
    return (
        f"  {name}: usage {_figure(meter['usage'])}, stated {_figure(meter['stated'])}, Stripe "
        f"{_figure(meter['stripe'])}; "
        f"{meter['tenants']:,} tenants, {meter['tenant_hours']:,} tenant-hours, of which "
        f"{meter['tenant_hours_explained']:,} differ for a known cause and {meter['tenant_hours_not_read']:,} are not "
        "compared with Stripe yet"
    )


def _outcome_text(name: str, meter: Mapping[str, Any]) -> str:
    """What has become of the usage; a month that was prepared by an earlier version has no such figures."""
    outcome = meter.get("outcome")
    return f"  {name}: {outcome_in_words(outcome) if outcome else 'nobody noted what was billed of it'}"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}"
