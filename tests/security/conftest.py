"""The console script on an installation of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline import Pipeline

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(pipeline: Pipeline, tmp_path: Path) -> Run:
    """Runs ``fridge`` on the test's database and landing folder; named variables replace what it is given."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FRIDGE_HOME": str(tmp_path / "home"),
        "FRIDGE_DATABASE_URL": pipeline.database.dsn,
        "FRIDGE_LANDING_URI": str(pipeline.landing),
        "STRIPE_API_BASE": pipeline.sandbox.url,
    }

    def run_fridge(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "fridge"), *arguments],
            env={**environment, **changed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return run_fridge
