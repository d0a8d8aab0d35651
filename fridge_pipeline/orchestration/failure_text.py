"""What a failed run says of its failure, in one line."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg


def failure_text(events: Iterable[dg.DagsterEvent]) -> str:
    """What its steps say, or, when none had begun, why the run could not: such as a database that does not answer."""
    seen = list(events)
    return "; ".join(_step_failures(seen)) or _failure_before_first_step(seen)


def _step_failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    texts = []
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            shown = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            cause = error.cause if error and error.cause else error
            texts.append(f"{event.step_key}: {shown or (cause.message.strip() if cause else 'failed')}")
    return texts


def _failure_before_first_step(events: Iterable[dg.DagsterEvent]) -> str:
    for event in events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            error = event.job_failure_data.error
            return f"the run failed before its first step: {(error.cause or error).message.strip()}"
    return "the run failed before its first step; see its page in the UI"
