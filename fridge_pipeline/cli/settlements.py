"""``fridge settle``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.corrections.settle import Decision, Settlement, approve_settlements, settle_exceptions
from fridge_pipeline.reason_terms import How
from fridge_pipeline.visible import as_lines


@click.command()
@click.argument("numbers", metavar="EXCEPTION...", type=int, nargs=-1, required=True)
@as_option()
@click.option("--how", type=click.Choice([each.value for each in How]), help="How it ends.")
@click.option("--document", help="What did it, such as the number of an invoice item; of not_counted, which statement.")
@click.option("--reason", help="Why; stays on record.")
@click.option(
    "--approve", "is_approval", is_flag=True, help="The numbers are settlements of somebody else: approve them."
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

    Usage is written_off (nobody is billed for it), invoiced_by_hand (by the document) or credited (Stripe has too much,
    and the document gives it back). A refusal whose cause is gone: state_again. A statement in doubt: counted or
    not_counted by Stripe. Files: written_off, or no_loss where nothing of them was to be counted.

    What is settled is never stated to Stripe any more and does not open again; when the usage changes, only the change
    does. Above 1,000 of a month and meter that the same login has settled alone it takes two people with logins of
    their own: it waits until another one says fridge settle --approve SETTLEMENT --as LOGIN. Kinds that end by
    themselves are refused, with what to do instead.

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
