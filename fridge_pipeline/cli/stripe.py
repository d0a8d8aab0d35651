"""``fridge stripe``: the catalogue's meters in Stripe."""

from __future__ import annotations

import sys

import click

from fridge_pipeline.cli.context import installation
from fridge_pipeline.domain.meter import CATALOGUE
from fridge_pipeline.orchestration.installation import create_missing_meters


@click.group()
def stripe() -> None:
    """The catalogue's meters in Stripe."""


@stripe.command()
def setup() -> None:
    """Create the catalogue's meters that Stripe does not have yet. Formula and window can never be changed later."""
    with installation() as opened:
        gateway = opened.gateway()
        created = create_missing_meters(gateway)
        click.echo(
            f"{gateway.place}: created {', '.join(created)}" if created else f"{gateway.place}: all meters exist"
        )


@stripe.command()
def check() -> None:
    """Check that Stripe's meters agree with the catalogue; exit code 1 when they do not."""
    with installation() as opened:
        gateway = opened.gateway()
        present = gateway.meters()
        problems = []
        for meter in CATALOGUE:
            found = present.get(meter.event_name)
            if found is None:
                problems.append(f"{meter.event_name}: not in Stripe; run: fridge stripe setup")
            else:
                problems += [f"{meter.event_name}: {text}" for text in found.disagreements(meter)]
        click.echo(
            "\n".join(problems) if problems else f"{gateway.place}: {len(CATALOGUE)} meters agree with the catalogue"
        )
    if problems:
        sys.exit(1)
