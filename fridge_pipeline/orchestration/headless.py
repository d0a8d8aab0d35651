"""Runs without the UI: the same job, the same instance, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError  # what Dagster's storage speaks

from fridge_pipeline.adapters.postgres.database import DatabaseUnreachableError
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.orchestration.build import build_definitions
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.instance import dagster_environment, hold_connections
from fridge_pipeline.orchestration.jobs import LOAD_AND_BILL
from fridge_pipeline.orchestration.lost_runs import PROCESS_TAG, this_process
from fridge_pipeline.orchestration.partitions import range_tags


@dataclass(frozen=True, slots=True)
class RangeRun:
    """How one run ended; ``failure`` says in a sentence what went wrong, ``None`` when nothing did."""

    hours: HourRange
    run_id: str
    failure: str | None


class HeadlessRunner:
    """Runs ranges of hours through Dagster, one after another; its runs show in the UI like any others."""

    def __init__(self, installation: Installation, instance: dg.DagsterInstance, grid: HourRange) -> None:
        settings = replace(
            installation.settings, partitions_start=min(grid.first, installation.settings.partitions_start)
        )
        self._job = build_definitions(settings).resolve_job_def(LOAD_AND_BILL)
        self._instance = instance

    def run(self, hours: HourRange) -> RangeRun:
        """Loads, counts and bills a range of hours."""
        result = self._job.execute_in_process(
            instance=self._instance,
            tags={**range_tags(hours), "fridge/launched_by": "fridge bill", PROCESS_TAG: this_process()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        return RangeRun(hours, result.run_id, None if result.success else _failure(result))


def _failure(result: dg.ExecuteInProcessResult) -> str:
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            shown = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            cause = error.cause if error and error.cause else error
            texts.append(f"{event.step_key}: {shown or (cause.message.strip() if cause else 'failed')}")
    return "; ".join(texts) or _failure_before_first_step(result)


def _failure_before_first_step(result: dg.ExecuteInProcessResult) -> str:
    """Such as a database that does not answer, or a schema that is not what this code made."""
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            error = event.job_failure_data.error
            return f"the run failed before its first step: {(error.cause or error).message.strip()}"
    return "the run failed before its first step; see its page in the UI"


@contextmanager
def headless_runner(installation: Installation, grid: HourRange) -> Iterator[HeadlessRunner]:
    """A runner with the instance that the UI shows; sets Dagster's environment for this process.

    Raises ``DatabaseUnreachableError`` when PostgreSQL goes away while Dagster keeps its record of a run there.
    """
    os.environ.update(dagster_environment(installation.settings))
    try:
        with dg.DagsterInstance.get() as instance:
            hold_connections(instance)
            yield HeadlessRunner(installation, instance, grid)
    except (SQLAlchemyError, DagsterPostgresException) as error:
        cause = " ".join(str(error.__cause__ or error).partition("(Background")[0].split())[:200]
        raise DatabaseUnreachableError(
            f"PostgreSQL at {installation.database.place} went away while the run was under way: {cause}. What was "
            "committed stays, and nothing is lost: run the hours again"
        ) from None
