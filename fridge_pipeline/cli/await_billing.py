"""What the services of ``fridge up`` bill by themselves, waited for and summed up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from rich.progress import Progress

from fridge_pipeline.billing.books_beside_files import summarize
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.cli.bill_command import COLUMNS, Billed, exceptions_by_kind, hours_to_bill
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.up import Running
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL, runs_under_way
from fridge_pipeline.orchestration.headless import RangeRun
from fridge_pipeline.orchestration.instance import hold_connections
from fridge_pipeline.orchestration.partitions import hours_in_tags
from fridge_pipeline.orchestration.runs import failure_text

LOOK_SECONDS = 0.5


def await_billed(started: Running, span: HourRange) -> Billed:
    """Waits until the sensor's runs have billed the hours of a span that wait, or one of them has failed."""
    ledger, landing, _ = started.installation
    begun = ledger.clock()
    to_run = waiting = hours_to_bill(ledger, landing, span)
    runs: list[RangeRun] = []
    is_interrupted = False
    with kept_instance() as instance, Progress(*COLUMNS, console=console) as progress:
        task = progress.add_task("billing, as the landing sensor does", total=len(to_run))
        try:
            while (waiting or runs_under_way(instance)) and not any(run.failure for run in runs):
                time.sleep(LOOK_SECONDS)
                started.look_after()
                waiting = hours_to_bill(ledger, landing, span)
                progress.update(task, completed=len(to_run) - len(waiting))
                runs = ended_runs(instance, begun)
        except KeyboardInterrupt:
            is_interrupted = True
    with ledger.database.connect() as connection:
        summary, kinds = summarize(connection, span), exceptions_by_kind(connection, span)
    return Billed(span, len(to_run), summary, runs, waiting, kinds, is_interrupted)


@contextmanager
def kept_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that the services share."""
    with dg.DagsterInstance.get() as instance:
        hold_connections(instance)
        yield instance


def ended_runs(instance: dg.DagsterInstance, begun: datetime) -> list[RangeRun]:
    """The runs of the sensor's job that began since, and how they ended."""
    ended = RunsFilter(
        job_name=LOAD_AND_BILL,
        statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED],
        created_after=begun,
    )
    return [_ended(instance, record.dagster_run) for record in instance.get_run_records(ended)]


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> RangeRun:
    hours: list[Hour] = hours_in_tags(run.tags)
    failure = None
    if not run.is_success:
        events = (each.dagster_event for each in instance.all_logs(run.run_id))
        failure = failure_text(event for event in events if event is not None)
    return RangeRun(HourRange(hours[0], hours[-1]), run.run_id, failure)
