"""Runs that failed or were lost, what they said, and whether the daemon that starts them is alive.

A process that does without Dagster asks ``python -m fridge_pipeline.orchestration.runs``: ``storage`` makes Dagster's
tables, ``lost RUN …`` reports runs that have lost their process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus

from fridge_pipeline.operations.rules.daemon_check import judge_daemons
from fridge_pipeline.operations.rules.health_check import HealthCheck
from fridge_pipeline.orchestration.instance import dagster_environment
from fridge_pipeline.settings import Settings


def failure_text(events: Iterable[dg.DagsterEvent]) -> str:
    """What its steps say, or, when none had begun, why the run could not: such as a database that does not answer."""
    seen = list(events)
    return "; ".join(_step_failures(seen)) or _failure_before_first_step(seen)


def _step_failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    texts = []
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            shown = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            cause = error.cause if error and error.cause else error
            texts.append(f"{event.step_key}: {shown or (cause.message.strip() if cause else 'failed')}")
    return texts


def _failure_before_first_step(events: Iterable[dg.DagsterEvent]) -> str:
    for event in events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            error = event.job_failure_data.error
            return f"the run failed before its first step: {(error.cause or error).message.strip()}"
    return "the run failed before its first step; see its page in the UI"


def report_lost_runs(instance: dg.DagsterInstance, lost: Iterable[str]) -> None:
    """Tells Dagster that the runs have ended, for which a code server must answer.

    Its daemon retries a run within seconds of being told, and only once: with no code server up it would give up.
    """
    for run in filter(None, map(instance.get_run_by_id, lost)):
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "its process ended while it was being cancelled")
        elif not run.is_finished:
            instance.report_run_failed(run, "its process ended before the run did (killed, out of memory, power cut)")


def check_daemon(settings: Settings, now: datetime) -> HealthCheck:
    """From what the daemon's parts have written into Dagster's storage; sets Dagster's environment here."""
    os.environ.update(dagster_environment(settings))
    with dg.DagsterInstance.get() as instance:
        beats = instance.get_daemon_heartbeats()
        heard = {name: beats.get(name) for name in instance.get_required_daemon_types()}
    ages = {
        name: now - datetime.fromtimestamp(beat.timestamp, UTC) if beat is not None else None
        for name, beat in heard.items()
    }
    errors = {
        name: beat.errors[0].message.strip().splitlines()[-1]
        for name, beat in heard.items()
        if beat is not None and beat.errors
    }
    return judge_daemons(ages, errors)


#: A gateway may deliver the canary in its place (docs/operations.md, The canary).
MAY_BE_OFF = frozenset({"hourly_canary"})


def names_that_should_run(definitions: dg.Definitions) -> list[str]:
    """The sensors and schedules that the code has on, and that nobody has a reason to switch off for good."""
    watching = (*(definitions.sensors or ()), *(definitions.schedules or ()))
    on = (dg.DefaultSensorStatus.RUNNING, dg.DefaultScheduleStatus.RUNNING)
    names = {each.name for each in watching if getattr(each, "default_status", None) in on}
    return sorted(names - MAY_BE_OFF)


def main(what: str, *about: str) -> None:
    """Asks it, and ends."""
    with dg.DagsterInstance.get() as instance:
        if what == "lost":
            report_lost_runs(instance, about)


if __name__ == "__main__":
    main(*sys.argv[1:])
