"""A whole month of real readings, from the files as they arrived to a pack that proves it: October 2023."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.finance.make_evidence import EvidencePack
from fridge_pipeline.finance.report_month import MonthReport
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, folder_of
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.ingest.rules.location import Location
from tests.conftest import fresh_database
from tests.finance.report.html_reading import PageRead
from tests.finance.report.workbook_reading import named, read_sheet
from tests.pipeline import Clock, Pipeline
from tests.real_data import month
from tests.real_data.month import LAND, OCTOBER, Deliveries
from tests.sandbox_process import running_sandbox

pytestmark = pytest.mark.skipif(
    not LAND.exists(), reason=f"the real readings are not part of the project: {LAND} is missing"
)

#: Event name → what land.py calls the same.
MEASURES = {"temperature_readings": "inserted_count", "active_sensors": "active_sensors"}
KINDS = {".csv", ".json", ".sql", ".yml", ".txt", ".sha256", ".py"}


@dataclass(frozen=True)
class Billed:
    """The month once everything was done with it."""

    deliveries: Deliveries
    pipeline: Pipeline
    report: MonthReport
    pack: EvidencePack


def on_disk(place: Location) -> Path:
    """The place as the path that it is here."""
    assert isinstance(place, Path)
    return place


@pytest.fixture(scope="module")
def billed(server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billed]:
    """Landed, billed, compared with Stripe, closed by two people, reported and packed; once for all tests here."""
    folder = tmp_path_factory.mktemp("october")
    deliveries = month.deliveries_of_october(folder)
    with fresh_database(server) as database, running_sandbox() as sandbox:
        clock = Clock(OCTOBER.start)
        run_id = "3f1c2a90-7d4e-4f0b-9a57-1b6d2c8e5f10"
        pipeline = Pipeline(database, sandbox, folder / "landing", folder / "work", clock, run_id=run_id)
        month.bill_the_month(pipeline, deliveries)
        month.close(pipeline)
        report = month.report(pipeline, folder / "report")
        yield Billed(deliveries, pipeline, report, month.evidence(pipeline, folder / "2023-10.zip"))


def test_every_tenant_hour_is_counted_stated_and_shown_by_stripe_as_expected(billed: Billed) -> None:
    rows = billed.pipeline.rows(
        "select tenant_id, to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'), meter, derived_quantity,"
        " usage_quantity, stated_quantity, stripe_quantity::bigint, status from fridge.tie_out"
    )
    found = {(tenant, hour, meter): figures for tenant, hour, meter, *figures in rows}
    expected = {
        (row["tenant_id"], row["hour"], meter): [*[row[measure]] * 4, "tied"]
        for row in billed.deliveries.expected.iter_rows(named=True)
        for meter, measure in MEASURES.items()
    }
    duplicates_only = found.keys() - expected.keys()
    assert [found.pop(each) for each in duplicates_only] == [[0, None, None, 0, "tied"]], "nothing new: nothing to bill"
    assert found == expected


def test_page_and_workbook_say_the_totals_that_were_made_without_us(billed: Billed) -> None:
    deliveries = billed.deliveries
    page = PageRead(on_disk(billed.report.page).read_text(encoding="utf-8"))
    by_meter = {row[0].split(" (")[0]: row for row in page.table("One row per meter").rows}
    workbook = openpyxl.load_workbook(on_disk(billed.report.workbook), data_only=True)
    monthly, hours = (read_sheet(on_disk(billed.report.workbook), name) for name in ("Usage by month", "Hours"))
    for meter, measure in MEASURES.items():
        total = deliveries.total(measure)
        assert by_meter[meter][1:5] == [f"{total:,}"] * 4
        assert {named(workbook, f"control_{each}_{meter}") for each in ("derived", "usage", "stated", "stripe")} == {
            total
        }
        is_of_meter = pl.col("Meter").str.split(" (").list.first() == meter
        assert hours.filter(is_of_meter)["Stripe's own"].sum() == total
        of_tenants = monthly.filter(is_of_meter).select("Tenant", "Usage").sort("Tenant")
        by_tenant = deliveries.expected.group_by("tenant_id").agg(pl.col(measure).sum()).sort("tenant_id")
        assert of_tenants.rows() == by_tenant.rows()
    inserted = deliveries.total("inserted_count")
    rows = [named(workbook, f"control_{each}") for each in ("file_rows", "inserted", "duplicates", "rejected")]
    assert rows == [deliveries.rows, inserted, deliveries.rows - inserted, 0]
    assert set(page.table("One row per comparison").column("Not known")) == {"0"}
    assert "closed" in page.text
    assert month.PREPARED_BY in page.text
    assert month.APPROVED_BY in page.text


def test_its_pack_holds_and_one_altered_byte_in_a_file_of_each_kind_is_named(billed: Billed, tmp_path: Path) -> None:
    assert billed.pack.is_final
    assert list(verify_evidence(on_disk(billed.pack.path)))
    with zipfile.ZipFile(on_disk(billed.pack.path)) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    of_tenants = pl.read_csv(whole[f"{folder_of(OCTOBER.key)}/tables/landing_file_tenants.csv"])
    assert of_tenants["row_count"].sum() == billed.deliveries.rows
    assert of_tenants["inserted_count"].sum() == billed.deliveries.total("inserted_count")
    by_kind = {Path(name).suffix: name for name in sorted(whole, key=lambda name: len(whole[name]))}
    assert set(by_kind) == KINDS
    for name in by_kind.values():
        altered = bytearray(whole[name])
        altered[len(altered) // 3] ^= 1
        target = tmp_path / "altered.zip"
        with zipfile.ZipFile(target, "w") as archive:
            for each, body in whole.items():
                archive.writestr(each, bytes(altered) if each == name else body)
        with pytest.raises(DoesNotHoldError) as refused:
            list(verify_evidence(target))
        assert name.removeprefix(f"{folder_of(OCTOBER.key)}/") in str(refused.value)
