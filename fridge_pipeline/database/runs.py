"""Runs on record: which code made the numbers that they made."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.database.queries import statement


def record_run(
    connection: psycopg.Connection, run_id: str, program_version: str, source_sha256: str, now: datetime
) -> None:
    """Puts a run on record before it does anything; a step of it that does so again changes nothing."""
    row = {"run_id": run_id, "program_version": program_version, "source_sha256": source_sha256, "now": now}
    connection.execute(statement("record_run"), row)
