"""The landing zone of a test's own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fridge_pipeline.ingest.landing.zone import LandingZone, open_landing_zone


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return open_landing_zone(str(tmp_path))
