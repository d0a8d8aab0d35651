"""A delivery as a test sees it: bytes under a name, taken through snapshot, reader and judgement."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.formats import BATCH_ROWS, read_batches
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import BLOCK_BYTES
from fridge_pipeline.ingest.landing.private_copy import PLAIN_BYTES_MAX, take_snapshot
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.reading import judge, rejected_rows, valid_readings

if TYPE_CHECKING:
    from datetime import datetime

HOUR = Hour.from_key("2026-01-24-18:00")
TIME = "2026-01-24T18:30:00Z"
HEADER = "tenant_id,sensor_id,recorded_at,temperature_c\n"


@dataclass(frozen=True)
class Outcome:
    """What became of a file: its valid readings, rejected rows, and why it could not be read (to the end)."""

    valid: list[tuple[int, str, str, datetime, float]]
    rejected: list[tuple[int, str, str]]
    row_count: int
    batch_heights: list[int]
    error: str | None

    @property
    def sensors(self) -> list[tuple[int, str]]:
        return [(line, sensor) for line, _, sensor, _, _ in self.valid]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(line, reason) for line, reason, _ in self.rejected]


def deliver(
    content: bytes | str, name: str, *, batch_rows: int = BATCH_ROWS, block_bytes: int = BLOCK_BYTES
) -> Outcome:
    """Take a file's bytes all the way to judged rows; no row may be lost or doubled between the two."""
    delivered = content.encode() if isinstance(content, str) else content
    file_format = FileFormat.of(name)
    outcome = Outcome([], [], 0, [], None)
    row_count, error = 0, None
    with (
        tempfile.TemporaryDirectory() as folder,
        take_snapshot(BytesIO(delivered), Path(folder), file_format, PLAIN_BYTES_MAX) as snapshot,
    ):
        try:
            for batch in read_batches(snapshot, file_format, batch_rows, block_bytes):
                judged = judge(batch, HOUR)
                outcome.valid.extend(valid_readings(judged).rows())
                outcome.rejected.extend(rejected_rows(judged).select("line", "reason", "raw").rows())
                outcome.batch_heights.append(batch.height)
                row_count += batch.height
        except UnreadableFileError as unreadable:
            error = unreadable.reason
    assert row_count == len(outcome.valid) + len(outcome.rejected)
    return Outcome(outcome.valid, outcome.rejected, row_count, outcome.batch_heights, error)


def row(sensor: str = "s1", temperature: str = "4.5") -> str:
    """A good csv row without its line end."""
    return f"t1,{sensor},{TIME},{temperature}"


def line(sensor: str = "s1", temperature: str = "4.5") -> str:
    """A good ndjson line without its line end."""
    return f'{{"tenant_id":"t1","sensor_id":"{sensor}","recorded_at":"{TIME}","temperature_c":{temperature}}}'
