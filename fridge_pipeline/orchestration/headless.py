"""Runs without the UI: the same job, the same instance, in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError  # what Dagster's storage speaks

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.database.connection import DatabaseUnreachableError
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.installation import Ledger, system_user
from fridge_pipeline.orchestration.attribution import LAUNCHED_BY
from fridge_pipeline.orchestration.automation import CHECK_BOOKS, LOAD_AND_BILL, READ_INVOICES, RECONCILE_DAYS
from fridge_pipeline.orchestration.instance import LOCATION, dagster_environment, hold_connections
from fridge_pipeline.orchestration.lost_runs import PROCESS_TAG, this_process
from fridge_pipeline.orchestration.partitions import range_tags
from fridge_pipeline.orchestration.runs import failure_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RangeRun:
    """How one run ended; ``failure`` says in a sentence what went wrong, ``None`` when nothing did."""

    hours: HourRange | DayRange
    run_id: str
    failure: str | None


class HeadlessRunner:
    """Runs ranges of hours through Dagster, one after another; its runs show in the UI like any others.

    ``command`` is what stands on them as who launched them.
    """

    def __init__(
        self, ledger: Ledger, instance: dg.DagsterInstance, grid: HourRange, command: str = "fridge bill"
    ) -> None:
        settings = ledger.settings.model_copy(
            update={"partitions_start": min(grid.first, ledger.settings.partitions_start)}
        )
        definitions = build_definitions(settings)
        self._job = definitions.resolve_job_def
        self._instance = instance
        here = system_user()
        self._launched_by = f"{command}, by {here.user} on {here.host}"

    def run(self, hours: HourRange) -> RangeRun:
        """Loads, counts and bills a range of hours."""
        return self._run(LOAD_AND_BILL, hours, range_tags(hours))

    def check_books(self, hours: HourRange) -> RangeRun:
        """What is run every night, at once: tests all that finance reads. ``hours`` are what came new."""
        return self._run(CHECK_BOOKS, hours, {})

    def reconcile(self, days: DayRange) -> RangeRun:
        """What is run every morning, at once: compares these days with Stripe's own sums."""
        return self._run(RECONCILE_DAYS, days, range_tags(days))

    def read_invoices(self, days: DayRange) -> RangeRun:
        """The same of the invoices that Stripe made on these days."""
        return self._run(READ_INVOICES, days, range_tags(days))

    def _run(self, name: str, hours: HourRange | DayRange, tags: dict[str, str]) -> RangeRun:
        run_id, job = make_new_run_id(), self._job(name)

        def execute() -> dg.ExecuteInProcessResult:
            return job.execute_in_process(
                instance=self._instance,
                tags={**tags, LAUNCHED_BY: self._launched_by, PROCESS_TAG: this_process()},
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
                run_id=run_id,
            )

        try:
            result = interruptibly(execute)
        except KeyboardInterrupt:
            self._report_canceled(run_id)
            raise
        return RangeRun(hours, result.run_id, None if result.success else failure_text(result.all_events))

    def _report_canceled(self, run_id: str) -> None:
        """Else it would look as if it were under way, and be repeated as one whose process was lost."""
        with suppress(SQLAlchemyError, DagsterPostgresException):
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._instance.report_run_canceled(run, "interrupted by a person")


def name_location(instance: dg.DagsterInstance) -> None:
    """Has runs of this process say that their jobs are those of the code location, as launched runs do.

    Else the UI shows them under no job, not on the time line either, and cannot run them again.
    """
    create = instance.create_run_for_job

    def create_run_for_job(job_def: dg.JobDefinition, **run: Any) -> dg.DagsterRun:  # whatever Dagster hands on
        location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME)
        return create(job_def, remote_job_origin=RemoteJobOrigin(location, job_def.name), **run)

    instance.create_run_for_job = create_run_for_job  # type: ignore[method-assign, assignment]


def interruptibly(call: Callable[[], T]) -> T:
    """Makes a call that cannot be interrupted in another thread, so that Ctrl-C ends the waiting for it at once.

    The thread is left behind then, wherever it is, and the process is to end soon after. Nothing is lost by that: it is
    less than a kill -9.
    """
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 # raised where it is waited for
            done.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return done.result()


@contextmanager
def headless_runner(ledger: Ledger, grid: HourRange, command: str = "fridge bill") -> Iterator[HeadlessRunner]:
    """A runner with the instance that the UI shows; sets Dagster's environment for this process.

    Raises ``DatabaseUnreachableError`` when PostgreSQL goes away while Dagster keeps its record of a run there.
    """
    os.environ.update(dagster_environment(ledger.settings))
    try:
        with dg.DagsterInstance.get() as instance:
            hold_connections(instance)
            name_location(instance)
            yield HeadlessRunner(ledger, instance, grid, command)
    except (SQLAlchemyError, DagsterPostgresException) as error:
        cause = " ".join(str(error.__cause__ or error).partition("(Background")[0].split())[:200]
        raise DatabaseUnreachableError(
            f"PostgreSQL at {ledger.database.location} went away while the run was under way: {cause}. What was "
            "committed stays, and nothing is lost: run the hours again"
        ) from None
