"""``fridge verify``: whether an evidence pack holds.

Runs with Python and click alone, without the rest of the program's libraries:
``python -m fridge_pipeline.cli.verify FILE.zip``. ``verify_program`` is the same without click.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TypedDict, Unpack

import click

from fridge_pipeline.cli.options import LocationOption
from fridge_pipeline.cli.verify_program import (
    HELP,
    MEMORY_MIB,
    Verification,
    manifest_hash,
    month_key,
    run_verification,
)
from fridge_pipeline.finance.pack.signature import SIGNATURE_SUFFIX
from fridge_pipeline.finance.pack.time_stamp import STAMP_SUFFIX
from fridge_pipeline.finance.verify_evidence import Expected
from fridge_pipeline.ingest.object_store.archive import fetch
from fridge_pipeline.ingest.object_store.store import ArchiveError, StoreUriError
from fridge_pipeline.ingest.rules.location import Location, ObjectLocation

PACK = LocationOption(exists=True)
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Asked(TypedDict):
    """The options."""

    previous: Location | None
    month: str | None
    manifest: str | None
    signers: Path | None
    authority: Path | None
    folder: Path | None
    memory_mib: int


@click.command()
@click.argument("file", type=PACK, required=False)
@click.option("--previous", type=PACK, help=HELP["previous"])
@click.option("--month", type=month_key, metavar="MONTH", help=HELP["month"])
@click.option("--manifest", type=manifest_hash, metavar="HASH", help=HELP["manifest"])
@click.option("--signers", type=A_FILE, help=HELP["signers"])
@click.option("--authority", type=A_FILE, help=HELP["authority"])
@click.option(
    "--all", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR", help=HELP["all"]
)
@click.option(
    "--memory", "memory_mib", type=click.IntRange(1), default=MEMORY_MIB, show_default=True, help=HELP["memory"]
)
def verify(file: Location | None, **asked: Unpack[Asked]) -> None:
    """Check the evidence pack FILE with no database and no network.

    It checks that the pack holds exactly the listed files with their hashes; that rows, sums and control totals are
    what the pack says; and with --previous, that it is chained to that pack. It names the first thing that does not
    hold, and ends with exit code 1. A pack that was forged as a whole shows only by what you know from elsewhere:
    --manifest, --signers, --authority.

    A pack at s3://BUCKET/PREFIX/NAME.zip is first fetched into a temporary folder, with what lies beside it. Of Parquet
    files, which packs of the first format hold, only the hash is checked.

    On Linux it never takes more memory than --memory allows, however large the pack is; what does not fit goes to
    the folder for temporary files.

    Example: fridge verify 2026-02.zip --month 2026-02 --signers approvers --previous 2026-01.zip
    """
    folder, previous = asked["folder"], asked["previous"]
    if (file is None) == (folder is None):
        raise click.UsageError("say either which FILE, or --all DIR")
    if folder is not None and previous is not None:
        raise click.UsageError("--previous is of one FILE; --all DIR has them all")
    beside = {SIGNATURE_SUFFIX: asked["signers"], STAMP_SUFFIX: asked["authority"]}
    with ExitStack() as stack:
        pack = _at_hand(file, stack, [suffix for suffix, option in beside.items() if option]) if file else None
        before = _at_hand(previous, stack, []) if previous else None
        expected = Expected(before, asked["month"], asked["manifest"], asked["signers"], asked["authority"])
        if not run_verification(Verification(pack, folder, expected, asked["memory_mib"]), click.echo):
            sys.exit(1)


def _at_hand(location: Location, stack: ExitStack, suffixes: list[str]) -> Path:
    """The pack as a file on this machine, with what lies beside it, as long as the stack is open."""
    if isinstance(location, Path):
        return location
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fridge-verify-")))
    for suffix in ("", *suffixes):
        _fetched(location.parent / f"{location.name}{suffix}", folder / f"{location.name or 'pack'}{suffix}")
    return folder / (location.name or "pack")


def _fetched(location: ObjectLocation, copy: Path) -> None:
    try:
        fetch(location, copy)
    except (ArchiveError, StoreUriError) as error:
        raise click.ClickException(str(error)) from None
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{location} cannot be fetched without the package {error.name}") from None


if __name__ == "__main__":
    verify()
