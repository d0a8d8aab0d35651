"""Packs that somebody made to hide something or to end the program: each is told in words, and no number is rounded."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fridge_pipeline.cli.verify_program import Verification, run_verification
from fridge_pipeline.finance.pack.opening import open_pack
from fridge_pipeline.finance.pack.pack_index import index_on_disk
from fridge_pipeline.finance.pack.sums_on_disk import SumsOnDisk
from fridge_pipeline.finance.rules.evidence_figures import Tally
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError, csv_line
from fridge_pipeline.finance.rules.evidence_invoices import compare_with_invoices, require_corrected_by_two
from fridge_pipeline.finance.rules.evidence_signed import SIGNOFFS
from fridge_pipeline.finance.rules.evidence_sums import compare_with_stripe
from fridge_pipeline.finance.verify_evidence import verify_evidence
from tests.finance.evidence.books import packed, unpacked, with_manifest
from tests.finance.evidence.test_zip_entries import archive_of

#: What a hand would write where the figures stand that two people signed.
NO_FIGURES = (
    "many",
    "[" * 100_000,
    '{"meters": 5}',
    '{"meters": ["temperature_readings"]}',
    '{"meters": {"temperature_readings": ["usage"]}}',
    '{"meters": {"temperature_readings": {"usage": "many"}}}',
    '{"meters": {"temperature_readings": {"usage": "sNaN"}}}',
    '{"meters": {"temperature_readings": {"usage": {"a": 1}}}}',
    '{"meters": {"temperature_readings": {"usage": "1.' + "0" * 100_000 + '1"}}}',
)


def told(pack: Path, files: dict[str, bytes]) -> str:
    """What does not hold of a pack of these files."""
    with pytest.raises(DoesNotHoldError) as error:
        list(verify_evidence(packed(pack.with_name("other.zip"), with_manifest(files))))
    return str(error.value)


@pytest.mark.parametrize("figures", NO_FIGURES, ids=lambda text: text[:60])
def test_figures_that_are_none_are_told_as_those_that_were_signed(pack: Path, figures: str) -> None:
    files = unpacked(pack)
    rows = list(csv.reader(io.StringIO(files[SIGNOFFS].decode(), newline="")))
    at = rows[0].index("control_totals")
    for row in rows[1:]:
        row[at] = figures
    changed = "".join(map(csv_line, rows)).encode()
    assert "does not say which figures ada signed" in told(pack, {**files, SIGNOFFS: changed})


@pytest.mark.parametrize("change", [lambda each: each.update(path="\ud800"), lambda each: each.update(rows="\ud800")])
def test_half_a_character_in_what_a_pack_says_of_itself_is_told(
    pack: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    files = unpacked(pack)
    described = json.loads(files[DESCRIPTION])
    change(described["files"][0])
    assert "half a character" in told(pack, {**files, DESCRIPTION: json.dumps(described).encode()})


@pytest.mark.parametrize("place", ["packed bytes", "offset"])
@pytest.mark.parametrize("number", [10**4, 2**32 + 5, 2**63, 2**64 - 1])
def test_an_entry_that_is_said_to_lie_where_no_file_reaches_is_damage(tmp_path: Path, place: str, number: int) -> None:
    body = archive_of({"fridge-evidence-2026-01/pack.json": b"{}"})
    table = body.rindex(b"PK\x01\x02")
    end = body.rindex(b"PK\x05\x06")
    entry = bytearray(body[table:end])
    at = 20 if place == "packed bytes" else 42
    entry[at : at + 4] = b"\xff" * 4
    entry[30:32] = struct.pack("<H", 12)
    entry += struct.pack("<HHQ", 1, 8, number)
    last = bytearray(body[end:])
    last[12:16] = struct.pack("<L", len(entry))
    pack = tmp_path / "2026-01.zip"
    pack.write_bytes(body[:table] + entry + last)
    with pytest.raises(DoesNotHoldError, match="lie beyond them all"), open_pack(pack):
        pass


def test_a_large_number_beside_its_opposite_hides_no_small_one() -> None:
    rows = "a,m,5\na,m,1e40\na,m,-1e40\n"
    with index_on_disk() as index:
        tally = Tally(SumsOnDisk(index))
        tally.add("tables/usage_hourly.csv", [f"tenant_id,meter,quantity\n{rows}"])
        assert tally.control_totals() == {"m": {"usage_hourly.quantity": "5"}}


COMPARED = "invoice_id,status,event_name,usage_quantity,invoice_quantity,difference,cause\n"
TIE_OUT = "tenant_id,meter,hour,stated_quantity,stripe_quantity,difference_in_stripe,cause_in_stripe\n"
SUMS = "tenant_id,meter,hour,stripe_customer_id,quantity\n"


def test_a_difference_from_a_large_number_is_not_rounded_away() -> None:
    with pytest.raises(DoesNotHoldError, match="differs by 1E"):
        compare_with_invoices([[f"{COMPARED},,m,1,1e40,1e40,after_finalization\n"]], [["invoice_id,status\n"]], [[]])
    with pytest.raises(DoesNotHoldError, match="differs by 1e40"):
        compare_with_stripe([f"{TIE_OUT}a,m,h,1,1e40,1e40,lagging\n"], [f"{SUMS}a,m,h,cus,1e40\n"])


def test_a_number_of_a_hundred_thousand_digits_is_none() -> None:
    with index_on_disk() as index, pytest.raises(DoesNotHoldError, match="which is not a number"):
        Tally(SumsOnDisk(index)).add("tables/usage_hourly.csv", [f"tenant_id,meter,quantity\na,m,1.{'0' * 100_000}1\n"])


CORRECTIONS = (
    "proposal_id,old_quantity,new_quantity,delta,amount_minor_units,document_kind,proposed_by,approved_by,document,"
    "lost_at\n"
)


@pytest.mark.parametrize("approver", ["Ada", " ada", "\uff41da", "ADA "])
def test_a_name_that_is_written_otherwise_is_no_second_person(approver: str) -> None:
    with pytest.raises(DoesNotHoldError, match="was proposed and approved by"):
        require_corrected_by_two([[f"{CORRECTIONS}1,6,8,2,100,invoice_item,ada,{approver},ii_1,\n"]])


def test_a_blank_is_nobody() -> None:
    with pytest.raises(DoesNotHoldError, match="nobody approved it"):
        require_corrected_by_two([[f"{CORRECTIONS}1,6,8,2,100,invoice_item,ada, ,ii_1,\n"]])


def test_what_is_no_file_and_what_cannot_be_read_is_told_and_waited_for_by_nobody(tmp_path: Path) -> None:
    for number, make in enumerate((Path.mkdir, os.mkfifo)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        make(folder / "2026-02.zip")  # type: ignore[operator]
        said: list[str] = []
        assert not run_verification(Verification(None, folder), said.append)
        assert said == ["DOES NOT HOLD: 2026-02.zip: it is no file"]
    said = []
    assert not run_verification(Verification(tmp_path / "gone.zip"), said.append)
    assert said[0].startswith("NOT VERIFIED: gone.zip could not be read: FileNotFoundError")
