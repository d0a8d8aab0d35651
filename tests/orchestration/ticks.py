"""One tick of an automation, as the daemon evaluates it."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from fridge_pipeline.orchestration.resources import installation_resource

RESOURCES = {"installation": installation_resource}


def schedule_tick(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str) -> list[dg.RunRequest]:
    """What a schedule requests now."""
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.now(UTC),
        repository_def=definitions.get_repository_def(),
        resources=RESOURCES,
    ) as context:
        return list(definitions.resolve_schedule_def(name).evaluate_tick(context).run_requests or [])
