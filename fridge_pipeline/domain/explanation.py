"""Why this number: what the books hold about one tenant and hour, and how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

#: One row of the books, named as in the tables.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One tenant-hour from files to receipts; each list holds one mapping per row, named as in the tables.

    A file that was withdrawn has ``withdrawn_at``, ``withdrawn_by`` and ``withdrawal_reason``. Attempts, readbacks and
    cancellations belong to a statement by its ``identifier``.
    """

    tenant_id: str
    hour: str
    inserted_count: int | None
    active_sensors: int | None
    files: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    readbacks: list[dict[str, Any]]
    cancellations: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]


def explanation_text(explanation: Explanation) -> str:
    """The explanation for a person, from the files to Stripe's answers."""
    lines = [f"{explanation.tenant_id} in {explanation.hour}"]
    own = [file for file in explanation.files if file["tenant_inserted_count"]]
    others = len(explanation.files) - len(own)
    rest = [f"{others} other files of the hour stored nothing of this tenant (see --json)"] if others else []
    lines += _section("Landing files of the hour", [line for file in own for line in _file_lines(file)] + rest)
    usage = [
        f"{name}: {'none' if quantity is None else quantity}"
        for name, quantity in (
            ("inserted_count", explanation.inserted_count),
            ("active_sensors", explanation.active_sensors),
        )
    ]
    lines += _section("Usage, counted from stored readings", usage)
    said = [line for row in explanation.statements for line in _statement_lines(row, explanation)]
    lines += _section("Statements to Stripe", said)
    lines += _section("Exceptions", [_exception_line(row) for row in explanation.exceptions])
    if explanation.inserted_count is None and not explanation.statements and not own:
        lines += ["", f"The books hold nothing of a tenant {explanation.tenant_id!r} in this hour."]
    return "\n".join(lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines or ["none"])]


def _file_lines(file: Row) -> list[str]:
    loaded = (
        f"{file['path']} ({file['status']}): {file['row_count']} rows = {file['inserted_count']} inserted "
        f"+ {file['duplicate_count']} duplicates + {file['rejected_count']} rejected; "
        f"of this tenant {file['tenant_inserted_count']} inserted from {file['tenant_sensors']} sensors; "
        f"run {file['run_id']} at {_time(file['loaded_at'])}"
    )
    if file["withdrawn_at"] is None:
        return [loaded]
    withdrawn = (
        f"  withdrawn at {_time(file['withdrawn_at'])} by {file['withdrawn_by']}, so none of it is usage: "
        f"{file['withdrawal_reason']}"
    )
    return [loaded, withdrawn]


def _statement_lines(row: Row, explanation: Explanation) -> list[str]:
    """The statement, and below it whatever was tried, answered, read back and cancelled, in that order."""

    def about(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in rows if each["identifier"] == row["identifier"]]

    attempts, cancellations = about(explanation.attempts), about(explanation.cancellations)
    value = f"{row['value']:+} to what was stated" if row["is_difference"] else row["value"]
    state = (
        f"{row['event_name']} revision {row['revision']}: {value}, {row['status']} "
        f"[{row['identifier']}] for {row['stripe_customer_id']}; staged {_time(row['staged_at'])}, "
        f"sent {_time(row['first_sent_at'])} ({row['attempts']} attempts)"
    )
    # The receipt of an answered attempt stands in its own line; what settled the statement otherwise stands here.
    is_settled_otherwise = row["answer"] and row["answer"] not in {attempt["answer"] for attempt in attempts}
    below = [_attempt_line(attempt) for attempt in attempts]
    below += [_readback_line(readback) for readback in about(explanation.readbacks)]
    below += [_cancellation_line(cancellation) for cancellation in cancellations]
    return [f"{state}; {_receipt(row)}" if is_settled_otherwise else state, *(f"  {line}" for line in below)]


def _attempt_line(row: Row) -> str:
    tries = f" after {row['tries']} tries" if row["tries"] > 1 else ""
    latency = f" in {row['latency_seconds']:.3f} s" if row["latency_seconds"] is not None else ""
    return f"attempt {row['attempt']} at {_time(row['sent_at'])}: {row['outcome']}{tries}{latency}; {_receipt(row)}"


def _readback_line(row: Row) -> str:
    what = "its cancellation" if row["is_cancellation"] else "it"
    seen = "nothing" if row["value_seen"] is None else plain(row["value_seen"])
    return (
        f"read back at {_time(row['read_at'])}: Stripe showed {seen} for the hour, where it has "
        f"{plain(row['value_before'])} without {what} and {plain(row['value_after'])} with it: {row['verdict']}"
    )


def _cancellation_line(row: Row) -> str:
    return (
        f"cancellation: {row['status']}; staged {_time(row['staged_at'])}, sent {_time(row['first_sent_at'])} "
        f"({row['attempts']} attempts); {_receipt(row)}"
    )


def _receipt(row: Row) -> str:
    if not row["answer"]:
        return "no answer"
    named = [f"HTTP {row['http_status']}"] if row["http_status"] else []
    named += [f"request {row['request_id']}"] if row["request_id"] else []
    return f"{', '.join(named)}: {row['answer']}" if named else str(row["answer"])


def _exception_line(row: Row) -> str:
    state = f"closed {_time(row['closed_at'])}" if row["closed_at"] else "open"
    return f"{row['kind']} ({state}) {row['subject']}: {row['detail']}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "never"


def plain(value: object) -> object:
    """For what JSON has no word for: numbers of Stripe stay numbers, times become text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
