"""``fridge verify``: whether an evidence pack holds.

Runs with Python and click alone, without the rest of the program's libraries:
``python -m fridge_pipeline.cli.verify FILE.zip``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fridge_pipeline.domain.evidence import DoesNotHoldError
from fridge_pipeline.steps.verify_evidence import is_draft, manifest_sha256, verify_evidence

PACK = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=PACK)
@click.option("--previous", type=PACK, help="The pack of the month before, to check the chain.")
def verify(file: Path, previous: Path | None) -> None:
    """Check the evidence pack FILE with no database and no network, and name the first thing that does not hold.

    Its files are exactly the listed ones and have their hashes; rows, sums and control totals are what the pack says;
    Parquet and CSV hold the same rows; with --previous, it is chained to that pack. Exit code 1 when something fails.

    Example: fridge verify 2026-02.zip --previous 2026-01.zip
    """
    try:
        for held in verify_evidence(file, previous):
            click.echo(f"holds: {held}")
    except DoesNotHoldError as error:
        click.echo(f"DOES NOT HOLD: {error}")
        sys.exit(1)
    click.echo(f"{file.name} holds; its manifest is {manifest_sha256(file)}")
    if is_draft(file):
        click.echo("It is a DRAFT: the month was not closed, and no later pack is chained to it.")


if __name__ == "__main__":
    verify()
