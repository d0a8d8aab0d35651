"""Law L5 under everything at once. ``make simulate N=10000 SEED=1`` runs as many schedules as you like."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import fresh_database
from tests.sandbox_process import running_sandbox
from tests.simulation.parts import Parts
from tests.simulation.schedule import INVOICED, Schedule
from tests.world import World

#: Schedules that one seed leads to: few enough to see a failure again in seconds.
PER_SEED = 50

#: What the ordinary test run can afford; scripts/simulate.py asks for more, and for every n-th seed in each process.
SCHEDULES = int(os.environ.get("SIMULATE_N", "200"))
SEED = int(os.environ.get("SIMULATE_SEED", "1"))
EVERY = int(os.environ.get("SIMULATE_EVERY", "1"))

STEPS_PER_SCHEDULE = 12

#: Where to keep the tally, for whoever watches: see scripts/simulate.py.
TALLY = os.environ.get("SIMULATE_TALLY")


@pytest.fixture(scope="module")
def parts(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """A sandbox of its own, whose clock is the simulation's, and a database of its own, which it may empty."""
    with fresh_database(world.address) as database, running_sandbox() as sandbox:
        superuser = world.as_superuser(database.dsn)
        parts = Parts(database, superuser, sandbox, tmp_path_factory.mktemp("parts"), Path(TALLY) if TALLY else None)
        yield parts
        parts.close()


@pytest.mark.parametrize("first", range(0, SCHEDULES, PER_SEED))
def test_after_any_schedule_of_people_faults_and_deaths_stripe_has_the_usage_or_an_exception_says_what_is_owed(
    parts: Parts, first: int
) -> None:
    number, most, before = SEED + first // PER_SEED * EVERY, min(PER_SEED, SCHEDULES - first), parts.tally.schedules

    class Bound(Schedule):
        """On these parts."""

    Bound.parts = parts
    try:
        run_state_machine_as_test(
            seed(number)(Bound),
            settings=settings(
                max_examples=most,
                stateful_step_count=STEPS_PER_SCHEDULE,
                deadline=None,
                database=None,
                derandomize=False,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            ),
        )
    except Exception as error:
        error.add_note(f"to see it again: make simulate N={PER_SEED} SEED={number} INVOICED={INVOICED}")
        raise
    assert parts.tally.schedules >= before + most
