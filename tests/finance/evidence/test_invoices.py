"""Invoices and corrections in a pack: as Stripe showed them, as compared, and what two people made good."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import verify_evidence
from tests.finance.evidence.books import FEBRUARY, JANUARY, close, made, packed, unpacked, with_manifest
from tests.pipeline import Pipeline

EDITS = ("correction_edits",)
TABLES = ("invoices", "invoice_lines", "invoice_tie_out", "invoice_day_reads", "corrections", *EDITS)

#: An invoice of January that lacks 2 readings, and one of February that agrees; as of January's end, a day read each.
INVOICED = """
insert into fridge.price_snapshots (
    price_id, event_name, currency, unit_amount, tiers, rounds_up, content_hash, read_at, run_id
) values ('unit', 'temperature_readings', 'usd', 0.5, '[]', false, 'h', %(at)s, 'r');
with snapshots as (
    insert into fridge.invoice_snapshots (
        invoice_id, stripe_customer_id, status, currency, created_at, finalized_at, total, credited, content_hash,
        read_at, run_id
    )
    select id, 'cus_1', status, 'usd', %(at)s, %(at)s, 3, 0, 'h', %(at)s, 'r'
    from (values ('in_9', 'draft'), ('in_9', 'open'), ('in_10', 'open')) as invoices (id, status)
    returning snapshot_id, invoice_id
)
insert into fridge.invoice_line_snapshots (
    snapshot_id, line_number, line_id, price_id, period_start, period_end, quantity, amount, is_invoice_item,
    is_proration
)
select
    snapshot_id, 1, 'il_' || snapshot_id, 'unit',
    case invoice_id when 'in_9' then %(start)s else %(end)s end,
    case invoice_id when 'in_9' then %(end)s else %(end)s + interval '1 month' end, 6, 3, false, false
from snapshots;
insert into fridge.invoice_comparisons (
    invoice_id, tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity, accepted_quantity,
    invoice_quantity, difference, cause, compared_at
) values
('in_9', 'cohoes', 'cus_1', 'temperature_readings', %(start)s, %(end)s, 8, 8, 6, -2, 'after_finalization', %(at)s),
('in_10', 'cohoes', 'cus_1', 'temperature_readings', %(end)s, %(end)s + interval '1 month', 6, 6, 6, 0, null, %(at)s);
insert into fridge.invoice_day_reads (day, invoices, read_at, run_id) values ((%(end)s)::date, 2, %(at)s, 'r');
"""

CORRECTED = """
insert into fridge.correction_proposals (
    stripe_customer_id, tenant_id, event_name, invoice_id, period_start, period_end, old_quantity, new_quantity, delta,
    price_id, amount, currency, document_kind, acted_by, acted_at
) values ('cus_1', 'cohoes', 'temperature_readings', 'in_9', %(start)s, %(end)s, 6, 8, 2, 'unit', 1, 'usd',
    'invoice_item', 'olga', %(at)s);
insert into fridge.correction_approvals (proposal_id, acted_by, acted_at)
select proposal_id, 'grace', now() + %(after)s from fridge.correction_proposals;
insert into fridge.correction_documents (proposal_id, document, answer, written_at, run_id)
select proposal_id, 'ii_1', 'done', %(later)s, 'r' from fridge.correction_proposals;
"""

#: Somebody gives the item 5 instead of 1, and then 0.
EDITED = "".join(
    f"""
insert into fridge.correction_edits (proposal_id, amount, found_at, answer, run_id)
select proposal_id, {amount}, %(at)s, 'ii_1 is another', 'r' from fridge.correction_proposals;
"""
    for amount in (5, 0)
)


def written(books: Pipeline, statements: str, later: timedelta = timedelta(0)) -> None:
    """Rows as runs and people leave them, at a time of the test's own; what is approved comes later by so much.

    A person's approval has the clock of the database, as signatures have.
    """
    at = books.clock()
    values = {"start": JANUARY.start, "end": JANUARY.end, "at": at, "later": at + later, "after": later}
    with books.database.owned.connect() as connection:
        for table in ("correction_proposals", "correction_approvals", "correction_documents", *EDITS):
            connection.execute(f"alter table fridge.{table} disable trigger user".encode())
        for each in statements.split(";\n"):
            if each.strip():
                connection.execute(each.encode(), values)


def rows_of(pack: Path, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(unpacked(pack)[path].decode(), newline="")))


@pytest.fixture
def invoiced(books: Pipeline, tmp_path: Path) -> Path:
    """The pack of a closed January of which an invoice lacked usage, which two people made good."""
    written(books, INVOICED + CORRECTED)
    close(books, JANUARY)
    return made(books, JANUARY, tmp_path / "2026-01.zip")


@pytest.mark.parametrize(("month", "invoices"), [(JANUARY, ["in_9", "in_9"]), (FEBRUARY, ["in_10"])])
def test_the_invoices_of_a_months_periods_are_in_its_pack_each_time_that_stripe_showed_them(
    books: Pipeline, tmp_path: Path, month: Month, invoices: list[str]
) -> None:
    written(books, INVOICED)
    pack = made(books, month, tmp_path / "draft.zip")
    assert [row["invoice_id"] for row in rows_of(pack, "tables/invoices.csv")] == invoices
    assert [row["invoice_id"] for row in rows_of(pack, "tables/invoice_lines.csv")] == invoices
    assert [row["invoice_id"] for row in rows_of(pack, "tables/invoice_tie_out.csv")] == sorted(set(invoices))


def test_verify_says_what_was_invoiced_otherwise_than_used_and_that_two_people_made_it_good(invoiced: Path) -> None:
    told = list(verify_evidence(invoiced))
    assert (
        "comparisons of invoices with usage: 1, all add up; different: 1, each with its cause: "
        "-2 temperature_readings (after_finalization)"
    ) in told
    assert "corrections proposed: 1; in Stripe: 1, each approved by another person" in told


def test_of_books_whose_invoices_were_never_read_the_pack_says_so(january: Path) -> None:
    told = list(verify_evidence(january))
    assert "Stripe's invoices were not read" in told
    assert "no correction was proposed" in told


def test_an_invoice_that_changed_after_the_signature_is_in_the_annex_with_what_was_approved_then(
    books: Pipeline, tmp_path: Path
) -> None:
    written(books, INVOICED + CORRECTED, later=timedelta(hours=9))
    close(books, JANUARY)
    books.clock.advance(hours=10)
    paid = (
        "insert into fridge.invoice_snapshots (invoice_id, stripe_customer_id, status, currency, created_at, total,"
        " credited, content_hash, read_at, run_id)"
        " values ('in_9', 'cus_1', 'paid', 'usd', %(at)s, 3, 0, 'i', %(at)s, 'r')"
    )
    written(books, paid)
    pack = made(books, JANUARY, tmp_path / "2026-01.zip")
    assert [row["status"] for row in rows_of(pack, "tables/invoices.csv")] == ["draft", "open"]
    assert [row["status"] for row in rows_of(pack, "annex/invoices.csv")] == ["paid"]
    told = {folder: rows_of(pack, f"{folder}/corrections.csv") for folder in ("tables", "annex")}
    assert {folder: [(row["approved_by"], row["document"]) for row in rows] for folder, rows in told.items()} == {
        "tables": [("", "")],
        "annex": [("grace", "ii_1")],
    }
    assert "corrections proposed: 1; in Stripe: 1, each approved by another person" in list(verify_evidence(pack))


EDITED_TOLD = (
    "corrections proposed: 1; in Stripe: 1, each approved by another person; edited there since: 1, by -1 minor units "
    "of usd"
)


def test_what_somebody_has_made_of_a_corrections_item_in_stripe_is_in_the_pack_and_verify_says_it(
    books: Pipeline, tmp_path: Path
) -> None:
    written(books, INVOICED + CORRECTED + EDITED)
    close(books, JANUARY)
    pack = made(books, JANUARY, tmp_path / "2026-01.zip")
    edits = rows_of(pack, "tables/correction_edits.csv")
    assert [(row["proposal_id"], row["amount_minor_units"], row["answer"]) for row in edits] == [
        ("1", "5", "ii_1 is another"),
        ("1", "0", "ii_1 is another"),
    ]
    assert EDITED_TOLD in list(verify_evidence(pack))


def test_an_edit_after_the_signature_is_in_the_annex_and_verify_says_it(books: Pipeline, tmp_path: Path) -> None:
    written(books, INVOICED + CORRECTED)
    close(books, JANUARY)
    books.clock.advance(hours=10)
    written(books, EDITED)
    pack = made(books, JANUARY, tmp_path / "2026-01.zip")
    assert [len(rows_of(pack, f"{folder}/correction_edits.csv")) for folder in ("tables", "annex")] == [0, 2]
    assert EDITED_TOLD in list(verify_evidence(pack))


def test_an_edit_of_a_correction_that_the_pack_has_not_or_that_was_never_written_does_not_hold(
    books: Pipeline, tmp_path: Path
) -> None:
    written(books, INVOICED + CORRECTED + EDITED)
    files = unpacked(made(books, JANUARY, tmp_path / "2026-01.zip"))
    for table, old, new, found in [
        ("correction_edits", b"\n1,", b"\n2,", "correction_edits has correction 2, which is not in corrections"),
        ("correction_edits", b",0,", b",x,", "amount_minor_units is 'x', which is not a number"),
        ("corrections", b",ii_1,", b",,", "correction_edits has correction 1, which was never in Stripe"),
    ]:
        path = f"tables/{table}.csv"
        assert old in files[path]
        forged = packed(tmp_path / "forged.zip", with_manifest({**files, path: files[path].replace(old, new)}))
        with pytest.raises(DoesNotHoldError) as error:
            list(verify_evidence(forged))
        assert found in str(error.value)


FORGERIES = {
    "a difference": ("invoice_tie_out", b",-2,", b",0,", "differs by 0 (cause: after_finalization), but 6 invoiced"),
    "no cause": ("invoice_tie_out", b",after_finalization,", b",,", "differs by -2 (cause: none)"),
    "a status": ("invoice_tie_out", b",open,", b",paid,", "in_9 is paid, but Stripe showed open last: so invoices"),
    "another invoice": ("invoice_tie_out", b"in_9,", b"in_8,", "invoice_tie_out has in_8, which is not in invoices"),
    "one person": ("corrections", b",grace,", b",olga,", "was proposed and approved by olga"),
    "nobody": ("corrections", b",grace,", b",,", "is in Stripe as ii_1, and nobody approved it"),
    "another sum": ("corrections", b",6,8,2,", b",6,9,2,", "makes good 2, but 9 less 6 is 3"),
    "a credit": ("corrections", b",unit,1,", b",unit,-1,", "is a invoice_item of -1"),
    "no number": ("corrections", b",6,8,2,", b",6,8,x,", "delta is 'x', which is not a number"),
    "no column": ("corrections", b"delta", b"change", "corrections has no column delta"),
}


def test_a_forger_who_fits_the_manifest_is_found_by_what_does_not_add_up(invoiced: Path, tmp_path: Path) -> None:
    files = unpacked(invoiced)
    for what, (table, old, new, found) in FORGERIES.items():
        path = f"tables/{table}.csv"
        assert old in files[path], what
        forged = packed(tmp_path / "forged.zip", with_manifest({**files, path: files[path].replace(old, new, 1)}))
        with pytest.raises(DoesNotHoldError) as error:
            list(verify_evidence(forged))
        assert found in str(error.value), what


@pytest.mark.parametrize(("format_before", "tables"), [("fridge-evidence/4", TABLES), ("fridge-evidence/5", EDITS)])
def test_a_pack_of_a_format_before_holds_without_them(
    invoiced: Path, tmp_path: Path, format_before: str, tables: tuple[str, ...]
) -> None:
    files = unpacked(invoiced)
    old = {path: body for path, body in files.items() if path not in {f"tables/{name}.csv" for name in tables}}
    described = json.loads(files[DESCRIPTION]) | {"format": format_before}
    described["files"] = [each for each in described["files"] if each["path"] in old]
    old[DESCRIPTION] = json.dumps(described).encode()
    told = list(verify_evidence(packed(tmp_path / "old.zip", with_manifest(old))))
    named = [each.partition(":")[0] for each in told if "invoice" in each or "correction" in each]
    assert named == ([] if tables is TABLES else ["comparisons of invoices with usage", "corrections proposed"])
