"""Exceptions: the differences that a person must see, each with its cause and, where there is one, a deadline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import meters_of, span_of, statement
from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS


@dataclass(frozen=True, slots=True)
class ExceptionKey:
    """What makes two sightings the same exception: one open row per key, enforced by the database.

    ``subject`` is what it is about within the tenant-hour: a landing file's path, a meter, an identifier.
    """

    kind: str
    tenant_id: str | None
    hour: Hour | None
    subject: str = ""

    def parameters(self) -> dict[str, object]:
        """As the statements name them."""
        return {
            "kind": self.kind,
            "tenant_id": self.tenant_id,
            "hour": self.hour.start if self.hour else None,
            "subject": self.subject,
        }


def open_exception(
    connection: psycopg.Connection,
    key: ExceptionKey,
    detail: str,
    now: datetime,
    deadline_at: datetime | None = None,
    owed: int | None = None,
) -> None:
    """Opens an exception, or brings the detail, figure and deadline of the open one up to date.

    ``owed`` is usage minus what Stripe has, where it is about a meter's usage: once that is another figure, the sweep
    has the hour judged anew.
    """
    connection.execute(
        statement("open_exception"),
        {**key.parameters(), "detail": detail, "owed": owed, "deadline_at": deadline_at, "now": now},
    )


def close_exception(connection: psycopg.Connection, key: ExceptionKey, now: datetime) -> bool:
    """Closes the open exception of this key; says whether there was one."""
    return connection.execute(statement("close_exception"), {**key.parameters(), "now": now}).rowcount > 0


def close_settled_exceptions(connection: psycopg.Connection, accepted: Iterable[str], now: datetime) -> int:
    """Closes what had stood in the way of meter events that Stripe has now accepted (their identifiers)."""
    return connection.execute(
        statement("close_settled_exceptions"), {"identifiers": list(accepted), "now": now}
    ).rowcount


def close_moot_exceptions(
    connection: psycopg.Connection, hours: HourRange, catalogue: tuple[Meter, ...], now: datetime
) -> None:
    """Closes what had stood in the way of usage that is gone, or that Stripe has by now."""
    connection.execute(
        statement("close_moot_exceptions"),
        {
            **span_of(hours),
            **meters_of(catalogue),
            "now": now,
        },
    )


def close_overtaken(
    connection: psycopg.Connection, decided: Iterable[tuple[Meter, ExceptionKey]], now: datetime
) -> None:
    """Closes what stood in the way of a meter's usage before, all but the exception that does now.

    Its kind may be another word: then nothing stands in the way.
    """
    found = [{"event_name": meter.event_name, **key.parameters()} for meter, key in decided]
    if found:
        columns = {f"{name}s": [row[name] for row in found] for name in found[0]}
        connection.execute(statement("close_overtaken"), {**columns, "now": now})


def close_told_together(
    connection: psycopg.Connection,
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    waiting: Iterable[ExceptionKey],
    now: datetime,
) -> None:
    """Closes what a range says of many tenants at once, but for these."""
    found = list(waiting)
    connection.execute(
        statement("close_told_together"),
        {
            **span_of(hours),
            **meters_of(catalogue),
            "kinds": [key.kind for key in found],
            "hours": [key.parameters()["hour"] for key in found],
            "subjects": [key.subject for key in found],
            "now": now,
        },
    )


def close_contradictions(
    connection: psycopg.Connection, hours: HourRange, waiting: Iterable[tuple[Hour, str]], now: datetime
) -> None:
    """Closes the contradictions of a range, but for these tenant-hours."""
    found = list(waiting)
    connection.execute(
        statement("close_contradictions"),
        {
            **span_of(hours),
            "hours": [hour.start for hour, _ in found],
            "tenant_ids": [tenant_id for _, tenant_id in found],
            "now": now,
        },
    )


def open_exceptions(connection: psycopg.Connection, hours: HourRange) -> dict[Hour, dict[str, int]]:
    """Hour → kind → number of open exceptions; hours without any are left out."""
    counts: dict[Hour, dict[str, int]] = {}
    rows = connection.execute(statement("open_exceptions_per_hour"), span_of(hours)).fetchall()
    for start, kind, number in rows:
        counts.setdefault(Hour(start), {})[kind] = number
    return counts


def open_exception_kinds(connection: psycopg.Connection) -> dict[str, int]:
    """Kind → number of all open exceptions, the most frequent first."""
    return dict(connection.execute(statement("open_exception_kinds")).fetchall())


def open_of_kind(connection: psycopg.Connection, kind: str) -> dict[ExceptionKey, datetime]:
    """The open exceptions of a kind, and since when."""
    rows = connection.execute(statement("open_of_kind"), {"kind": kind}).fetchall()
    return {
        ExceptionKey(kind, tenant_id, Hour(start) if start else None, subject): opened_at
        for tenant_id, start, subject, opened_at in rows
    }


def close_begun_hours(connection: psycopg.Connection, present: Iterable[Hour], now: datetime) -> None:
    """Closes ``future_hour`` for every hour that has no files any more, or that has begun and is loaded."""
    starts = [hour.start for hour in present]
    connection.execute(statement("close_begun_hours"), {"present": starts, "now": now})


def close_expected_hours(connection: psycopg.Connection, unexpected: Iterable[Hour], now: datetime) -> None:
    """Closes ``unexpected_hour`` for every hour that is not, or no longer, among the unexpected ones."""
    starts = [hour.start for hour in unexpected]
    connection.execute(statement("close_expected_hours"), {"unexpected": starts, "now": now})


def keep_reason_codes(connection: psycopg.Connection) -> None:
    """Brings the tables of kinds and causes up to ``reason_codes``; call it in a transaction."""
    told: dict[str, dict[str, dict[str, Any]]] = {
        "keep_causes": {code: {"cause": code, **asdict(each)} for code, each in DIFFERENCE_CAUSES.items()},
        "keep_exception_kinds": {
            code: {"kind": code, "what_to_do": each.do, **asdict(each), "ends": list(each.ends)}
            for code, each in EXCEPTION_KINDS.items()
        },
        "keep_invoice_causes": {code: {"cause": code, **asdict(each)} for code, each in INVOICE_CAUSES.items()},
    }
    with connection.cursor() as cursor:
        for name, rows in told.items():
            numbered = enumerate(rows.values(), start=1)
            cursor.executemany(statement(name), [{**row, "position": position} for position, row in numbered])


@dataclass(frozen=True, slots=True)
class OpenException:
    """An open exception as it stands in the books; ``None`` where it is about no tenant, hour, figure or deadline.

    ``owed`` is usage minus what Stripe has, ``not_invoiced`` usage that no invoice bills, ``amount`` what that is, in
    minor units; ``deadline_at`` until when the usage can still be billed.
    """

    exception_id: int
    kind: str
    tenant_id: str | None
    hour: datetime | None
    subject: str
    detail: str
    owed: int | None
    not_invoiced: Decimal | None
    amount: int | None
    currency: str | None
    opened_at: datetime
    deadline_at: datetime | None


def list_exceptions(
    connection: psycopg.Connection, kind: str | None, tenant_id: str | None, hours: HourRange | None
) -> list[OpenException]:
    """Those of the kind, tenant and hours that are given, the nearest deadline first; some have neither of them."""
    span = span_of(hours) if hours else {"first": None, "last": None}
    with connection.cursor(row_factory=class_row(OpenException)) as cursor:
        return cursor.execute(statement("listed_exceptions"), {"kind": kind, "tenant_id": tenant_id, **span}).fetchall()
