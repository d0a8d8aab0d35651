"""dlt: its ``merge`` into PostgreSQL, from an Arrow table."""

from __future__ import annotations

import dlt

from benchmarks.deliveries import ready_rows
from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.ingest.rules.reading import IDENTITY


def merge(stopwatch: Stopwatch, *, dsn: str, ready: str, folder: str) -> int:
    """``merge`` with the upsert strategy, which is the quicker one, on the identity of a reading."""
    rows = ready_rows(ready)
    pipeline = dlt.pipeline(
        "readings", pipelines_dir=folder, destination=dlt.destinations.postgres(dsn), dataset_name="rival"
    )
    resource = dlt.resource(
        rows,
        name="readings",
        primary_key=IDENTITY,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    with stopwatch.running():
        pipeline.run(resource).raise_on_failed_jobs()
    return int(rows.num_rows)
