"""Why this number: what the books hold about one tenant and hour."""

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
    inserted_count: int | None
    active_sensors: int | None
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
