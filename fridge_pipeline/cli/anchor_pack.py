"""``fridge sign-pack`` and ``fridge stamp-pack``: what ties a pack to somebody outside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from fridge_pipeline.cli.options import LocationOption
from fridge_pipeline.cli.terminal import echo
from fridge_pipeline.finance.anchor_evidence import sign_pack, stamp_pack
from fridge_pipeline.finance.pack.signature import SIGNATURE_SUFFIX
from fridge_pipeline.finance.pack.time_stamp import STAMP_SUFFIX
from fridge_pipeline.ingest.object_store.archive import fetch, put_new
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.visible import one_line

PACK = LocationOption(exists=True)
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("sign-pack")
@click.argument("file", type=PACK)
@click.option("--key", type=A_FILE, required=True, help="The approver's own SSH key, or its .pub when an agent has it.")
def sign_pack_command(file: Location, key: Path) -> None:
    """Sign the evidence pack FILE with your own key.

    The approver of the month does this, on their own machine. The pack is verified first. The signature is over its
    manifest, by ssh-keygen -Y; it is written beside the pack as FILE.sig and is never replaced. Give your public
    key to the auditor, not to us.

    Example: fridge sign-pack 2026-01.zip --key ~/.ssh/id_ed25519
    """
    _anchor(file, SIGNATURE_SUFFIX, lambda pack: sign_pack(pack, key))


@click.command("stamp-pack")
@click.argument("file", type=PACK)
@click.option("--url", required=True, help="Where the authority takes requests of RFC 3161 over HTTP.")
@click.option("--authority", type=A_FILE, required=True, help="Its certificates (PEM), by which its answer is checked.")
def stamp_pack_command(file: Location, url: str, authority: Path) -> None:
    """Have an authority stamp the time of the pack FILE.

    This proves that the pack existed at that time. The pack is verified first. The authority gets only a hash; its
    answer is verified and written beside the pack as FILE.tsr, and is never replaced. Needs openssl.

    Example: fridge stamp-pack 2026-01.zip --url https://freetsa.org/tsr --authority freetsa.pem
    """
    _anchor(file, STAMP_SUFFIX, lambda pack: stamp_pack(pack, url, authority))


def _anchor(file: Location, suffix: str, made_of: Callable[[Path], tuple[list[str], bytes]]) -> None:
    target = file.parent / f"{file.name}{suffix}"
    with tempfile.TemporaryDirectory(prefix="fridge-anchor-") as folder:
        if isinstance(file, Path):
            pack = file
        else:
            fetch(file, pack := Path(folder, file.name))
        held, made = made_of(pack)
        beside = Path(folder, "made")
        beside.write_bytes(made)
        if not _put(beside, target):
            raise click.ClickException(
                f"{target} is there already and was left as it is; look at it with fridge verify"
            )
    for line in held:
        echo(one_line(f"holds: {line}"))
    echo(one_line(f"made {target}"))


def _put(made: Path, target: Location) -> bool:
    """Whether nothing had that name."""
    if not isinstance(target, Path):
        return put_new(made, target)
    try:
        with target.open("xb") as out:
            out.write(made.read_bytes())
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError:
        return False
    return True
