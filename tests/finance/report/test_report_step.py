from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.cli import report as report_command
from fridge_pipeline.cli.main import fridge
from fridge_pipeline.finance import month_record
from fridge_pipeline.finance import report_month as report_step
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.report_month import read_books, write_report
from fridge_pipeline.finance.rules.month_books import BY_HOUR, MARTS, BooksError, MonthBooks
from fridge_pipeline.orchestration import month_assets as month_report
from fridge_pipeline.orchestration.month_assets import audit_report
from fridge_pipeline.orchestration.partitions import monthly_partitions, on_grid
from tests.finance.report.books import MADE_AT, MONTH, closed_books, hour_of, quiet_books, whole
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

FILES = ["usage-2026-01.html", "usage-2026-01.xlsx"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An installation whose books are a closed month, without a database."""
    monkeypatch.setattr(report_step, "read_books", lambda *_: (closed_books(), []))
    monkeypatch.setattr(month_report, "refresh_month", lambda *_: None)
    monkeypatch.setattr(month_report, "maker_of", lambda *_: None)  # and so no stamp, which is read of the books
    folder = tmp_path / "home"
    return SimpleNamespace(
        as_run=lambda run_id: SimpleNamespace(database=None, catalogue=CATALOGUE, clock=lambda: MADE_AT, run_id=run_id),
        settings=SimpleNamespace(close_after=CLOSE_AFTER, workspace=folder / "work"),
        folder=folder,
        report_folder=lambda month: folder / "reports" / month.key,
        report_address="http://127.0.0.1:3001",
    )


def test_a_report_that_fails_leaves_the_earlier_one_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(closed_books(), [], tmp_path, MADE_AT, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == FILES

    def full_disk(_books: MonthBooks, _made_at: object, path: Path, _stamp: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fridge_pipeline.finance.pages.workbook.write_workbook", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_report(quiet_books(["cohoes"], days=1), [], tmp_path, MADE_AT, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_command_says_where_the_files_are_and_how_the_month_stands(
    home: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened() -> Iterator[Any]:
        yield home

    monkeypatch.setattr(report_command, "ledger", opened)
    out = tmp_path / "out"
    text = CliRunner().invoke(fridge, ["report", "2026-01", "--out", str(out)])
    assert text.exit_code == 0, text.output
    assert "2026-01 is closed; tie-out: ties out" in text.stdout
    assert sorted(path.name for path in out.iterdir()) == FILES
    told = json.loads(CliRunner().invoke(fridge, ["report", "2026-01", "--out", str(out), "--json"]).stdout)
    assert (told["status"], told["tie_out"], told["page"]) == ("closed", "ties_out", str(out / FILES[0]))
    assert told["files"]["rows"] == told["files"]["inserted"] + told["files"]["duplicates"] + told["files"]["rejected"]
    wrong = CliRunner().invoke(fridge, ["report", "January", "--out", str(out)])
    assert wrong.exit_code == 2
    assert "write it like 2026-01" in wrong.output


def test_the_asset_writes_below_home_and_links_both_files_where_they_are_served(home: SimpleNamespace) -> None:
    months = monthly_partitions(Hour(hour_of(15, 0)))
    first = months.get_partition_keys(current_time=MADE_AT)[0]
    assert Month.from_key(first) == MONTH, "a grid that begins in the middle of a month has that month too"
    asset = on_grid(audit_report, months)
    done = dg.materialize([asset], partition_key=first, resources={"ledger": home})
    (made,) = done.asset_materializations_for_node("audit_report")
    page, workbook = (home.folder / "reports" / "2026-01" / name for name in FILES)
    assert made.metadata["page"].value == f"http://127.0.0.1:3001/2026-01/{page.name}"
    assert made.metadata["workbook"].value == f"http://127.0.0.1:3001/2026-01/{workbook.name}"
    assert made.metadata["page_file"].value == str(page)
    assert page.exists()
    assert workbook.exists()
    assert made.metadata["month_status"].value == "closed"


def test_marts_of_another_version_are_refused_with_the_column_that_is_missing() -> None:
    frames: dict[str, pl.DataFrame] = {mart: whole(closed_books(), mart) for mart in MARTS}
    with pytest.raises(BooksError, match="the mart tie_out has no column cause"):
        MonthBooks.from_frames(MONTH, frames | {"tie_out": frames["tie_out"].drop("cause")})
    del frames["data_gaps"]
    with pytest.raises(BooksError, match="the mart data_gaps was not read"):
        MonthBooks.from_frames(MONTH, frames)


def test_the_marts_as_they_are_hold_a_billed_month_and_the_report_tells_its_numbers(
    pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real readings through real steps; a hostile tenant among them. Of two tenants one at a time is in memory."""
    monkeypatch.setattr(month_record, "PORTION_ROWS", 1)
    hour, hostile = Hour(two_days_ago), "<b>=1+1"
    for tenant in ("cohoes", hostile):
        pipeline.add_tenant(tenant)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5) + readings(hostile, hour, 3, 4))
    pipeline.run(hour)
    pipeline.run_models(hour)
    month, now = Month.containing(hour.start), pipeline.clock()
    (tmp_path / "hours").mkdir()
    books, _ = read_books(pipeline.database, month, pipeline.catalogue, CLOSE_AFTER, now, tmp_path / "hours")
    tenants = [set(getattr(portion(), mart)["tenant_id"]) for portion in books.portions for mart in BY_HOUR]
    assert tenants == [{hostile}] * 3 + [{"cohoes"}] * 3
    why = [explain_hour(pipeline.as_run(), None, tenant, hour, CLOSE_AFTER) for tenant in ("cohoes", hostile)]
    report = write_report(books, why, tmp_path, now, pipeline.workspace)
    totals = {meter["meter"]: (meter["derived"], meter["usage"], meter["stated"]) for meter in report.summary.meters}
    assert totals == {"temperature_readings": (22, 22, 22), "active_sensors": (5, 5, 5)}
    text = (tmp_path / report.page.name).read_text(encoding="utf-8")
    assert "<b>=1+1" not in text.lower()
    assert f"temperature_readings:cohoes:{hour.compact}:r1" in text, "the statement, in the hour's explanation"


def test_stripe_books_as_decimals_are_taken_as_they_are() -> None:
    """PostgreSQL's numeric comes as a decimal, sums of bigint do too."""
    books = quiet_books(["cohoes"], days=1)
    frames: dict[str, pl.DataFrame] = {mart: whole(books, mart) for mart in MARTS}
    decimals = frames["tie_out"].with_columns(pl.col("stripe_quantity", "usage_quantity").cast(pl.Decimal(38, 0)))
    again = MonthBooks.from_frames(MONTH, frames | {"tie_out": decimals})
    assert whole(again, "tie_out").equals(frames["tie_out"])
