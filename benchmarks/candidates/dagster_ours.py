"""Ours through Dagster: the runs that ``fridge bill`` makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.sandbox import last_receipt_at
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.installation import open_ledger
from fridge_pipeline.orchestration.headless import HeadlessRunner, headless_runner
from fridge_pipeline.settings import read_settings


def backfill(stopwatch: Stopwatch, *, first: str, last: str) -> int:
    """Every hour of the range in as few runs as a backfill makes of them."""
    span = HourRange(Hour.from_key(first), Hour.from_key(last))
    with _runner(span) as runner, stopwatch.running():
        for hours in plan_ranges(span.hours()):
            _run(runner, hours)
    return span.count


def start_to_stripe(stopwatch: Stopwatch, *, hour: str, url: str) -> int:
    """One hour, from the start of this process until Stripe has its last event."""
    only = HourRange(Hour.from_key(hour), Hour.from_key(hour))
    with _runner(only) as runner:
        _run(runner, only)
    stopwatch.took(last_receipt_at(url))
    return 1


@contextmanager
def _runner(span: HourRange) -> Iterator[HeadlessRunner]:
    with open_ledger(read_settings(os.environ)) as ledger, headless_runner(ledger, span) as runner:
        yield runner


def _run(runner: HeadlessRunner, hours: HourRange) -> None:
    failure = runner.run(hours).failure
    assert failure is None, failure
