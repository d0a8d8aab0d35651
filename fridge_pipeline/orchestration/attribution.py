"""Who launched a run (law L15): a tag of the run, which it puts on record with its books before it does anything.

Dagster's UI has no sign-in, so it knows nobody. A proxy with one names the person in a header that a setting names; the
webserver hands it on, to a run (``DagsterInstance.submit_run``) and to a backfill (``get_viewer_tags``, which Dagster
1.13 asks for nothing else). A tag of that name that a request brings itself is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import DagsterInstance, DagsterRun

from fridge_pipeline.orchestration.own_pages import named_by

LAUNCHED_BY = "fridge/launched_by"

#: Longer ones are no person's name.
CHARACTERS_MAX = 200

#: What Dagster tags the runs of its own daemon with, and what that is called.
BY_ITSELF = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}


def launched_by(tags: Mapping[str, str]) -> str | None:
    """Who launched a run, from its tags; ``None`` when nothing says it."""
    if LAUNCHED_BY in tags:
        return tags[LAUNCHED_BY]
    return next((f"{kind} {tags[tag]}" for tag, kind in BY_ITSELF.items() if tag in tags), None)


def tags_of_request(source: object, header: str | None) -> dict[str, str]:
    """The tag for what a request launches; ``source`` is the request as Dagster keeps it."""
    if header is None:
        return {LAUNCHED_BY: "somebody at the UI, which has no sign-in (FRIDGE_UI_USER_HEADER is not set)"}
    headers = getattr(source, "headers", None)
    name = named_by(headers, header)[:CHARACTERS_MAX] if headers is not None else ""
    return {LAUNCHED_BY: name or f"somebody at the UI, whom no header {header} names, or more than one"}


def attribute_launches(header: str | None) -> None:
    """From now on whatever this process launches for a request carries who asked for it; for a webserver only."""
    # A run's process has no use for it, and reads who launched it from this file too.
    from dagster._core.workspace.context import WorkspaceRequestContext  # noqa: PLC0415

    submit = DagsterInstance.submit_run

    def submit_run(instance: DagsterInstance, run_id: str, workspace: Any) -> DagsterRun:
        instance.add_run_tags(run_id, tags_of_request(getattr(workspace, "source", None), header))
        return submit(instance, run_id, workspace)

    def viewer_tags(context: WorkspaceRequestContext) -> dict[str, str]:
        return tags_of_request(context.source, header)

    DagsterInstance.submit_run = submit_run  # type: ignore[method-assign, assignment]
    WorkspaceRequestContext.get_viewer_tags = viewer_tags  # type: ignore[method-assign, assignment]
