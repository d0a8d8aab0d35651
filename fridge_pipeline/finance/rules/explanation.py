"""Why this number: what the books hold about one tenant and hour, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from fridge_pipeline.ingest.rules.rejections import KEPT_MAX
from fridge_pipeline.visible import as_lines

#: One row of the books, named as in the tables.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One tenant-hour from files to receipts; each list holds one mapping per row, named as in the tables.

    Of each file there is what became of the tenant's rows, ``None`` where ``tenant_is_recorded`` is false, and
    ``rejected`` holds the first of those that were rejected, by ``file_id``. A file that was withdrawn has
    ``withdrawn_at``, ``withdrawn_by`` and ``withdrawal_reason``. Attempts, readbacks and cancellations belong to a
    statement by its ``identifier``. ``stripe`` has Stripe's sum of the hour per meter and customer: ``value``, ``None``
    when it is not known, ``read_at``, ``source`` and ``detail``. ``runs`` are those
    that loaded the files and staged the statements, as far as they are on record, with the code that they ran.
    """

    tenant_id: str
    hour: str
    is_open: bool
    closes_at: datetime
    usage: dict[str, int | None]
    files: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    readbacks: list[dict[str, Any]]
    cancellations: list[dict[str, Any]]
    stripe: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]
    runs: list[dict[str, Any]]


def time_text(moment: datetime | None) -> str:
    """A time to the second; ``None`` is never."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "never"


def plain(value: object) -> object:
    """For what JSON has no word for: numbers of Stripe stay numbers, times become text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


NOT_RECORDED = "what became of its other rows is not recorded: the file was loaded before rows were counted by tenant"


def files_text(explanation: Explanation) -> list[str]:
    """The files with rows of the tenant, with those that were rejected, and in a line each what is to say of others."""
    own = [file for file in explanation.files if has_rows(file)]
    lines = [line for file in own for line in _file_lines(file, explanation)]
    others = [file for file in explanation.files if not has_rows(file)]
    unrecorded = sum(not file["tenant_is_recorded"] for file in others)
    if unrecorded:
        lines.append(
            f"{unrecorded} files stored nothing of this tenant; whether they held other rows of it is not recorded"
        )
    if len(others) > unrecorded:
        lines.append(f"{len(others) - unrecorded} other files of the hour hold no rows of this tenant (see --json)")
    nobodys = sum(file["unknown_tenant_count"] or 0 for file in explanation.files)
    if nobodys:
        lines.append(f"{nobodys} rejected rows of the hour's files do not say readably whose they are")
    return lines


def has_rows(file: Row) -> bool:
    """Whether a file is known to hold rows of the tenant."""
    return bool(file["tenant_row_count"] or file["tenant_inserted_count"])


def _file_lines(file: Row, explanation: Explanation) -> list[str]:
    counts = (
        f"{file['path']} ({file['status']}): {file['row_count']} rows = {file['inserted_count']} inserted "
        f"+ {file['duplicate_count']} duplicates + {file['rejected_count']} rejected; {_tenant_text(file)}; "
        f"run {file['run_id']} at {time_text(file['loaded_at'])}"
    )
    lines = [counts]
    if file["withdrawn_at"] is not None:
        lines.append(
            f"  withdrawn at {time_text(file['withdrawn_at'])} by {file['withdrawn_by']}, so none of it is usage: "
            f"{file['withdrawal_reason']}"
        )
    shown = [row for row in explanation.rejected if row["file_id"] == file["file_id"]]
    lines += [f"  line {row['line']} rejected: {row['reason']}" for row in shown]
    more = (file["tenant_rejected_count"] or 0) - len(shown)
    if more:
        lines.append(f"  and {more} more rejected; fridge.rejected_readings has the first {KEPT_MAX:,} of each file")
    return lines


def _tenant_text(file: Row) -> str:
    inserted, stored = file["tenant_inserted_count"], file["tenant_stored_count"]
    sensors = f"from {file['tenant_sensors']} sensors"
    if not file["tenant_is_recorded"]:
        return f"of this tenant {inserted} inserted {sensors}, and {NOT_RECORDED}"
    counts = (
        f"of this tenant {file['tenant_row_count']} rows = {inserted} inserted {sensors} "
        f"+ {file['tenant_duplicate_count']} duplicates + {file['tenant_rejected_count']} rejected"
    )
    return counts if stored == inserted else f"{counts}; of the inserted ones {stored} are stored now"


def explanation_text(explanation: Explanation) -> str:
    """The explanation for a person, from the files to Stripe's answers."""
    lines = [f"{explanation.tenant_id} in {explanation.hour}"]
    if explanation.is_open:
        lines.append(f"not billed yet: the hour closes at {time_text(explanation.closes_at)}")
    lines += _section("Landing files of the hour", files_text(explanation))
    usage = [f"{name}: {'none' if quantity is None else quantity}" for name, quantity in explanation.usage.items()]
    lines += _section("Usage, counted from stored readings", usage)
    said = [line for row in explanation.statements for line in _statement_lines(row, explanation)]
    lines += _section("Statements to Stripe", said)
    lines += _section("Stripe's own sum of the hour", [_stripe_line(row) for row in explanation.stripe])
    lines += _section("Exceptions", [_exception_line(row) for row in explanation.exceptions])
    lines += _section("Code that made it", _run_lines(explanation))
    is_unused = all(quantity is None for quantity in explanation.usage.values())
    if is_unused and not explanation.statements and not any(map(has_rows, explanation.files)):
        lines += ["", f"The books hold nothing of a tenant {explanation.tenant_id!r} in this hour."]
    return as_lines(lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines or ["none"])]


def _run_lines(explanation: Explanation) -> list[str]:
    """The code of each run; runs of the same code in one line."""
    by_code: dict[tuple[str, str], list[str]] = {}
    for row in explanation.runs:
        by_code.setdefault((row["program_version"], row["source_sha256"]), []).append(row["run_id"])
    named = {file["run_id"] for file in explanation.files} | {row["run_id"] for row in explanation.statements}
    lines = [
        f"fridge_pipeline {version}, source {source[:12]}: {'run' if len(runs) == 1 else 'runs'} {', '.join(runs)}"
        for (version, source), runs in by_code.items()
    ]
    unknown = sorted(named - {row["run_id"] for row in explanation.runs})
    return [*lines, *([f"not recorded for {', '.join(unknown)}"] if unknown else [])]


def _stripe_line(row: Row) -> str:
    account = f"{row['event_name']} for {row['stripe_customer_id']}: "
    why = f"; {row['detail']}" if row["detail"] else ""
    if row["read_at"] is None:
        return f"{account}not read{why or ' so far; --read-stripe reads it now'}"
    if row["value"] is None:
        return f"{account}not known: last read {time_text(row['read_at'])}, before the ledger changed{why}"
    return f"{account}{plain(row['value'])}, read {time_text(row['read_at'])} ({row['source']}){why}"


def _statement_lines(row: Row, explanation: Explanation) -> list[str]:
    """The statement, and below it whatever was tried, answered, read back and cancelled, in that order."""

    def about(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in rows if each["identifier"] == row["identifier"]]

    attempts, cancellations = about(explanation.attempts), about(explanation.cancellations)
    value = f"{row['value']:+} to what was stated" if row["is_difference"] else row["value"]
    state = (
        f"{row['event_name']} revision {row['revision']}: {value}, {row['status']} "
        f"[{row['identifier']}] for {row['stripe_customer_id']}; staged {time_text(row['staged_at'])}, "
        f"sent {time_text(row['first_sent_at'])} ({row['attempts']} attempts)"
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
    return f"attempt {row['attempt']} at {time_text(row['sent_at'])}: {row['outcome']}{tries}{latency}; {_receipt(row)}"


def _readback_line(row: Row) -> str:
    what = "its cancellation" if row["is_cancellation"] else "it"
    seen = "nothing" if row["value_seen"] is None else plain(row["value_seen"])
    return (
        f"read back at {time_text(row['read_at'])}: Stripe showed {seen} for the hour, where it has "
        f"{plain(row['value_before'])} without {what} and {plain(row['value_after'])} with it: {row['verdict']}"
    )


def _cancellation_line(row: Row) -> str:
    return (
        f"cancellation: {row['status']}; staged {time_text(row['staged_at'])}, sent {time_text(row['first_sent_at'])} "
        f"({row['attempts']} attempts); {_receipt(row)}"
    )


def _receipt(row: Row) -> str:
    if not row["answer"]:
        return "no answer"
    named = [f"HTTP {row['http_status']}"] if row["http_status"] else []
    named += [f"request {row['request_id']}"] if row["request_id"] else []
    return f"{', '.join(named)}: {row['answer']}" if named else str(row["answer"])


def _exception_line(row: Row) -> str:
    state = f"closed {time_text(row['closed_at'])}" if row["closed_at"] else "open"
    return f"{row['kind']} ({state}) {row['subject']}: {row['detail']}"
