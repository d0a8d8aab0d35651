"""A pipeline with usage at 05:00 UTC two days ago, and one whose meters add every event up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.database.connection import Database
from tests.orchestration.conftest import definitions  # noqa: F401 # the same installation for Dagster's objects
from tests.pipeline import Clock, Pipeline
from tests.reconciliation.books import Books
from tests.sandbox_process import SandboxProcess


@pytest.fixture
def books(pipeline: Pipeline, two_days_ago: datetime) -> Books:
    """One tenant, nothing used yet; meters that keep the newest event of an hour."""
    pipeline.add_tenant("cohoes")
    return Books(pipeline, Hour(two_days_ago.replace(hour=5)))


@pytest.fixture
def raw_books(
    database: Database, stripe_sandbox: SandboxProcess, tmp_path: Path, clock: Clock, two_days_ago: datetime
) -> Books:
    """The same with meters that add up."""
    raw = tuple(replace(meter, window=Window.NONE) for meter in CATALOGUE)
    pipeline = Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / "work", clock, catalogue=raw)
    pipeline.add_tenant("cohoes")
    return Books(pipeline, Hour(two_days_ago.replace(hour=5)))
