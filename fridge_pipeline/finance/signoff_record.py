"""Sign-offs of months, and what stands in the way of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.month import Month
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.signoff import Action, ControlTotals, Signoff

#: So many of what stands in the way are named; the rest is a number.
SHOWN_MAX = 3


class TieOutMissingError(LookupError):
    """The SQL models were never built, so nobody can say whether the month ties out."""


def newest_signoff(connection: psycopg.Connection, month: Month) -> Signoff | None:
    """What was signed last about a month; ``None`` while nothing was."""
    row = connection.execute(statement("newest_signoff"), {"month": month.first_day}).fetchone()
    return Signoff(Action(row[0]), row[1], row[2], row[3]) if row is not None else None


def sign_month(
    connection: psycopg.Connection,
    month: Month,
    action: Action,
    signed_by: str,
    now: datetime,
    reason: str | None = None,
    control_totals: ControlTotals | None = None,
) -> None:
    """Puts a signature on record; the database refuses one that may not follow the last."""
    connection.execute(
        statement("sign_month"),
        {
            "month": month.first_day,
            "action": action.value,
            "signed_by": signed_by,
            "reason": reason,
            "control_totals": Jsonb(control_totals) if control_totals is not None else None,
            "now": now,
        },
    )


def control_totals(connection: psycopg.Connection, month: Month) -> ControlTotals:
    """What a month comes to now, per meter and of its landing files. Raises ``TieOutMissingError``."""
    ((totals,),) = _of_month(connection, "control_totals", month)
    return dict(totals)


def unexplained_differences(connection: psycopg.Connection, month: Month) -> tuple[int, list[str]]:
    """How many differences of the tie-out nobody has explained, and the first few. Raises ``TieOutMissingError``."""
    rows = _of_month(connection, "unexplained_of_month", month)
    return _counted(
        rows,
        [f"{tenant} {meter} {_hour(hour)}: {amount} ({cause})" for tenant, meter, hour, cause, amount, _ in rows],
    )


def statements_under_way(connection: psycopg.Connection, month: Month) -> tuple[int, list[str]]:
    """How many statements and cancellations of a month are not decided, and the first few."""
    rows = _of_month(connection, "under_way_of_month", month)
    return _counted(rows, [f"{identifier} ({status})" for identifier, status, _ in rows])


def open_unexplained(connection: psycopg.Connection, month: Month) -> tuple[int, list[str]]:
    """How many exceptions of the kind unexplained are open in a month, and the first few."""
    rows = _of_month(connection, "open_unexplained_of_month", month)
    return _counted(rows, [f"{tenant} {_hour(hour)} {subject}" for tenant, hour, subject, _ in rows])


def waiting_in_month(connection: psycopg.Connection, month: Month) -> int:
    """How many changes of a month stand in the exceptions because it is closed."""
    ((number,),) = _of_month(connection, "waiting_in_month", month)
    return int(number)


def _of_month(connection: psycopg.Connection, name: str, month: Month) -> list[tuple[Any, ...]]:
    parameters = {"month_start": month.start, "month_end": month.end, "shown": SHOWN_MAX}
    try:
        return connection.execute(statement(name), parameters).fetchall()
    except psycopg.errors.UndefinedTable as error:
        raise TieOutMissingError(
            f"whether {month} ties out is not known: the SQL models are not built yet ({error.diag.message_primary}). "
            "Any fridge bill builds them; then try again."
        ) from error


def _counted(rows: Sequence[tuple[Any, ...]], named: list[str]) -> tuple[int, list[str]]:
    """Each row ends with how many there are in all."""
    return (int(rows[0][-1]) if rows else 0), named


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d-%H:%M}"
