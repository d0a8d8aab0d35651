"""An installation that Dagster's own objects run on: the test's database, landing folder and sandbox."""

from __future__ import annotations

import os
from functools import lru_cache

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.definitions import defs
from tests.own_environment import own_environment
from tests.pipeline import Pipeline

#: Of a test's own; runs and ticks read them when they begin, and no definition is any other for them.
PLACES = {"FRIDGE_HOME", "FRIDGE_DATABASE_URL", "FRIDGE_LANDING_URI", "STRIPE_API_BASE"}


@pytest.fixture
def definitions(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The code location as the environment says, with a grid that starts four days ago."""
    monkeypatch.setenv("FRIDGE_HOME", str(pipeline.workspace.parent / "home"))
    monkeypatch.setenv("FRIDGE_DATABASE_URL", pipeline.database.dsn)
    monkeypatch.setenv("FRIDGE_LANDING_URI", str(pipeline.landing))
    monkeypatch.setenv("FRIDGE_PARTITIONS_START", Hour.containing(pipeline.clock.now).plus(-96).key)
    monkeypatch.setenv("STRIPE_API_BASE", pipeline.sandbox.url)
    for storage in ("runs", "event_log"):  # in memory nothing is ever upgraded: reading all migrations takes 0.3 s
        monkeypatch.setattr(f"dagster._core.storage.{storage}.in_memory.stamp_alembic_rev", lambda *_: None)
    said = os.environ.keys() - own_environment().keys() - PLACES
    return built_as(frozenset((name, os.environ[name]) for name in said))


@lru_cache(maxsize=4)
def built_as(_environment: frozenset[tuple[str, str]]) -> dg.Definitions:
    """Built once for as long as the environment says the same: it takes a tenth of a run."""
    return defs()
