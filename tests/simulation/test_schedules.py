"""Law L5 under everything at once. ``make simulate N=10000 SEED=1`` runs as many schedules as you like."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from fridge_pipeline.adapters.embedded_server.address import ServerAddress
from tests.sandbox_process import running_sandbox
from tests.simulation.schedule import Schedule
from tests.simulation.world import Parts

#: What the ordinary test run can afford; more by SIMULATE_N, from another beginning by --hypothesis-seed.
SCHEDULES = int(os.environ.get("SIMULATE_N", "200"))
STEPS_PER_SCHEDULE = 14

#: Where to keep the tally, for whoever watches: see scripts/simulate.py.
TALLY = os.environ.get("SIMULATE_TALLY")


@pytest.fixture
def parts(server: ServerAddress, tmp_path: Path) -> Iterator[Parts]:
    """A sandbox of its own, whose clock is the simulation's."""
    with running_sandbox() as sandbox:
        parts = Parts(server, sandbox, tmp_path, Path(TALLY) if TALLY else None)
        yield parts
        parts.close()


def test_after_any_schedule_of_faults_stripe_has_the_usage_or_an_exception_says_why_and_never_too_much(
    parts: Parts,
) -> None:
    class Bound(Schedule):
        """On these parts."""

    Bound.parts = parts
    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=STEPS_PER_SCHEDULE,
            deadline=None,
            database=None,
            derandomize="SIMULATE_N" not in os.environ,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )
    assert parts.tally.schedules >= min(SCHEDULES, 1)
