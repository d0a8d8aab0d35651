"""The landing files of an explanation as text: what became of each of a tenant's rows."""

from __future__ import annotations

from fridge_pipeline.finance.rules.explanation import Explanation, Row, time_text
from fridge_pipeline.ingest.rules.rejected_file import KEPT_MAX

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
