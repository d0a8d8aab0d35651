"""The console script as a test runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.pipeline import Pipeline

Run = Callable[..., subprocess.CompletedProcess[str]]


def console_script(pipeline: Pipeline, folder: Path) -> Run:
    """Runs the real console script in a folder of its own, on the test's installation; named variables change it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FRIDGE_HOME": str(folder / "home of fridge"),
        "FRIDGE_DATABASE_URL": pipeline.database.dsn,
        "FRIDGE_LANDING_URI": str(pipeline.landing),
        "STRIPE_API_BASE": pipeline.sandbox.url,
    }

    def run_fridge(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "fridge"), *arguments],
            env={**environment, **changed},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return run_fridge
