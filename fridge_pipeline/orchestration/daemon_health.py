"""Whether Dagster's daemon, which does everything that nobody starts by hand, was heard of lately."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import dagster as dg

from fridge_pipeline.operations.rules.finding import Finding, judge_daemons
from fridge_pipeline.orchestration.instance import dagster_environment
from fridge_pipeline.settings import Settings


def examine_daemon(settings: Settings, now: datetime) -> Finding:
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
