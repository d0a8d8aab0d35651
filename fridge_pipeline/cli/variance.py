"""``fridge variance``: what is done about usage far above its history, and who decided it."""

from __future__ import annotations

import json

import click

from fridge_pipeline.billing.decisions_record import Decision, Subject, decide, decisions_about, variance_now
from fridge_pipeline.catalogue.meter import Variance
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.visible import as_lines

MODES = click.Choice([mode.value for mode in Variance])


@click.command()
@click.argument("mode", type=MODES, required=False)
@click.option("--reason", help="Why; stays on record. Needed to change it.")
@as_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def variance(mode: str | None, reason: str | None, login: str | None, as_json: bool) -> None:
    """Say what is done about usage far above its tenant's history.

    Without a mode it lists all decisions; with one it decides. hold: it waits for fridge release. warn: it is
    billed, and the run says so. off: nothing is compared. Usage that is already held stays held until it is
    released. A process with FRIDGE_VARIANCE in its environment uses that, and records it.

    Example: fridge variance warn --reason "a new gateway sends every ten seconds" --as olga
    """
    if (mode is None) != (reason is None):
        raise click.UsageError("give the mode and --reason TEXT to decide, or neither to see the decisions")
    with ledger() as opened:
        sign_in(opened, login)
        if mode is not None:
            decide(opened.database, Subject.VARIANCE, mode, reason or "")
        with opened.database.connect() as connection:
            decided = decisions_about(connection, Subject.VARIANCE)
            now = variance_now(connection, opened.settings.variance)
        by_variable = opened.settings.variance is not None
    if as_json:
        echo(
            json.dumps(
                {"variance": now.value, "by_variable": by_variable, "decisions": list(map(_as_mapping, decided))}
            )
        )
        return
    echo(f"{now.value}{', by FRIDGE_VARIANCE of this environment' if by_variable else ''}")
    echo(as_lines([_as_text(each) for each in decided]) if decided else "nobody has decided otherwise")


def _as_mapping(decision: Decision) -> dict[str, object]:
    return {
        "setting": decision.setting,
        "reason": decision.reason,
        "decided_by": decision.acted_by,
        "decided_at": decision.acted_at.isoformat(),
        "os_user": decision.os_user,
        "os_host": decision.os_host,
    }


def _as_text(decision: Decision) -> str:
    at = f" ({decision.os_user} on {decision.os_host})" if decision.os_user else ""
    return (
        f"  {decision.acted_at:%Y-%m-%d %H:%M} UTC  {decision.setting:<4}  {decision.acted_by}{at}: {decision.reason}"
    )
