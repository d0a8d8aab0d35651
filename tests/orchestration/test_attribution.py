"""Who launched a run stands on it, whatever the request says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceRequestContext
from starlette.datastructures import Headers

from fridge_pipeline.orchestration.attribution import (
    LAUNCHED_BY,
    attribute_launches,
    launched_by,
    tags_of_request,
)

NOBODY = "somebody at the UI, whom no header X-Forwarded-User names, or more than one"


@dg.job
def nothing() -> None:
    """Does it."""


@pytest.fixture(autouse=True)
def _dagster_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is queued, and what is changed in Dagster is put back."""
    monkeypatch.setattr(DagsterInstance, "submit_run", lambda instance, run_id, _: instance.get_run_by_id(run_id))
    monkeypatch.setattr(WorkspaceRequestContext, "get_viewer_tags", WorkspaceRequestContext.get_viewer_tags)


def request(instance: DagsterInstance, **headers: str) -> WorkspaceRequestContext:
    """As the webserver makes one of a request."""
    workspace: Any = SimpleNamespace(code_location_entries={})
    source = SimpleNamespace(headers=Headers({name.replace("_", "-"): value for name, value in headers.items()}))
    return WorkspaceRequestContext(instance, workspace, SimpleNamespace(), None, source, read_only=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "sent", "told"),
    [
        ("X-Forwarded-User", {"x_forwarded_user": "grace@example.org"}, "grace@example.org"),
        ("X-Forwarded-User", {"x_forwarded_user": "gr\x07ace"}, "gr\\x07ace"),
        ("X-Forwarded-User", {"x_user": "grace"}, NOBODY),
        (
            None,
            {"x_forwarded_user": "grace"},
            "somebody at the UI, which has no sign-in (FRIDGE_UI_USER_HEADER is not set)",
        ),
    ],
)
def test_l15_a_run_and_a_backfill_of_the_ui_carry_whom_the_proxy_names_and_nobody_whom_the_request_names_itself(
    header: str | None, sent: dict[str, str], told: str
) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, tags={LAUNCHED_BY: "ada"})
        attribute_launches(header)
        asked = request(instance, **sent)
        launched = instance.submit_run(run.run_id, asked)
        assert launched_by(launched.tags) == told
        assert {LAUNCHED_BY: "ada", **asked.get_viewer_tags()} == {LAUNCHED_BY: told}


def test_l15_a_header_that_came_in_beside_the_proxys_names_nobody() -> None:
    both = Headers(raw=[(b"x-forwarded-user", b"ada"), (b"x-forwarded-user", b"grace")])
    assert tags_of_request(SimpleNamespace(headers=both), "X-Forwarded-User") == {LAUNCHED_BY: NOBODY}


def test_l15_what_dagster_launches_by_itself_is_told_by_the_name_of_its_schedule_or_sensor() -> None:
    assert launched_by({"dagster/schedule_name": "hourly_billing"}) == "schedule hourly_billing"
    assert launched_by({"dagster/sensor_name": "landing_sensor"}) == "sensor landing_sensor"
    assert launched_by({}) is None
