"""The books that faults are put into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.database.connection import Database
from tests.finance.books import TENANTS, FinanceBooks
from tests.orchestration.conftest import definitions  # noqa: F401 # the same installation for Dagster's objects
from tests.pipeline import Clock, Pipeline
from tests.sandbox_process import SandboxProcess


@pytest.fixture
def books(pipeline: Pipeline) -> FinanceBooks:
    """Three tenants that nothing has happened to yet; meters that keep the newest event of an hour."""
    for tenant in TENANTS:
        pipeline.add_tenant(tenant)
    return FinanceBooks(pipeline, pipeline.clock.now)


@pytest.fixture
def raw_books(database: Database, stripe_sandbox: SandboxProcess, tmp_path: Path, clock: Clock) -> FinanceBooks:
    """The same with meters that add up."""
    raw = tuple(replace(meter, window=Window.NONE) for meter in CATALOGUE)
    pipeline = Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / "work", clock, catalogue=raw)
    for tenant in TENANTS:
        pipeline.add_tenant(tenant)
    return FinanceBooks(pipeline, clock.now)
