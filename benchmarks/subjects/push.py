"""Push: what is staged, said to the sandbox, against a plain loop of SDK calls and against the calls alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from benchmarks.bench import Bench, seconds
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.sandbox import begin_anew, watched
from benchmarks.statements import statement
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.billing.stage import stage_hours
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from tests.sandbox_process import SandboxProcess, running_sandbox

WITH_LEDGER = "benchmarks.candidates.push:with_ledger"
WITHOUT_LEDGER = "benchmarks.candidates.push:without_ledger"
PLAIN_LOOP = "benchmarks.candidates.push:plain_loop"

EVENTS_PER_SECOND = 1_000

#: How long a server across the internet is at work on a call; the sandbox beside us answers within a millisecond.
FAR_SECONDS = 0.05
FAR_LOOP_EVENTS = 100
CLOSE_AFTER = timedelta(minutes=5)


def rows(bench: Bench) -> Iterator[Row]:
    """Speed and cores of the pusher, and the share of the ledger."""
    hour, sizes = Hour.containing(datetime.now(UTC) - timedelta(days=2)), bench.sizes
    staged = bench.template("events staged", partial(_stage, hour, sizes.push_events // len(CATALOGUE)))
    with running_sandbox() as sandbox:
        samples = bench.contest(
            {
                "ours": partial(_push, bench, sandbox, staged, WITH_LEDGER, hour, 0),
                "loop": partial(_loop, bench, sandbox, hour, sizes.loop_events, 0),
                "without ledger": partial(_push, bench, sandbox, staged, WITHOUT_LEDGER, hour, 0),
                "ours, far": partial(_push, bench, sandbox, staged, WITH_LEDGER, hour, FAR_SECONDS),
                "loop, far": partial(_loop, bench, sandbox, hour, FAR_LOOP_EVENTS, FAR_SECONDS),
            }
        )
    bench.world.drop(staged)
    work = f"{sizes.push_events:,} staged events, each of its own customer and meter, to the sandbox process"
    step = "the push step: intent, calls, receipts"
    ours = partial(Side.of, step, samples["ours"])
    loop = partial(Side.of, f"a plain loop of SDK calls ({sizes.loop_events:,} events)", samples["loop"])
    per_second = ours(_per_second)
    yield Row("push", work, "events/s", per_second, loop(_per_second), Target(at_least=3))
    yield Row(
        "push",
        f"{work} that is at work on each call for {FAR_SECONDS * 1000:.0f} ms, as a server far away is",
        "events/s",
        Side.of(step, samples["ours, far"], _per_second),
        Side.of(f"a plain loop of SDK calls ({FAR_LOOP_EVENTS:,} events)", samples["loop, far"], _per_second),
        Target(at_least=3),
    )
    limit = Side.limit(f"the limit of {EVENTS_PER_SECOND:,} events/s", EVENTS_PER_SECOND)
    yield Row("push", work, "events/s", per_second, limit, Target(at_least=1))
    cores = ours(lambda sample: sample.cores)
    yield Row("push", f"{work}: cores of the pusher", "cores", cores, Side.limit("one core", 1), Target(at_most=1))
    per_cpu_second = f"{work}: events per CPU second of the pusher"
    figures = (ours(_per_cpu_second), loop(_per_cpu_second))
    yield Row("push", per_cpu_second, "events/CPU s", *figures)
    yield Row("push", per_cpu_second, "events/CPU s", figures[0], limit, Target(at_least=1))
    calls = Side.of("the same calls without the ledger", samples["without ledger"], seconds)
    yield Row("push", f"{work}: what the ledger costs", "s", ours(seconds), calls)


def _per_second(sample: Sample) -> float:
    return sample.per_second


def _per_cpu_second(sample: Sample) -> float:
    return sample.work / sample.cpu


def _stage(hour: Hour, tenants: int, dsn: str) -> None:
    database, now = Database(dsn), datetime.now(UTC)
    names = [f"tenant-{number:05}" for number in range(tenants)]
    with database.connect() as connection:
        import_tenants(connection, [Tenant(name, None, f"cus_{name.replace('-', '')}") for name in names], now)
        connection.execute(statement("insert_usage"), {"hour": hour.start, "tenants": tenants})
    stage_hours(Run(database, CATALOGUE, lambda: now, "benchmark"), HourRange(hour, hour), StagingPolicy(CLOSE_AFTER))


def _push(bench: Bench, sandbox: SandboxProcess, staged: str, act: str, hour: Hour, far: float, _turn: int) -> Sample:
    begin_anew(sandbox, far)
    with bench.world.database(staged) as dsn:
        return bench.run(act, watched(sandbox), dsn=dsn, url=sandbox.url, hour=hour.key)


def _loop(bench: Bench, sandbox: SandboxProcess, hour: Hour, events: int, far: float, _turn: int) -> Sample:
    begin_anew(sandbox, far)
    return bench.run(PLAIN_LOOP, watched(sandbox), url=sandbox.url, hour=hour.key, events=events)
