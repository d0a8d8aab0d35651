"""What a failed run says of its failure, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg


def failure_text(events: Iterable[dg.DagsterEvent]) -> str:
    """What its steps say, or, when none had begun, why the run could not: such as a database that does not answer."""
    seen = list(events)
    return "; ".join(_step_failures(seen)) or _failure_before_first_step(seen)


def _step_failures(events: Sequence[dg.DagsterEvent]) -> list[str]:
    texts, checks = [], _failed_checks(events)
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            shown = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            cause = error.cause if error and error.cause else error
            text = shown or checks.get(event.step_key) or (cause.message.strip() if cause else "failed")
            texts.append(f"{event.step_key}: {text}")
    return texts


def _failed_checks(events: Iterable[dg.DagsterEvent]) -> dict[str | None, str]:
    """What the blocking checks of each step found; Dagster's own text has their names only."""
    found: dict[str | None, str] = {}
    for event in events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            result = event.asset_check_evaluation_data
            if result.blocking and not result.passed and result.severity is dg.AssetCheckSeverity.ERROR:
                more = f"{found[event.step_key]}; " if event.step_key in found else ""
                found[event.step_key] = f"{more}{result.check_name}: {result.description}"
    return found


def _failure_before_first_step(events: Iterable[dg.DagsterEvent]) -> str:
    for event in events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            error = event.job_failure_data.error
            return f"the run failed before its first step: {(error.cause or error).message.strip()}"
    return "the run failed before its first step; see its page in the UI"
