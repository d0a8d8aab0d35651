"""``fridge verify``: whether an evidence pack holds.

Runs with Python and click alone, without the rest of the program's libraries:
``python -m fridge_pipeline.cli.verify FILE.zip``.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from fridge_pipeline.cli.location_option import LocationOption
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import is_draft, manifest_sha256, verify_evidence
from fridge_pipeline.ingest.object_store.archive import fetch
from fridge_pipeline.ingest.object_store.store import ArchiveError, StoreUriError
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.operations.memory_limit import memory_bounded
from fridge_pipeline.visible import one_line

PACK = LocationOption(exists=True)

#: With what the program itself takes, this stays below 256 MiB.
MEMORY_MIB = 80


@click.command()
@click.argument("file", type=PACK)
@click.option("--previous", type=PACK, help="The pack of the month before, to check the chain.")
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(1),
    default=MEMORY_MIB,
    show_default=True,
    help="MiB that a pack may take beside the program itself.",
)
def verify(file: Location, previous: Location | None, memory_mib: int) -> None:
    """Check the evidence pack FILE with no database and no network, and name the first thing that does not hold.

    One at s3://BUCKET/PREFIX/NAME.zip is fetched first, into a temporary folder; that needs obstore.

    Its files are exactly the listed ones and have their hashes; rows, sums and control totals are what the pack says;
    with --previous, it is chained to that pack. Of Parquet files, which packs of the first format hold as well, only
    the hash is checked. Exit code 1 when something fails.

    Whoever made the pack, it takes no more memory than that (on Linux); more than 10,000 tenants need more.

    Example: fridge verify 2026-02.zip --previous 2026-01.zip
    """
    with ExitStack() as stack:
        pack = _at_hand(file, stack)
        before = _at_hand(previous, stack) if previous is not None else None
        try:
            with memory_bounded(memory_mib * 2**20):
                _verify(pack, before)
        except DoesNotHoldError as error:
            click.echo(f"DOES NOT HOLD: {one_line(str(error))}")
            sys.exit(1)
        except MemoryError:
            click.echo(
                f"NOT VERIFIED: {one_line(pack.name)} takes more than {memory_mib} MiB of memory. One of very many "
                "tenants does, and so does one that was made to fill the memory; --memory MIB allows more"
            )
            sys.exit(1)


def _verify(pack: Path, before: Path | None) -> None:
    for held in verify_evidence(pack, before):
        click.echo(f"holds: {one_line(held)}")
    click.echo(f"{one_line(pack.name)} holds; its manifest is {manifest_sha256(pack)}")
    if is_draft(pack):
        click.echo("It is a DRAFT: the month was not closed, and no later pack is chained to it.")


def _at_hand(location: Location, stack: ExitStack) -> Path:
    """The pack as a file on this machine, as long as the stack is open."""
    if isinstance(location, Path):
        return location
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fridge-verify-"))) / (location.name or "pack")
    try:
        fetch(location, copy)
    except (ArchiveError, StoreUriError) as error:
        raise click.ClickException(str(error)) from None
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{location} cannot be fetched without the package {error.name}") from None
    return copy


if __name__ == "__main__":
    verify()
