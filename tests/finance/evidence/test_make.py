from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.billing.decisions_record import Subject, decide
from fridge_pipeline.billing.open_stripe import keep_billing_start
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.finance import make_evidence as step
from fridge_pipeline.finance.evidence_record import BooksIncompleteError, copy_table, pack_tables
from fridge_pipeline.finance.rules.evidence_checks import CHECKS
from fridge_pipeline.finance.rules.evidence_format import (
    DESCRIPTION,
    DoesNotHoldError,
    require_safe,
    statement_path,
)
from fridge_pipeline.finance.signed_month import SignedMonth
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY_TEXT
from tests.finance.evidence.books import FEBRUARY, HOURS, JANUARY, TENANTS, close, made, make, unpacked
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

STRIPE_KEY = re.compile(rb"[sr]k_(live|test)_")


def rows_of(pack: Path, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(unpacked(pack)[path].decode(), newline="")))


def test_the_same_books_give_the_same_bytes(books: Pipeline, january: Path) -> None:
    again = made(books, JANUARY, january.with_name("again.zip"))
    assert again.read_bytes() == january.read_bytes()
    assert books.one("select count(*) from fridge.evidence_packs") == 1


def test_every_table_is_there_with_times_in_utc_and_its_number_of_rows_in_the_readme(january: Path) -> None:
    files, tables = unpacked(january), (*pack_tables(), CHECKS)
    assert {path for path in files if path.startswith("tables/")} == {f"tables/{name}.csv" for name in tables}
    readme = files["README.txt"].decode()
    assert readme.startswith("Evidence of usage billing for 2026-01\n\nHow to check it by hand\n")
    for name in tables:
        rows = len(rows_of(january, f"tables/{name}.csv"))
        assert re.search(rf"^  tables/{name}\.csv\n      One row per [^.]+\. {rows} rows\.$", readme, re.MULTILINE), (
            name
        )
    ledger = rows_of(january, "tables/billing_ledger.csv")
    assert {row["hour"] for row in ledger} == {"2026-01-30T09:00:00Z", "2026-01-31T23:00:00Z"}
    assert {row["is_counted_by_stripe"] for row in ledger} == {"true", "false"}
    files_loaded = rows_of(january, "tables/landing_files.csv")
    assert [row["path"] for row in files_loaded if row["rejected_count"] == "1"] == [
        "2026-01-30/09/b.csv",
        "2026-01-31/23/b.csv",
    ]
    assert {row["did"] for row in rows_of(january, "tables/runs.csv")} >= {"loaded landing files", "sent statements"}


def test_what_contradicts_the_hours_of_a_month_stands_in_the_pack_of_that_month(
    books: Pipeline, tmp_path: Path
) -> None:
    """The tie-out of other months is not made for it: they have packs of their own, and the night tests all."""
    with books.database.owned.connect() as connection:
        connection.execute("update fridge.sensor_hours set readings = readings + 1 where hour = %s", [HOURS[2].start])
    contradicted = {
        month: {
            row["test"]
            for row in rows_of(made(books, month, tmp_path / f"{month}.zip"), "tables/checks.csv")
            if row["contradictions"] != "0" and row["severity"] == "error"
        }
        for month in (JANUARY, FEBRUARY)
    }
    assert contradicted[JANUARY] == set()
    assert "usage_is_what_sql_counts_too" in contradicted[FEBRUARY]


def test_each_tenant_has_a_statement_whose_total_is_its_usage_of_the_month(books: Pipeline, january: Path) -> None:
    stated: dict[tuple[str, str], int] = {}
    for path in unpacked(january):
        if path.startswith("statements/"):
            totals = [row for row in rows_of(january, path) if row["day"] == "total"]
            stated |= {(row["tenant_id"], row["meter"]): int(row["usage"]) for row in totals}
            assert {path} == {statement_path(row["tenant_id"]) for row in totals}
    usage = books.rows(
        "select tenant_id, meter, sum(quantity)::bigint from fridge.usage_hourly"
        " where hour < '2026-02-01Z' group by tenant_id, meter"
    )
    assert stated == {(tenant, meter): quantity for tenant, meter, quantity in usage}
    assert {tenant for tenant, _ in stated} == set(TENANTS)


@given(st.lists(st.text(min_size=1, max_size=120), min_size=2, max_size=30, unique=True))
def test_statements_of_two_tenants_are_never_one_file_on_any_file_system(tenants: list[str]) -> None:
    paths = [statement_path(tenant) for tenant in tenants]
    assert len({unicodedata.normalize("NFC", path).casefold() for path in paths}) == len(tenants)
    for path in paths:
        require_safe(path)
        assert re.fullmatch(r"statements/[a-z0-9~_-]{1,90}\.csv", path)


def test_a_tenant_id_that_looks_like_the_name_made_for_another_gets_another_one() -> None:
    made = statement_path("A/B").removeprefix("statements/").removesuffix(".csv")
    assert statement_path(made) != statement_path("A/B")
    assert statement_path("nul") != "statements/nul.csv"
    assert statement_path("acme-inc_7") == "statements/acme-inc_7.csv"


def test_all_files_are_of_one_moment_though_the_books_change_while_they_are_written(
    books: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one snapshot, the tables read after the change would not add up to those read before."""

    one_at_a_time = Lock()  # tables are copied on two connections

    def copy_and_change(held: HeldViews, name: str, month: Month, target: Path, signed: SignedMonth | None) -> None:
        with one_at_a_time:
            copy_table(held, name, month, target, signed)
            books.land(HOURS[0], f"{name}.csv", readings("cohoes", HOURS[0], 1, 1, start=len(name) + 100))
            books.run(HOURS[0])

    monkeypatch.setattr(step, "copy_table", copy_and_change)
    tables = ["usage_monthly", "usage_daily", "usage_hourly", "tie_out", "stripe_sums"]
    tables += ["invoices", "invoice_tie_out", "invoice_day_reads", "corrections", "correction_edits"]
    monkeypatch.setattr(step, "pack_tables", lambda: tables)
    monkeypatch.setattr(step, "README_TEXT", tmp_path / "readme.txt")
    (tmp_path / "readme.txt").write_text("")
    pack = made(books, JANUARY, tmp_path / "2026-01.zip")
    sums = json.loads(unpacked(pack)[DESCRIPTION])["control_totals"]["active_sensors"]
    assert set(sums.values()) == {sums["usage_monthly.quantity"]}
    now = books.one("select sum(quantity) from fridge.usage_hourly where meter = 'active_sensors'")
    assert int(sums["usage_hourly.quantity"]) < now


def test_no_file_holds_a_key_or_the_password_of_the_database(books: Pipeline, january: Path) -> None:
    password = str(conninfo_to_dict(books.database.dsn)["password"]).encode()
    files = unpacked(january)
    assert len(password) > 8
    for path, body in files.items():
        assert not STRIPE_KEY.search(body), path
        assert password not in body, path
        assert SANDBOX_KEY_TEXT.encode() not in body, path


def test_a_month_that_is_not_closed_gives_a_draft_that_says_so_and_is_in_no_chain(
    books: Pipeline, tmp_path: Path
) -> None:
    target = tmp_path / "draft.zip"
    assert not make(books, JANUARY, target).is_final
    files = unpacked(target)
    said = json.loads(files[DESCRIPTION])
    assert said["is_final"] is False
    for text in (said["draft"], files["DRAFT.txt"].decode(), files["README.txt"].decode()):
        assert "DRAFT: 2026-01 was not closed" in text
    assert books.one("select count(*) from fridge.evidence_packs") == 0
    close(books, JANUARY)
    close(books, FEBRUARY)
    later = make(books, FEBRUARY, tmp_path / "2026-02.zip")
    assert later.previous is None
    assert (
        json.loads(unpacked(tmp_path / "2026-02.zip")[DESCRIPTION])["previous_reason"]
        == "no pack of an earlier month was made"
    )


def test_a_final_pack_is_never_overwritten_and_a_draft_is(books: Pipeline, tmp_path: Path) -> None:
    target = tmp_path / "2026-01.zip"
    make(books, JANUARY, target)
    close(books, JANUARY)
    assert make(books, JANUARY, target).kept is None
    first = target.read_bytes()
    books.clock.advance(hours=1)
    second = make(books, JANUARY, target)
    assert second.kept is not None
    assert second.kept.read_bytes() == first != target.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*evidence*")) == [], "nothing is left of the work"


def test_what_was_decided_after_the_month_ended_is_in_its_pack_and_after_the_signature_in_its_annex(
    books: Pipeline, tmp_path: Path
) -> None:
    draft, final = tmp_path / "draft.zip", tmp_path / "2026-01.zip"
    decide(signed_in(books.database, "olga"), Subject.VARIANCE, "off", "the new cold store")
    make(books, JANUARY, draft)
    assert [row["setting"] for row in rows_of(draft, "tables/decisions.csv")] == ["off"]
    close(books, JANUARY)
    decide(signed_in(books.database, "olga"), Subject.VARIANCE, "warn", "it is full now")
    make(books, JANUARY, final)
    assert [row["setting"] for row in rows_of(final, "tables/decisions.csv")] == ["off"]
    assert [row["setting"] for row in rows_of(final, "annex/decisions.csv")] == ["warn"]


def settled_by_two(books: Pipeline, hour: datetime | None, decided_at: datetime, approved_at: datetime) -> None:
    """A settlement as two people leave it, at times of the test's own."""
    with books.database.owned.connect() as connection:
        for table in ("settlement_decisions", "settlement_approvals"):
            connection.execute(f"alter table fridge.{table} disable trigger user".encode())
        ((settlement_id,),) = connection.execute(
            "with excepted as (insert into fridge.exceptions (kind, hour, subject, detail, opened_at)"
            " values ('too_late', %s, 'temperature_readings', 'd', %s) returning exception_id)"
            " insert into fridge.settlement_decisions (exception_id, kind, hour, event_name, how, quantity, reason,"
            " takes_two, acted_by, acted_at) select exception_id, 'too_late', %s, 'temperature_readings',"
            " 'written_off', %s, 'x', true, 'olga', %s from excepted returning settlement_id",
            [hour, decided_at, hour, hour and 5000, decided_at],
        ).fetchall()
        connection.execute(
            "insert into fridge.settlement_approvals (settlement_id, acted_by, acted_at) values (%s, 'oscar', %s)",
            [settlement_id, approved_at],
        )


def test_a_settlement_that_was_approved_after_the_signature_is_not_said_to_be_signed(
    books: Pipeline, tmp_path: Path
) -> None:
    now = datetime.now(UTC)  # the database's clock, which signatures have too
    settled_by_two(books, HOURS[1].start, now, now + timedelta(hours=9))
    close(books, JANUARY)
    books.clock.advance(hours=10)
    pack = made(books, JANUARY, tmp_path / "2026-01.zip")
    told = {folder: rows_of(pack, f"{folder}/settlement_decisions.csv") for folder in ("tables", "annex")}
    assert {folder: [row["approved_by"] for row in rows] for folder, rows in told.items()} == {
        "tables": [""],
        "annex": ["oscar"],
    }


def test_a_settlement_of_no_hour_is_in_the_pack_of_the_month_in_which_it_was_decided(
    books: Pipeline, tmp_path: Path
) -> None:
    at = JANUARY.end - timedelta(days=9)
    settled_by_two(books, None, at, at)
    for month, settled in ((JANUARY, ["oscar"]), (FEBRUARY, [])):
        make(books, month, draft := tmp_path / f"{month}.zip")
        assert [row["approved_by"] for row in rows_of(draft, "tables/settlement_decisions.csv")] == settled


def test_a_pack_that_does_not_hold_is_not_handed_out_and_not_chained(books: Pipeline, tmp_path: Path) -> None:
    with books.database.owned.connect() as connection:
        connection.execute("alter view fridge.usage_monthly rename to usage_monthly_as_it_was")
        connection.execute(
            "create view fridge.usage_monthly as select tenant_id, meter, usage_month, quantity + 1 as quantity,"
            " first_hour, last_hour from fridge.usage_monthly_as_it_was"
        )
        connection.execute("grant select on fridge.usage_monthly to fridge_pipeline")
    with pytest.raises(DoesNotHoldError, match=r"in usage_monthly\.quantity, .* in usage_daily\.quantity"):
        make(books, JANUARY, tmp_path / "2026-01.zip")
    assert list(tmp_path.glob("*.zip")) == []
    assert books.one("select count(*) from fridge.evidence_packs") == 0


def test_a_mart_that_does_not_exist_is_named_with_what_to_do(books: Pipeline, tmp_path: Path) -> None:
    with books.database.owned.connect() as connection:
        connection.execute("drop view fridge.usage_monthly cascade")
    with pytest.raises(BooksIncompleteError, match=r"table usage_monthly .* fridge sql run"):
        make(books, JANUARY, tmp_path / "2026-01.zip")


def test_the_chain_is_append_only(books: Pipeline, january: Path) -> None:
    for change in ("update fridge.evidence_packs set made_by = 'x'", "delete from fridge.evidence_packs"):
        with pytest.raises(psycopg.Error, match=r"evidence_packs|permission denied"):
            books.rows(change)
    assert list(verify_evidence(january))


def test_a_pack_tells_from_which_hour_on_usage_was_stated_and_shadow_mode_as_empty(
    books: Pipeline, tmp_path: Path
) -> None:
    first = Hour.from_key("2026-02-10-00:00")
    with books.database.connect() as connection:
        for start in (None, first):
            keep_billing_start(connection, BillingStart(start), books.catalogue, books.clock())
    pack = made(books, JANUARY, tmp_path / "pack.zip")
    assert [row["bill_from"] for row in rows_of(pack, "tables/billing_starts.csv")] == ["", "2026-02-10T00:00:00Z"]
