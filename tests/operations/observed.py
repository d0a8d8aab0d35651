"""Books in which something waits for each signal, with Dagster's own storage beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.operations.expose_signals import families
from fridge_pipeline.operations.read_signals import Observed, read_signals
from fridge_pipeline.orchestration import dagster_storage
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.stripe.rules.limits import READS_MAX
from tests.invoices.conftest import InvoicedBooks
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

STORAGE = {"module": "fridge_pipeline.orchestration.dagster_storage", "class": "InstallationStorage", "config": {}}

#: Whom Dagster's daemon would ask to run what is queued.
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 1), "all"), "load_and_bill")


@dataclass
class Installation:
    """What is looked at, and what it is made of."""

    pipeline: Pipeline
    observed: Observed
    unbilled: Hour

    def read(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """(name, labels) → value, as a scrape shows them."""
        samples = [
            sample for family in families(read_signals(self.observed, self.pipeline.clock)) for sample in family.samples
        ]
        return {(sample.name, tuple(sample.labels.values())): sample.value for sample in samples}


def observe(pipeline: Pipeline) -> Observed:
    """As ``fridge metrics`` looks at an installation."""
    beside = Database(storage_dsn(pipeline.database.dsn))
    return Observed(pipeline.database, beside, pipeline.catalogue, CLOSE_AFTER, None, READS_MAX)


def bill_and_leave_some(pipeline: Pipeline, *, ends_by_itself: bool = True) -> Hour:
    """Delivered, unmapped, rejected and unbilled usage, a draft that waits, a reading of Stripe and a pack.

    Returns the hour that is not billed.
    """
    day = pipeline.clock.now.replace(hour=0, minute=0, second=0) - timedelta(days=2)
    books = InvoicedBooks(pipeline, day)
    first, unbilled = books.hour(3), books.hour(5)
    pipeline.land(first, "b.csv", readings("nobody", first, 2, 3))
    pipeline.land(first, "c.csv", b"tenant_id,sensor_id,recorded_at,temperature_c\ncohoes,s,yesterday,4\n")
    books.use(3, rows=5)
    pipeline.land(unbilled, "a.csv", readings("cohoes", unbilled, 1, 7, start=9))
    pipeline.load(unbilled)
    pipeline.count(unbilled)
    books.bill(5, "draft", finalizes_at=books.end + timedelta(minutes=75) if ends_by_itself else None)
    books.read_days()
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.stripe_reads (read_at, reads, purpose) values (%s, 3, 'reconciliation')",
            [pipeline.clock() - timedelta(hours=2)],
        )
        connection.execute(
            "insert into fridge.evidence_packs (month, manifest_sha256, made_at, made_by) values (%s, %s, %s, 'me')",
            [day.replace(day=1), "a" * 64, day],
        )
    return unbilled


@contextmanager
def dagster_beside(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage as the installation has it: a run that ended, one that waits, a heartbeat and a tick."""
    storage = Database(storage_dsn(pipeline.database.dsn))
    pipeline.database.create_beside(storage)
    url = storage.dsn.replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setattr(dagster_storage, "_storage_url", lambda: url)
    now = pipeline.clock.now.timestamp()
    with dg.instance_for_test(overrides={"storage": {"custom": STORAGE}}) as instance:
        _bills.execute_in_process(instance=instance)
        instance.create_run_for_job(_bills, status=dg.DagsterRunStatus.QUEUED, remote_job_origin=ORIGIN)
        instance.add_daemon_heartbeat(DaemonHeartbeat(now - 40, "SENSOR", "a"))
        tick = TickData(
            "origin", "landing_sensor", InstigatorType.SENSOR, TickStatus.SKIPPED, now - 25, selector_id="a"
        )
        instance.create_tick(tick)
        instance.create_tick(tick._replace(timestamp=now - 55))
        for name, status in (
            ("landing_sensor", InstigatorStatus.DECLARED_IN_CODE),
            ("hourly_billing", InstigatorStatus.STOPPED),
        ):
            origin = RemoteInstigatorOrigin(ORIGIN.repository_origin, name)
            instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status))
        yield instance


@dg.op
def _work() -> None:
    pass


@dg.job(name="load_and_bill")
def _bills() -> None:
    _work()
