"""``fridge withdraw``, ``fridge release`` and ``fridge settle``: what a person decides of usage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from fridge_pipeline.billing.review import Release, changes_of_release, release_usage
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.options import RECORD, HourKey
from fridge_pipeline.cli.person_option import Actor, actor_options, as_option, sign_in
from fridge_pipeline.cli.terminal import echo, installation, ledger
from fridge_pipeline.corrections.settle import Decision, Settlement, approve_settlements, settle_exceptions
from fridge_pipeline.corrections.withdraw import Withdrawal, withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.objects import ObjectLanding
from fridge_pipeline.ingest.rules.landing_files import storable_path
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.invoices.price_changes import price_changes
from fridge_pipeline.invoices.rules import priced_change
from fridge_pipeline.invoices.rules.priced_change import PricedChange
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP
from fridge_pipeline.stripe.rules.meter_event import is_too_late
from fridge_pipeline.visible import as_lines


@click.command()
@click.argument("file")
@click.option("--reason", required=True, help="Why it is not usage; stays on record.")
@actor_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def withdraw(file: str, reason: str, actor: Actor, as_json: bool) -> None:
    """Take the landing FILE out of usage.

    Its hour is sent to Stripe again without the readings that the file stored. FILE is a path relative to the
    landing root, as in fridge.landing_files, or an absolute one below it. Every content that was loaded under that
    path is withdrawn. Nothing is deleted, and a withdrawal cannot be undone: the readings stay known, so they never
    count again, in whichever file they come later.

    A later file under the same name is a new file: it is loaded, and its new readings count. A reading is
    identified by tenant, sensor and time, so a reading with only another temperature is not new.

    Example: fridge withdraw 2026-01-24/18/gateway-7.csv --reason "readings of the test bench"
    """
    if not reason.strip():
        raise click.UsageError("--reason is empty; say why the file is not usage")
    with installation() as (books, landing, _):
        sign_in(books, actor.login)
        path = path_in_books(landing, file)
        withdrawal = withdraw_file(books.database, landing.zone, path, reason, actor.label, books.clock)
        echo(json.dumps(as_mapping(withdrawal)) if as_json else as_text(withdrawal, next_steps(books, withdrawal)))


def path_in_books(landing: Landing, file: str) -> str:
    """The path as the books have it: absolute ones, and URIs, are made relative to the landing root."""
    if not Path(file).is_absolute() and "://" not in file:
        return file
    zone = landing.zone
    if isinstance(zone, ObjectLanding) and file.startswith(f"{zone.uri}/"):
        return storable_path(file.removeprefix(f"{zone.uri}/"))
    if isinstance(zone, LocalLanding):
        for given, root in ((Path(file), zone.root), (Path(file).resolve(), zone.root.resolve())):
            if given.is_relative_to(root):
                return storable_path(str(given.relative_to(root)))
    raise click.UsageError(f"{file} is not below the landing root {landing.ledger.settings.landing_uri}")


def as_text(withdrawal: Withdrawal, next_steps: list[str]) -> str:
    """What was taken out, and what happens next."""
    total = sum(withdrawal.readings.values())
    width = max(len(tenant) for tenant in withdrawal.readings)
    return as_lines(
        [
            f"{withdrawal.path} is withdrawn: {total} readings of the hour {withdrawal.hour} are no longer usage",
            *(f"  {tenant:<{width}}  {readings}" for tenant, readings in withdrawal.readings.items()),
            "They stay known: delivered again, in any file, they are duplicates and do not count.",
            *next_steps,
        ]
    )


def next_steps(books: Ledger, withdrawal: Withdrawal) -> list[str]:
    """How the hour comes to be restated, or why it does not."""
    hour, command = withdrawal.hour, restating_command(withdrawal)
    if hour < books.settings.partitions_start:
        steps = [f"The hour lies before FRIDGE_PARTITIONS_START; it is restated with: {command}"]
    else:
        steps = [f"The hour is restated by the next hourly_billing, or now with: {command}"]
    if is_too_late(hour, books.clock()):
        steps.append(
            f"It is older than the {OLDEST_TIMESTAMP.days} days that Stripe accepts: what was billed too much becomes "
            "an exception for a person."
        )
    return steps


def restating_command(withdrawal: Withdrawal) -> str:
    """The command that counts and bills the hour again."""
    return f"fridge bill --from {withdrawal.hour} --to {withdrawal.hour}"


def as_mapping(withdrawal: Withdrawal) -> dict[str, object]:
    """The same for scripts."""
    return {
        **asdict(withdrawal),
        "hour": withdrawal.hour.key,
        "withdrawn_at": withdrawal.withdrawn_at.isoformat(),
        "restate_with": restating_command(withdrawal),
    }


@click.command()
@click.argument("tenant")
@click.argument("hour", type=HourKey())
@actor_options
@click.option("--reason", help="Why it is right; stays on record. Without it nothing is released, only shown.")
@click.option("--meter", "event_name", help="Only this meter [default: every meter that is held].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def release(tenant: str, hour: Hour, actor: Actor, reason: str | None, event_name: str | None, as_json: bool) -> None:
    """Release TENANT's usage in HOUR that is held for review.

    The next sweep bills it, and the exception held_for_review closes. The usage is released as it is now: if more
    arrives, it is compared again. Very much usage needs two people, each with --as: nothing of it is billed before
    the second one has run the same command. The change of the billing period is shown in quantity, and in money
    where the price was read. Without --reason it is only shown.

    Example: fridge release cohoes 2026-01-24-18:00 --as olga --reason "backlog after the outage"
    """
    with ledger() as opened:
        run = opened.as_run("fridge release")
        priced = price_changes(run, changes_of_release(run, tenant, hour, event_name))
        if reason is None:
            told = {"released": {}, "money": [priced_change.as_mapping(each) for each in priced]}
            text = [f"held of {tenant} in {hour}; nothing is released without --reason TEXT:", *_money(priced)]
            echo(json.dumps(told) if as_json else as_lines(text))
            return
        sign_in(opened, actor.login)
        done = release_usage(run, tenant, hour, event_name, actor.label, reason)
    _show_release(done, priced, as_json=as_json)


def _show_release(done: Release, priced: list[PricedChange], *, as_json: bool) -> None:
    command = f"fridge bill --from {done.hour} --to {done.hour}"
    if as_json:
        told = {
            "tenant_id": done.tenant_id,
            "hour": done.hour.key,
            "released": done.released,
            "money": [priced_change.as_mapping(each) for each in priced],
            "released_by": done.released_by,
            "waits_for_another": done.waits_for_another,
            "reason": done.reason,
            "released_at": done.released_at.isoformat(),
            "bill_with": command,
        }
        echo(json.dumps(told))
        return
    quantities = " and ".join(f"{value:,} {meter}" for meter, value in sorted(done.released.items()))
    first = f"{quantities} of {done.tenant_id} in {done.hour} released by {done.released_by}"
    echo(as_lines([first, *_money(priced)]))
    if done.waits_for_another:
        echo("So much takes two people: another one gives the same command with --as LOGIN, and you with yours")
        return
    echo(f"The next hourly_billing bills it, or now: {command}")


def _money(priced: list[PricedChange]) -> list[str]:
    return [f"  {each.event_name} {priced_change.in_words(each)}" for each in priced]


@click.command()
@click.argument("numbers", metavar="EXCEPTION...", type=RECORD, nargs=-1, required=True)
@as_option()
@click.option("--how", type=click.Choice([each.value for each in How]), help="How it ends.")
@click.option(
    "--document",
    help="The document, such as the number of an invoice item; for not_counted, the identifier of the meter event.",
)
@click.option("--reason", help="Why; stays on record.")
@click.option(
    "--approve", "is_approval", is_flag=True, help="Approve settlements of another person; the numbers are theirs."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def settle(
    *,
    numbers: tuple[int, ...],
    how: str | None,
    document: str | None,
    reason: str | None,
    is_approval: bool,
    **told: Any,
) -> None:
    """End each EXCEPTION by a decision that stays on record.

    An exception is named by its number, see fridge exceptions.

    For usage: written_off (nobody is billed for it), invoiced_by_hand (by the document) or credited (Stripe has too
    much, and the document gives it back). For a refusal whose cause is gone: state_again. If nobody knows whether
    Stripe counts a meter event: counted or not_counted. For files: written_off, or no_loss if nothing of them
    should count.

    Settled usage is never sent to Stripe, and the exception does not open again; if the usage changes, it opens for
    the change only. One login settles up to 1,000 units of a month and meter alone. More needs a second person with
    another login, who runs: fridge settle --approve SETTLEMENT --as LOGIN. Kinds that end by themselves are
    refused; the error says what to do instead.

    Example: fridge settle 42 43 --as ada --how invoiced_by_hand --document ii_1Qx7 --reason "agreed with shop-a"
    """
    with ledger() as opened:
        sign_in(opened, told["login"])
        run = opened.as_run("fridge settle")
        if is_approval:
            if how or document or reason:
                raise click.UsageError("--approve agrees to what was decided: it takes no other option")
            done = approve_settlements(run, numbers)
        else:
            if how is None or reason is None:
                raise click.UsageError("say how it ends and why: --how and --reason")
            done = settle_exceptions(run, numbers, Decision(How(how), reason, document))
    echo(json.dumps([_as_mapping(each) for each in done], indent=2) if told["as_json"] else as_lines(_told(done)))


def _told(done: Sequence[Settlement]) -> list[str]:
    lines = [_line(each) for each in done]
    waiting = [str(each.settlement_id) for each in done if each.waits]
    if waiting:
        lines.append(
            f"So much takes a second person, by another login: fridge settle --as LOGIN --approve {' '.join(waiting)}"
        )
    if any(each.how in {How.STATE_AGAIN, How.NOT_COUNTED} for each in done):
        lines.append("The next hourly_billing states it, or now: fridge bill")
    return lines


def _line(each: Settlement) -> str:
    what = f"{abs(each.quantity):,} {each.event_name}" if each.quantity is not None else each.kind
    about = f" of {each.tenant_id}" if each.tenant_id is not None else ""
    when = f" in {Hour(each.hour)}" if each.hour is not None else ""
    state = "waits for a second person" if each.waits else "settled"
    return f"exception {each.exception_id}: {what}{about}{when} {state} as {each.how} (settlement {each.settlement_id})"


def _as_mapping(each: Settlement) -> dict[str, object]:
    return {
        "settlement_id": each.settlement_id,
        "exception_id": each.exception_id,
        "kind": each.kind,
        "tenant_id": each.tenant_id,
        "hour": Hour(each.hour).key if each.hour is not None else None,
        "event_name": each.event_name,
        "how": each.how.value,
        "quantity": each.quantity,
        "waits_for_approval": each.waits,
    }
