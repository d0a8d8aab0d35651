"""Nothing in a pack is a formula to a spreadsheet, and everything can be read back as it was."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.finance.rules.evidence_format import (
    FORMULA_BEGINS,
    csv_line,
    guarded,
    statement_path,
    unguarded,
)
from fridge_pipeline.finance.verify_evidence import verify_evidence
from tests.finance.evidence.books import HOURS, JANUARY, made, packed, unpacked, with_manifest
from tests.finance.evidence.test_verify import found_in
from tests.pipeline import Pipeline, readings

TENANTS = ("a\r=1+1", "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "plain", '=HYPERLINK("http://x","y")')


@given(st.text())
def test_a_guarded_text_is_no_formula_and_is_read_back_as_it_was(text: str) -> None:
    assert not guarded(text).startswith(tuple(FORMULA_BEGINS))
    assert unguarded(guarded(text)) == text


def test_the_database_guards_as_the_program_does(pipeline: Pipeline) -> None:
    texts = [*TENANTS, *(f"{begin}x" for begin in FORMULA_BEGINS), "", " =1", "''", "ä"]
    found = pipeline.rows("select given, fridge.csv_text(given) from unnest(%s::text[]) as given", texts)
    assert [(text, guarded(text)) for text in texts] == found


def test_ids_that_are_formulas_are_texts_in_a_pack_that_holds_and_adds_up(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.clock.now = datetime(2026, 2, 1, 2, tzinfo=UTC)
    pipeline.advance()
    for tenant in TENANTS:
        pipeline.add_tenant(tenant)
    rows = [row for tenant in TENANTS for row in readings(tenant, HOURS[0], 1, 3)]
    as_csv = io.StringIO()
    csv.writer(as_csv, lineterminator="\n").writerows(
        [
            ("tenant_id", "sensor_id", "recorded_at", "temperature_c"),
            *((*row[:2], row[2].isoformat(), row[3]) for row in rows),
        ]
    )
    pipeline.land(HOURS[0], "=a.csv", as_csv.getvalue().encode())
    pipeline.run(HOURS[0])
    pipeline.run_models(HOURS[0])
    pack = made(pipeline, JANUARY, tmp_path / "2026-01.zip")
    assert "every file has the SHA-256 that is listed for it" in list(verify_evidence(pack))
    files = unpacked(pack)
    monthly = list(csv.DictReader(io.StringIO(files["tables/usage_monthly.csv"].decode())))
    assert {unguarded(row["tenant_id"]) for row in monthly} == set(TENANTS)
    assert "'=1+1" in {row["tenant_id"] for row in monthly}
    for tenant in TENANTS:
        assert (
            files[statement_path(tenant)]
            .decode()
            .split("\n")[1]
            .startswith((guarded(tenant), f'"{guarded(tenant)[:2]}'))
        )

    forged = files["tables/tenants.csv"].replace(b"'=1+1", b"=1+1")
    found = found_in(packed(tmp_path / "forged.zip", with_manifest({**files, "tables/tenants.csv": forged})))
    assert "tables/tenants.csv, row " in found
    assert "'=1+1' begins like a spreadsheet's formula" in found


@pytest.mark.parametrize("text", ["a\r=1+1", "a\r\n=1+1", "a\n=1+1", 'a"\r=1', "a,b", ""])
def test_no_text_begins_a_row_of_its_own_in_any_program_that_reads_the_file(text: str) -> None:
    line = csv_line(["x", text, 7])
    assert list(csv.reader(io.StringIO(line, newline=""), strict=True)) == [["x", text, "7"]]
    outside = re.sub(r'"(?:[^"]|"")*"', "", line)
    assert outside.count("\n") == 1
    assert "\r" not in outside
