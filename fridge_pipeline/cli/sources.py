"""``fridge sources``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.options import HourKey
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.ingest.check_source import SourceCheck, check_source
from fridge_pipeline.ingest.gallery import gallery, gallery_sources
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.guess_source import guess_source
from fridge_pipeline.ingest.rules.source import Source, source_of
from fridge_pipeline.ingest.sample_file import sample_of
from fridge_pipeline.ingest.source_contracts import accept_shapes
from fridge_pipeline.settings import read_settings
from fridge_pipeline.visible import as_lines, counted


@click.group(cls=SentenceGroup)
def sources() -> None:
    """How gateways' files are read: the sources of FRIDGE_SOURCES."""


@sources.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", "name", help="Read it by this source instead of the first whose pattern matches.")
@click.option("--path", help="Its path below the hour's folder, where it differs from the file's name.")
@click.option("--hour", type=HourKey(), help="The landing hour it is judged by; default: the running one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(*, file: Path, name: str | None, path: str | None, hour: Hour | None, as_json: bool) -> None:
    """Show how a source reads FILE, and load nothing.

    It shows the first readings, counts, and every reason of rejection. Exit code 1 if no row is a reading, or if
    the file cannot be read to its end.

    Example: fridge sources check uplinks.ndjson.gz --source ttn
    """
    configured = read_settings(os.environ)
    below_hour = path or file.name
    source = _named(configured.sources, name) if name else source_of(below_hour, configured.sources)
    found = check_source(file, below_hour, source, hour or Hour.containing(datetime.now(UTC)))
    echo(json.dumps(asdict(found), indent=2, default=str) if as_json else as_lines(_told(found, file)))
    if found.damage or not found.readings:
        sys.exit(1)


@sources.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--path", help="Its path below the hour's folder, where it differs from the file's name.")
def guess(*, file: Path, path: str | None) -> None:
    """Propose a source for FILE, in TOML.

    It is an entry of the gallery that fits, or else made from the names, units and values of the columns.

    Its comments say how certain it is, and why. Read them, put the source into your file of sources, and check it.
    Exit code 1 if the file seems to hold no reading.

    Example: fridge sources guess rack-1.csv > sources.toml
    """
    entries = {name: (source, gallery()[name]) for name, source in gallery_sources().items()}
    try:
        found = guess_source(sample_of(file, path or file.name), entries)
    except UnreadableFileError as error:
        raise click.ClickException(f"{file.name} cannot be read: {error}") from error
    if found is None:
        raise click.ClickException(
            f"no source can be guessed for {file.name}: no column looks like a time, or none like a temperature; are "
            "there two lines of names, a row of units, records inside objects? Write one by docs/sources.md"
        )
    echo(as_lines([f"# confidence: {found.confidence}", *(f"# - {reason}" for reason in found.reasons)]))
    echo(found.toml.rstrip())


@sources.command()
@click.argument("source")
@click.option("--reason", required=True, help="Why its columns are right, for the record.")
@as_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def accept(*, source: str, reason: str, login: str | None, as_json: bool) -> None:
    """Accept the changed columns for which files of SOURCE wait.

    Files wait where their source has contract = "refuse". The next run reads them again, and files with these
    columns are loaded from then on. Exit code 1 when no file waits.

    Example: fridge sources accept ttn --reason "firmware 2.1 adds battery_v"
    """
    if not reason.strip():
        raise click.UsageError("--reason is empty; say why the columns are right")
    with ledger() as opened:
        sign_in(opened, login)
        done = accept_shapes(opened.database, source, reason.strip())
    if as_json:
        echo(json.dumps(asdict(done), indent=2))
    elif done.changes:
        echo(as_lines([f"accepted: {'; '.join(changes)}" for changes in done.changes]))
        echo(f"read again by the next run: {counted(done.files, 'landing file')}")
    else:
        echo(f"no file of source {source} waits for its columns to be accepted")
    if not done.changes:
        sys.exit(1)


def _named(known: tuple[Source, ...], name: str) -> Source:
    for source in known:
        if source.name == name:
            return source
    names = ", ".join(source.name for source in known) or "none: FRIDGE_SOURCES is not set"
    raise click.UsageError(f"there is no source {name!r}; there are {names}")


def _told(found: SourceCheck, file: Path) -> list[str]:
    by = f"source {found.source}" if found.source else "no source: the canonical columns"
    lines = [f"{file.name}, read by {by}: {found.rows:,} rows, {found.readings:,} readings"]
    if found.damage:
        lines.append(f"it cannot be read to its end: {found.damage}")
    if found.readings:
        tenants = f"{found.tenants:,} tenants" if found.tenants else "tenants by the register"
        lines += [
            f"  {tenants}, {found.sensors:,} sensors",
            f"  recorded {found.earliest:%Y-%m-%d %H:%M:%S} to {found.latest:%Y-%m-%d %H:%M:%S} UTC",
            f"  {found.lowest_c:g} to {found.highest_c:g} °C",
        ]
        most = max(readings for _, readings in found.bars)
        lines += [f"  {start:>7g} °C  {'█' * max(1, 30 * count // most)} {count:,}" for start, count in found.bars]
        lines += [
            f"  {each.name}: {each.lowest:.15g} to {each.highest:.15g} in {each.readings:,} readings, together "
            f"{each.total:.15g}"
            for each in found.numbers
            if each.readings
        ]
        first_numbers = found.first_numbers or [{}] * len(found.first)
        lines.append("first readings (line, tenant, sensor, time in UTC, °C):")
        lines += [
            f"  {line}  {tenant or 'by register'}  {sensor}  {time:%Y-%m-%d %H:%M:%S}  {degrees:g}"
            + "".join(f"  {name} {number:.15g}" for name, number in numbers.items())
            for (line, tenant, sensor, time, degrees), numbers in zip(found.first, first_numbers, strict=True)
        ]
    if found.rejections:
        lines.append("rejected:")
    for each in found.rejections:
        cause = f"; looks like {each.looks_like}" if each.looks_like else ""
        lines.append(f"  {each.rows:,} rows: {each.reason}{cause}; line {each.line}: {each.example}")
    lines += [f"look at this: {warning}" for warning in found.warnings]
    return lines
