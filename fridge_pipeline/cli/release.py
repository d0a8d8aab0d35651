"""``fridge release``: let through what was held for review."""

from __future__ import annotations

import json

import click

from fridge_pipeline.billing.review import release_usage
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.cli.bill import HourKey
from fridge_pipeline.cli.context import installation
from fridge_pipeline.cli.terminal import echo


@click.command()
@click.argument("tenant")
@click.argument("hour", type=HourKey())
@click.option("--by", "name", required=True, help="Who decides it; stays on record.")
@click.option("--reason", required=True, help="Why it is right; stays on record.")
@click.option("--meter", "event_name", help="Only this meter [default: every meter that is held].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def release(tenant: str, hour: Hour, name: str, reason: str, event_name: str | None, as_json: bool) -> None:
    """Release TENANT's usage in HOUR that is held for review (the exception held_for_review), so that it is billed.

    Released is the usage as it is now: should it become more than that, it is looked at anew.

    Example: fridge release cohoes 2026-01-24-18:00 --by ada --reason "backlog after the outage"
    """
    with installation() as opened:
        done = release_usage(opened.database, tenant, hour, event_name, opened.catalogue, name, reason, opened.clock)
    command = f"fridge bill --from {hour} --to {hour}"
    if as_json:
        told = {
            "tenant_id": done.tenant_id,
            "hour": done.hour.key,
            "released": done.released,
            "released_by": done.released_by,
            "reason": done.reason,
            "released_at": done.released_at.isoformat(),
            "bill_with": command,
        }
        echo(json.dumps(told))
        return
    quantities = " and ".join(f"{value:,} {meter}" for meter, value in sorted(done.released.items()))
    echo(f"{quantities} of {tenant} in {hour} released by {done.released_by}")
    echo(f"The next hourly_billing bills it, or now: {command}")
