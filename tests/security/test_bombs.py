"""Small files that want to be large, and lines without an end, cost bounded memory and are no crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LINE_MB = 256
#: Less than the line or the bomb: neither is ever in memory as a whole.
MEMORY_MB_MAX = 200

MEASURED = """
import resource, sys
from pathlib import Path
import polars
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.formats import read_batches
from fridge_pipeline.ingest.landing.private_copy import take_snapshot
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.reading import judge
source, rows, reasons = Path(sys.argv[1]), 0, set()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with source.open("rb") as stream, take_snapshot(stream, source.parent, FileFormat.of(source.name)) as snapshot:
    try:
        for batch in read_batches(snapshot, FileFormat.of(source.name)):
            reasons |= set(judge(batch, Hour.from_key("2026-01-24-18:00"))["reason"].to_list())
            rows += batch.height
    except UnreadableFileError as error:
        reasons.add(str(error))
unit = 2**20 if sys.platform == "darwin" else 2**10
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // unit)
print(rows, *sorted(map(str, reasons)))
"""


def read(path: Path) -> tuple[int, str]:
    """MB that reading the file took beyond an idle process, and what became of it."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    memory, said = done.stdout.splitlines()
    return int(memory), said


@pytest.mark.parametrize("character", [b"x", b'"'])
def test_a_line_without_an_end_is_one_rejected_row_in_flat_memory(tmp_path: Path, character: bytes) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"tenant_id,sensor_id,recorded_at,temperature_c\n")
        for _ in range(LINE_MB):
            file.write(character * 2**20)
    memory, said = read(path)
    assert said == "1 line too long"
    assert memory < MEMORY_MB_MAX


def test_a_parquet_file_of_a_few_kilobytes_that_unpacks_to_300_mb_is_refused_by_its_footer(tmp_path: Path) -> None:
    kept = Path(__file__).parents[1] / "fuzz" / "findings" / "unpacks-to-300-mb.parquet"
    path = tmp_path / "a.parquet"
    path.write_bytes(kept.read_bytes())
    assert path.stat().st_size < 20_000
    memory, said = read(path)
    assert "more than the limit of 268435456" in said
    assert memory < MEMORY_MB_MAX
