"""``fridge evidence``: a month as one file that proves itself."""

from __future__ import annotations

import json

import click

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.cli.options import LocationOption, MonthKey
from fridge_pipeline.cli.person_option import login_name
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.finance.make_evidence import EvidencePack
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.orchestration.month_assets import make_pack


@click.command()
@click.argument("month", type=MonthKey())
@click.option(
    "--out",
    type=LocationOption(),
    help="The ZIP file to make, a path or s3://BUCKET/PREFIX/NAME.zip [default: evidence/MONTH.zip in the archive].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def evidence(month: Month, out: Location | None, as_json: bool) -> None:
    """Make the evidence pack of MONTH.

    It is everything that proves the month's numbers, as one ZIP file. The pack is verified before it gets its name,
    and chained to the pack of the month before. A month that is not closed gives a draft, which says so and is in
    no chain. An earlier final pack with the same name is kept beside the new one; in an object store it keeps its
    name, and the new one gets a number.

    Example: fridge evidence 2026-01 --out 2026-01.zip
    """
    with ledger() as opened:
        pack = make_pack(opened, month, out, login_name(), "")
    echo(json.dumps(as_mapping(pack)) if as_json else as_text(pack))


def as_text(pack: EvidencePack) -> str:
    """What was made, and how to check it."""
    lines = [f"{pack.path}: {pack.files} files, {pack.rows} rows of evidence of {pack.month}"]
    if not pack.is_final:
        lines.append(f"DRAFT: {pack.month} is not closed, so its numbers may still change (see fridge close)")
    lines += [f"  {held}" for held in pack.held]
    if pack.kept is not None:
        lines.append(f"the pack that had this name is kept as {pack.kept}")
    if pack.is_final:
        lines.append(f"whoever approved the month signs it with: fridge sign-pack {pack.path} --key FILE")
    return "\n".join([*lines, f"manifest {pack.manifest_sha256}", f"check it with: fridge verify {pack.path}"])


def as_mapping(pack: EvidencePack) -> dict[str, object]:
    """The same for scripts."""
    return {
        "path": str(pack.path),
        "month": pack.month,
        "is_final": pack.is_final,
        "manifest_sha256": pack.manifest_sha256,
        "previous_month": pack.previous.month if pack.previous else None,
        "previous_sha256": pack.previous.manifest_sha256 if pack.previous else None,
        "files": pack.files,
        "rows": pack.rows,
        "kept": str(pack.kept) if pack.kept else None,
    }
