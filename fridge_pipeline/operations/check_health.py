"""Check health: what is wrong with this installation, part by part; changes nothing that is billed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.billing.meters_at_stripe import wrong_meters
from fridge_pipeline.billing.open_stripe import billing_start, reads_since
from fridge_pipeline.calendar.days import ONE_DAY
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database, DatabaseUnreachableError
from fridge_pipeline.database.exceptions import open_exception_kinds
from fridge_pipeline.database.people_record import find_reader_drift
from fridge_pipeline.database.program import program_identity
from fridge_pipeline.database.queries import meters_of, statement, value_of
from fridge_pipeline.database.run import Run
from fridge_pipeline.database.schema import (
    PIPELINE,
    is_private,
    owns_schema,
    schema_number,
    server_clock,
)
from fridge_pipeline.finance.packs_in_archive import FOLDER, packs_in_archive
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import quiet_sources, similar_ids, sources_put_back
from fridge_pipeline.ingest.note_losses import find_losses
from fridge_pipeline.ingest.object_store.archive import require_listed
from fridge_pipeline.ingest.rules.location import Location, ObjectLocation
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.operations.rules.daemon_check import judge_switches
from fridge_pipeline.operations.rules.health_check import (
    Grade,
    HealthCheck,
    Unread,
    judge_billing_start,
    judge_exceptions,
    judge_hours,
    judge_ids,
    judge_landing,
    judge_packs,
    judge_postgres,
    judge_readers,
    judge_reads,
    judge_restore,
    judge_skew,
    judge_sources,
)
from fridge_pipeline.operations.rules.machine_check import judge_disk, judge_port, judge_versions
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.invoice_reads import refused_invoice_reads
from fridge_pipeline.stripe.reads import refused_reads, stripe_clock
from fridge_pipeline.stripe.rules.api_key import KeyMode
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP, READS_MONTH

KEY_MODES = {
    KeyMode.LIVE: "a live key: real customers are billed",
    KeyMode.TEST: "a test key: nobody is billed",
    KeyMode.SANDBOX: "no key, the local sandbox: nobody is billed",
}


def check_machine(
    home: Path, landing: Path | None, requirements: Path, models: Path, port: int
) -> Iterator[HealthCheck]:
    """Disks, packages and the UI's port."""
    for folder in [home] + ([landing] if landing is not None and home not in landing.parents else []):
        yield judge_disk(str(folder), free_bytes(folder))
    program = program_identity(models)
    pinned = pinned_versions(requirements) if requirements.is_file() else {}
    yield judge_versions(program["python"], program["version"], pinned, installed_versions(list(pinned)))
    yield judge_port(port, port_holder(port))


def check_database(database: Database, clock: Callable[[], datetime]) -> Iterator[HealthCheck]:
    """Version, schema, rights and clock."""
    with database.connect() as connection:
        version, number = connection.info.server_version, schema_number()
        yield from judge_postgres(database.location, version, number, is_private=is_private(connection))
        before = clock()
        there, after = server_clock(connection), clock()
        is_owner = owns_schema(connection)
    if database.role == PIPELINE and is_owner:
        do = f"sign in as a member of {PIPELINE} that owns nothing (docs/deployment.md, External PostgreSQL)"
        text = f"works with the rights of {PIPELINE}, but its login owns the schema, and whoever has it may change all"
        yield HealthCheck("roles", Grade.WARN, text, do)
    elif database.role == PIPELINE:
        yield HealthCheck("roles", Grade.OK, f"works with the rights of {PIPELINE}, which changes no schema")
    else:
        do = f"have create role {PIPELINE}, then fridge migrate (docs/deployment.md, External PostgreSQL)"
        yield HealthCheck("roles", Grade.WARN, "works with all the rights of the role that signs in", do)
    yield judge_skew("database clock", "PostgreSQL's clock", there - (before + (after - before) / 2))


def check_switches(dagster: Database, on: Collection[str]) -> list[HealthCheck]:
    """Whether somebody has switched off in the UI what the code has ``on``, by Dagster's own database."""
    with dagster.connect() as connection:
        switched = connection.execute(statement("signals_of_switches")).fetchall()
    return judge_switches({name for _, (name,), is_off in switched if is_off and name in on})


def check_readers(database: Database, finance: Database | None) -> HealthCheck:
    """What finance's logins could do beyond reading, and whether ``finance``, which we made, can still sign in."""
    with database.connect() as connection:
        drifts = [drift.says for drift in find_reader_drift(connection)]
    refusal = None
    if finance is not None:
        try:
            with finance.connect():
                pass
        except DatabaseUnreachableError as error:
            refusal = str(error)
    return judge_readers(drifts, refusal)


def check_landing(database: Database, zone: LandingZone, shown: str, now: datetime) -> Iterable[HealthCheck]:
    """Whether it can be listed, is the one that the books know, and what in it nobody loads."""
    strays = Strays()
    listed = zone.hours(strays)
    with database.connect() as connection:
        return judge_landing(len(listed), shown, find_losses(connection, zone, listed, strays, now))


def check_archive(archive: Location) -> Iterator[HealthCheck]:
    """Whether packs and reports can be put there; nothing is. Raises ``ArchiveError`` and ``StoreUriError``."""
    if isinstance(archive, ObjectLocation):
        require_listed(archive)
        yield HealthCheck("archive", Grade.OK, f"{archive} can be listed; writing is not tried")
    elif may_write(archive):
        yield HealthCheck("archive", Grade.OK, f"packs and reports go to {archive}")
    else:
        do = "let the user who runs fridge write there, or set FRIDGE_ARCHIVE_URI"
        yield HealthCheck("archive", Grade.WRONG, f"packs and reports cannot be written to {archive}", do)


def check_packs(database: Database, archive: Location, now: datetime) -> Iterator[HealthCheck]:
    """Whether the archive holds the packs that the books know, and whether the books were restored lately.

    Raises ``ArchiveError`` and ``StoreUriError``.
    """
    with database.connect() as connection:
        months = connection.execute(statement("registered_packs")).fetchall()
        restored_at = value_of(connection, "newest_restore")
    found = list(packs_in_archive(archive))
    there = [pack for pack in found if isinstance(pack, ChainedPack)]
    damaged = [str(pack) for pack in found if not isinstance(pack, ChainedPack)]
    yield judge_restore(restored_at, now)
    yield from judge_packs({sha: month for month, sha in months}, there, damaged, str(archive / FOLDER))


def check_stripe(
    gateway: StripeGateway, catalogue: tuple[Meter, ...], clock: Callable[[], datetime]
) -> Iterator[HealthCheck]:
    """The key's mode, what it may read, the meters, and Stripe's clock. Raises ``StripeCallError``."""
    yield HealthCheck("Stripe key", Grade.OK, KEY_MODES[gateway.mode])
    lacking = list(refused_reads(gateway, [meter.event_name for meter in catalogue]))
    if lacking:
        do = "give the restricted key these permissions in Stripe's dashboard (docs/security.md, The Stripe key)"
        yield HealthCheck("Stripe permissions", Grade.WRONG, f"the key lacks {', '.join(lacking)}", do)
    else:
        text = "the key may read meters, summaries and events; writing is not tried, for that would bill"
        yield HealthCheck("Stripe permissions", Grade.OK, text)
    wrong = wrong_meters(gateway, catalogue)
    if wrong:
        told = "; ".join(f"{name}: {why}" for name, why in wrong.items())
        yield HealthCheck(
            "Stripe", Grade.WRONG, f"{gateway.location}: {told}", "see fridge stripe check, and docs/meters.md"
        )
    else:
        yield HealthCheck(
            "Stripe", Grade.OK, f"{gateway.location}, all {len(catalogue)} meters agree with the catalogue"
        )
    before = clock()
    there = stripe_clock(gateway)
    if there is not None:
        yield judge_skew("Stripe clock", "Stripe's clock", there - (before + (clock() - before) / 2))


def check_reads(database: Database, catalogue: tuple[Meter, ...], reads_max: int, now: datetime) -> HealthCheck:
    """How many of the reads that Stripe allows are made, and what of the last days was not read.

    Yesterday is left out: it is read this morning.
    """
    last = now.date() - 2 * ONE_DAY
    days = {"first_day": last - OLDEST_TIMESTAMP + ONE_DAY, "last_day": last}
    with database.connect() as connection:
        made = reads_since(connection, now - READS_MONTH)
        row = connection.execute(statement("unread_customers"), {**days, **meters_of(catalogue)}).fetchone()
    return judge_reads(made, reads_max, Unread(*(row or (0, 0, 0, None, None))))


def check_invoices(gateway: StripeGateway, mode: InvoiceMode) -> HealthCheck:
    """Whether the key may read invoices; one that may not is no error of billing. Raises ``StripeCallError``."""
    if mode is InvoiceMode.OFF:
        return HealthCheck("invoices", Grade.OK, "FRIDGE_INVOICES=off: none is read, so nobody sees what misses one")
    lacking = refused_invoice_reads(gateway)
    if lacking:
        do = "give the restricted key these permissions (docs/security.md, The Stripe key), or set FRIDGE_INVOICES=off"
        text = f"the key lacks {', '.join(lacking)}: invoices are not read, and billing goes on"
        return HealthCheck("invoices", Grade.WARN, text, do)
    text = "the key may read invoices, prices and subscriptions"
    if mode is InvoiceMode.HOLD:
        text += "; whether it may hold drafts (write on invoices), the first draft shows"
    return HealthCheck("invoices", Grade.OK, text)


def check_billing_start(database: Database, told: BillingStart | None, now: datetime) -> HealthCheck:
    """From which hour on usage is stated, and whether this process was ``told`` another one."""
    with database.connect() as connection:
        return judge_billing_start(billing_start(connection), told, now)


def check_hours(run: Run, zone: LandingZone, grid: HourRange, close_after: timedelta) -> HealthCheck:
    """Hours that wait for delivery. Raises ``LandingError``."""
    return judge_hours(find_hours_to_bill(run, zone, grid, close_after))


def check_books(database: Database, now: datetime) -> Iterable[HealthCheck]:
    """Odd ids, sources without readings, and what waits for a person."""
    with database.connect() as connection:
        similar, quiet = similar_ids(connection), quiet_sources(connection, now)
        put_back = sources_put_back(connection, now)
        exceptions = judge_exceptions(open_exception_kinds(connection))
    ids = judge_ids(list(map(str, similar)), similar[0].total if similar else 0)
    return [ids, judge_sources(quiet, put_back), *exceptions]


_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+) *(;.*?)?\\?$")
_ANSWER_SECONDS = 2.0


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder, or of the nearest one above it that exists."""
    return shutil.disk_usage(_nearest_existing(folder)).free


def may_write(folder: Path) -> bool:
    """Whether we may put files into a folder, or make it."""
    existing = _nearest_existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def port_holder(port: int) -> str | None:
    """Who answers on a port of this machine, as far as it can be told; ``None`` when nobody does."""
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return None
    import requests  # noqa: PLC0415 # only asked where somebody answers

    with requests.Session() as session, suppress(requests.RequestException, ValueError, KeyError, TypeError):
        session.trust_env = False  # no proxy stands between us and ourselves
        told = session.get(f"http://127.0.0.1:{port}/server_info", timeout=_ANSWER_SECONDS).json()
        return f"Dagster's UI {told['dagster_webserver_version']}"
    return "another program"


def pinned_versions(requirements: Path) -> dict[str, str]:
    """Package → version in a file of pinned requirements; those for some machines only are left out."""
    found = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        match = _PINNED.match(line)
        if match and not match[3]:
            found[match[1]] = match[2]
    return found


def installed_versions(names: list[str]) -> dict[str, str]:
    """Package → version of those that are installed here."""
    found = {}
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
