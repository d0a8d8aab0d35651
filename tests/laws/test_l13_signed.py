"""L13, signed is signed: pages, workbooks and packs of a closed month show what two people put their names to."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.database.connection import Database
from fridge_pipeline.finance.report_month import report_month
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import verify_evidence
from tests.finance.evidence.books import made, packed, unpacked, with_manifest
from tests.finance.report.html_reading import PageRead
from tests.finance.report.workbook_reading import read_sheet
from tests.laws.test_closed_months import HOUR, JANUARY, SIGN, SIGNED_AT, ask, books, close  # noqa: F401 # a fixture
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

READINGS = "temperature_readings"
REFUSED = (psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)


@pytest.fixture
def late(books: Pipeline) -> Pipeline:  # noqa: F811
    """January was closed with 20 readings; then a file of 2 came late."""
    books.run_models(HOUR)
    close(books)
    books.clock.advance(hours=1)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 2, start=7))
    books.run(HOUR)
    books.run_models(HOUR)
    return books


def person(pipeline: Pipeline, login: str) -> Database:
    found = signed_in(pipeline.database, login).person
    assert found is not None
    return found


def table(files: dict[str, bytes], path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[path].decode(), newline="")))


def test_signed_figures_stand_beside_todays_with_the_cause_of_the_difference(late: Pipeline) -> None:
    assert late.rows(
        "select meter, is_closed, signed_usage::int, usage_now::int, difference::int, signed_stated::int,"
        " stated_now::int, hours_changed, cause from fridge.signed_figures order by meter"
    ) == [
        ("active_sensors", True, 2, 3, 1, 2, 2, 1, "late_file"),
        (READINGS, True, 20, 22, 2, 20, 20, 1, "late_file"),
    ]
    assert late.rows("select meter, hour, detail from fridge.signed_changes where meter = %s", READINGS) == [
        (READINGS, HOUR.start, "late file: 2026-01-31/20/late.csv")
    ]
    assert late.one("select quantity from fridge.usage_monthly where meter = %s", READINGS) == 22


def test_page_and_workbook_of_a_closed_month_show_the_signed_figures_and_todays_beside_them(
    late: Pipeline, tmp_path: Path
) -> None:
    report = report_month(late.as_run(), JANUARY, tmp_path, CLOSE_AFTER, late.workspace)
    assert isinstance(report.page, Path)
    assert isinstance(report.workbook, Path)
    assert [(meter["meter"], meter["usage"]) for meter in report.summary.meters] == [
        ("active_sensors", 2),
        (READINGS, 20),
    ]
    page = PageRead(report.page.read_text(encoding="utf-8"))
    assert page.table("One row per meter.").column("Usage") == ["2", "20"]
    said = "temperature_readings: signed 20, now 22 (+2); late file: it came after the month was signed."
    assert "Not what was signed any more. This page shows the signed figures. active_sensors: signed 2" in page.text
    assert said in page.text
    changed = page.table("One row per tenant and meter that is not what was signed")
    assert (changed.column("Signed usage"), changed.column("Usage now")) == (["20", "2"], ["22", "3"])
    sheet = read_sheet(report.workbook, "Signed and now")
    assert sheet.select("Meter", "Signed usage", "Usage now", "Cause").sort("Meter").rows()[1] == (
        READINGS,
        20,
        22,
        "late file: it came after the month was signed",
    )
    assert read_sheet(report.workbook, "Hours")["Usage"].sort().to_list() == [2, 20]


def test_a_final_pack_is_the_signed_snapshot_and_what_came_later_is_its_annex(late: Pipeline, tmp_path: Path) -> None:
    pack = made(late, JANUARY, tmp_path / "2026-01.zip")
    files = unpacked(pack)
    for name, column in (("usage_monthly", "quantity"), ("usage_hourly", "quantity"), ("tie_out", "usage_quantity")):
        assert [row[column] for row in table(files, f"tables/{name}.csv")] == ["2", "20"], name
    assert [row["path"] for row in table(files, "tables/landing_files.csv")] == ["2026-01-31/20/a.csv"]
    assert [row["path"] for row in table(files, "annex/landing_files.csv")] == ["2026-01-31/20/late.csv"]
    (_, figures) = table(files, "annex/signed_figures.csv")
    assert (figures["signed_usage"], figures["usage_now"], figures["cause"]) == ("20", "22", "late_file")
    held = list(verify_evidence(pack))
    told = "; ".join(held)
    assert any(line.startswith("its figures are those that ada prepared at 2026-02-02T") for line in held)
    assert "since it was signed, as the annex has it: +1 active_sensors (late_file); +2 temperature_readings" in told


def test_what_came_after_a_signature_is_not_signed_however_late_its_signer_dated_it(
    books: Pipeline,  # noqa: F811
    tmp_path: Path,
) -> None:
    """With psql, and by the clock of the database: a file loaded later is not in the pack, nor is a release."""
    books.clock.now = datetime.now(UTC)
    books.run_models(HOUR)
    for login, action in (("ada", "prepare"), ("grace", "approve")):
        with person(books, login).connect() as connection:
            connection.execute(SIGN.replace(SIGNED_AT, "2099-01-01"), [action] * 3)
    books.clock.advance(hours=1)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 2, start=7))
    books.run(HOUR)
    with person(books, "oscar").connect() as connection:
        connection.execute("insert into fridge.decisions (subject, setting, reason) values ('variance', 'off', 'late')")
    books.run_models(HOUR)
    files = unpacked(made(books, JANUARY, tmp_path / "2026-01.zip"))
    assert [row["path"] for row in table(files, "tables/landing_files.csv")] == ["2026-01-31/20/a.csv"]
    assert [row["path"] for row in table(files, "annex/landing_files.csv")] == ["2026-01-31/20/late.csv"]
    assert "late" not in {row["reason"] for row in table(files, "tables/decisions.csv")}
    assert "late" in {row["reason"] for row in table(files, "annex/decisions.csv")}
    assert table(files, "tables/month_signoffs.csv")[0]["signed_at"].startswith("2099-01-01"), "shown as it was typed"
    assert {"late_file"} == {row["cause"] for row in table(files, "annex/signed_figures.csv")}


@pytest.mark.parametrize(
    ("prepared", "approved", "told"),
    [
        ("2026-02-01 12:00Z", "", "prepare of 2026-01 refused: it is dated 2026-02-01 12:00 UTC, and what it signs"),
        ("2026-02-02 10:00Z", "2026-02-02 09:00Z", "approve of 2026-01 refused: it is dated 2026-02-02 09:00 UTC"),
    ],
)
def test_a_signature_is_dated_neither_before_what_it_signs_nor_before_the_one_that_it_follows(
    books: Pipeline,  # noqa: F811
    prepared: str,
    approved: str,
    told: str,
) -> None:
    """Of a month signed so no pack could be made: it ends at the signature's time, and had none of what was signed."""
    books.run_models(HOUR)

    def sign(login: str, action: str, dated: str) -> None:
        with person(books, login).connect() as connection:
            connection.execute(SIGN.replace(SIGNED_AT, dated), [action] * 3)

    last = ("grace", "approve", approved) if approved else ("ada", "prepare", prepared)
    if approved:
        sign("ada", "prepare", prepared)
    with pytest.raises(psycopg.errors.RestrictViolation, match=told):
        sign(*last)
    assert books.rows("select action from fridge.month_signoffs") == ([("prepare",)] if approved else [])


def test_a_month_whose_reopening_one_person_has_asked_for_is_signed_until_another_reopens_it(
    late: Pipeline, tmp_path: Path
) -> None:
    ask(late)
    report = report_month(late.as_run(), JANUARY, tmp_path, CLOSE_AFTER, late.workspace)
    assert [meter["usage"] for meter in report.summary.meters] == [2, 20]
    pack = made(late, JANUARY, tmp_path / "2026-01.zip")
    assert "its figures are those that ada prepared at 2026-02-02T" in "; ".join(verify_evidence(pack))
    files = unpacked(pack)
    assert [row["quantity"] for row in table(files, "tables/usage_monthly.csv")] == ["2", "20"]
    asked = table(files, "tables/month_signoffs.csv")[-1]
    assert (asked["action"], asked["reason"]) == ("ask_to_reopen", "late file of gateway 7")


def test_a_pack_whose_figures_are_not_those_that_were_signed_does_not_verify(late: Pipeline, tmp_path: Path) -> None:
    """Every table is changed to today's figure, and the manifest made anew: only the signature says otherwise."""
    files = unpacked(made(late, JANUARY, tmp_path / "2026-01.zip"))
    signoffs = [
        row | {"control_totals": row["control_totals"].replace('"usage": 20', '"usage": 22')}
        for row in table(files, "tables/month_signoffs.csv")
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(signoffs[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(signoffs)
    forged = with_manifest(files | {"tables/month_signoffs.csv": out.getvalue().encode()})
    with pytest.raises(
        DoesNotHoldError, match="usage of temperature_readings is 20 in the pack, but ada and grace signed 22"
    ):
        list(verify_evidence(packed(tmp_path / "forged.zip", forged)))


def test_nobody_writes_signed_figures_but_a_signature(late: Pipeline) -> None:
    for change in (
        "insert into fridge.signed_hours select * from fridge.signed_hours",
        "update fridge.signed_hours set usage_quantity = 22",
        "delete from fridge.signed_hours",
        "truncate fridge.signed_hours",
    ):
        for database in (late.database, late.database.owned):
            with database.connect() as connection, pytest.raises(REFUSED):
                connection.execute(change.encode())


def test_a_month_that_was_closed_before_its_hours_were_kept_says_so_beside_the_signed_totals(
    late: Pipeline, tmp_path: Path
) -> None:
    with late.database.owned.connect() as connection, connection.transaction():
        connection.execute("grant delete on fridge.signed_hours to current_user")
        connection.execute("alter table fridge.signed_hours disable trigger user")
        connection.execute("delete from fridge.signed_hours")
        connection.execute("insert into fridge.changed_hours (hour) select hour from fridge.known_hours() as a (hour)")
    report = report_month(late.as_run(), JANUARY, tmp_path, CLOSE_AFTER, late.workspace)
    assert isinstance(report.page, Path)
    page = PageRead(report.page.read_text(encoding="utf-8"))
    assert page.table("One row per meter.").column("Usage") == ["3", "22"]
    assert "Not what was signed any more. This page shows the figures of now." in page.text
    assert "temperature_readings: signed 20, now 22 (+2); hours not kept: only the totals were signed." in page.text
    with pytest.raises(DoesNotHoldError, match="usage of active_sensors is 3 in the pack, but ada and grace signed 2"):
        made(late, JANUARY, tmp_path / "2026-01.zip")
