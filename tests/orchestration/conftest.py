"""An installation that Dagster's own objects run on: the test's database, landing folder and sandbox."""

from __future__ import annotations

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.definitions import defs
from tests.pipeline import Pipeline


@pytest.fixture
def definitions(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The code location as the environment says, with a grid that starts four days ago."""
    monkeypatch.setenv("FRIDGE_HOME", str(pipeline.workspace.parent / "home"))
    monkeypatch.setenv("FRIDGE_DATABASE_URL", pipeline.database.dsn)
    monkeypatch.setenv("FRIDGE_LANDING_URI", str(pipeline.landing))
    monkeypatch.setenv("FRIDGE_PARTITIONS_START", Hour.containing(pipeline.clock.now).plus(-96).key)
    monkeypatch.setenv("STRIPE_API_BASE", pipeline.sandbox.url)
    return defs()
