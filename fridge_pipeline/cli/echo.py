"""What the command line says on standard output and standard error; apart, because it needs nothing that takes long."""

from __future__ import annotations

import click

from fridge_pipeline.visible import visible


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Writes to standard output, or to standard error."""
    click.echo(visible(text), err=err, nl=nl)
