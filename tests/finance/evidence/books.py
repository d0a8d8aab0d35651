"""Books of two months, closed, and packs of them as a forger may handle them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.close_month import sign_month
from fridge_pipeline.finance.make_evidence import EvidencePack, make_evidence
from fridge_pipeline.finance.rules.evidence_format import MANIFEST, folder_of, manifest_text
from fridge_pipeline.finance.rules.signoff import Action, Signoff
from fridge_pipeline.finance.stamp_record import Maker
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.settings import REPOSITORY
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

JANUARY = Month.from_key("2026-01")
FEBRUARY = Month.from_key("2026-02")

#: The last hour of January, one before it, and the first of February.
HOURS = tuple(Hour(datetime(2026, *at, tzinfo=UTC)) for at in ((1, 30, 9), (1, 31, 23), (2, 1, 0)))

#: Two of them differ only where file systems may not.
TENANTS = ("cohoes", "A/b", "a:B", "../etc", "Käse 🧀")

MODELS = REPOSITORY / "dbt_like_sql"
MAKER = Maker(
    "ada",
    "run-1",
    datetime(2026, 2, 1, tzinfo=UTC),
    {"version": "0.1.0", "source_sha256": "0" * 64},
    {"partitions_start": "2026-01-01-00:00"},
)


def fill(pipeline: Pipeline) -> None:
    """Two months with several tenants, a duplicate, a rejected row and a restatement, all delivered."""
    pipeline.clock.now = datetime(2026, 2, 1, 2, tzinfo=UTC)
    pipeline.advance()
    for tenant in TENANTS:
        pipeline.add_tenant(tenant)
    for hour in HOURS:
        rows = [row for n, tenant in enumerate(TENANTS) for row in readings(tenant, hour, n + 1, 3)]
        pipeline.land(hour, "a.csv", rows)
        pipeline.land(hour, "b.csv", [*rows[:4], ("cohoes", "s1", hour.start, 999.0)])
    pipeline.run(HOURS[0], HOURS[-1])
    pipeline.land(HOURS[0], "late.csv", readings("cohoes", HOURS[0], 1, 2, start=50))
    pipeline.run(HOURS[0])
    build(pipeline)


def build(pipeline: Pipeline) -> None:
    """The models, as the runs of these hours leave them."""
    pipeline.run_models(HOURS[0], HOURS[-1])


def close(pipeline: Pipeline, month: Month) -> None:
    """Two people sign what the month comes to."""
    at, span = max(pipeline.clock(), month.end), {"month_start": month.start, "month_end": month.end}
    with pipeline.database.connect() as connection:
        ((totals,),) = connection.execute(statement("control_totals"), span).fetchall()
        for login, action, signed in (("ada", Action.PREPARE, totals), ("grace", Action.APPROVE, None)):
            sign_month(signed_in(pipeline.database, login), connection, month, Signoff(action, login, at, signed))


def make(pipeline: Pipeline, month: Month, target: Location, run_id: str = "run-1") -> EvidencePack:
    """Runs the step."""
    maker = replace(MAKER, run_id=run_id, made_at=pipeline.clock())
    return make_evidence(pipeline.database, month, target, MODELS, maker, pipeline.workspace)


def made(pipeline: Pipeline, month: Month, target: Path, run_id: str = "run-1") -> Path:
    """The same on this machine."""
    path = make(pipeline, month, target, run_id).path
    assert isinstance(path, Path)
    return path


def unpacked(pack: Path) -> dict[str, bytes]:
    """Path within the folder → bytes."""
    with zipfile.ZipFile(pack) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def packed(target: Path, files: Mapping[str, bytes], month: Month = JANUARY) -> Path:
    """A pack of these files, whatever they are."""
    with zipfile.ZipFile(target, "w") as archive:
        for path, body in files.items():
            archive.writestr(f"{folder_of(month.key)}/{path}", body)
    return target


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with a manifest that fits them, as a forger who knows the format makes it."""
    others = {path: body for path, body in files.items() if path != MANIFEST}
    manifest = manifest_text({path: hashlib.sha256(body).hexdigest() for path, body in others.items()})
    return {**others, MANIFEST: manifest.encode()}
