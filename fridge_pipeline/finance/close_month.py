"""Close a month: two people sign what it comes to, and from then on nothing more is stated for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.billing.ledger import lock_staging
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.finance.month_record import refresh_month
from fridge_pipeline.finance.rules.signoff import Action, ControlTotals, Signoff, changes, is_same_person

#: So many of what stands in the way are named; the rest is a number.
SHOWN_MAX = 3

#: What stands in the way of closing a month: the statement that finds it, each with how many there are in its last
#: column; how one is named, what it is, and what to do.
IN_THE_WAY = (
    (
        "under_way_of_month",
        "{identifier} ({status})",
        "statements are under way",
        "wait for the next hourly_billing, or run fridge bill",
    ),
    (
        "open_unexplained_of_month",
        "{tenant_id} {hour:%Y-%m-%d-%H:%M} {subject}",
        "exceptions of the kind unexplained are open",
        "see docs/runbook.md, unexplained",
    ),
    (
        "unexplained_of_month",
        "{tenant_id} {meter} {hour:%Y-%m-%d-%H:%M}: {amount} ({cause})",
        "differences of the tie-out are unexplained",
        "see fridge.tie_out_differences",
    ),
    (
        "outdated_sums_of_month",
        "{tenant_id} {event_name} {hour:%Y-%m-%d-%H:%M}",
        "hours changed in the ledger after Stripe was read for them",
        "read it again, about {reads} reads: materialize stripe_reconciliation for {first_day} to {last_day}",
    ),
    (
        "unexplained_invoices_of_month",
        "{invoice_id} {tenant_id} {event_name}: {difference} ({cause})",
        "invoiced quantities are not the usage of their periods",
        "see fridge invoices --month {month}, and docs/runbook.md",
    ),
)


class TieOutMissingError(LookupError):
    """The SQL models were never built, so nobody can say whether the month ties out."""


class MonthNotReadyError(RuntimeError):
    """Something stands in the way of signing a month; the text names it and what to do."""


class MonthStateError(RuntimeError):
    """The month is not where this signature belongs: not prepared, not closed, or closed already."""


class SamePersonError(ValueError):
    """Whoever prepared a month asks to approve it."""


class UnsignedError(ValueError):
    """A signature without a name, or a reopening without a reason."""


class TotalsChangedError(RuntimeError):
    """The control totals are not what was prepared."""


def newest_signoff(connection: psycopg.Connection, month: Month) -> Signoff | None:
    """What was signed last about a month; ``None`` while nothing was."""
    row = connection.execute(statement("newest_signoff"), {"month": month.first_day}).fetchone()
    return Signoff(Action(row[0]), *row[1:]) if row is not None else None


def sign_month(connection: psycopg.Connection, month: Month, signoff: Signoff) -> None:
    """Puts a signature on record; the database refuses one that may not follow the last."""
    totals = signoff.control_totals
    connection.execute(
        statement("sign_month"),
        {
            "month": month.first_day,
            "action": signoff.action.value,
            "signed_by": signoff.signed_by,
            "reason": signoff.reason,
            "control_totals": Jsonb(totals) if totals is not None else None,
            "now": signoff.signed_at,
        },
    )


def prepare_month(run: Run, month: Month, prepared_by: str, models: Path, close_after: timedelta) -> ControlTotals:
    """Writes what a month comes to, for another person to approve; may be done again until then.

    Usage is derived anew in SQL first, so that what was changed behind the program's back stands in the way.
    Raises ``MonthNotReadyError`` with everything that stands in the way, ``MonthStateError`` when it is closed.
    """
    name = _name(prepared_by)
    refresh_month(run.database, models, run.catalogue, month, run.clock)
    with run.database.connect() as connection, connection.transaction():
        _refuse_closed(month, newest_signoff(connection, month))
        _refuse_unready(connection, month, run.clock(), close_after)
        totals = _control_totals(connection, month)
        sign_month(connection, month, Signoff(Action.PREPARE, name, run.clock(), totals))
    return totals


def approve_month(
    database: Database, month: Month, approved_by: str, clock: Callable[[], datetime], close_after: timedelta
) -> Signoff:
    """Closes a prepared month; returns what was prepared. Nothing is staged while it is looked at.

    Raises ``MonthStateError``, ``SamePersonError``, ``MonthNotReadyError`` and ``TotalsChangedError``.
    """
    name = _name(approved_by)
    with database.connect() as connection, connection.transaction():
        lock_staging(connection)
        prepared = newest_signoff(connection, month)
        _refuse_closed(month, prepared)
        if prepared is None or prepared.action is not Action.PREPARE:
            raise MonthStateError(f"{month} is not prepared; prepare it first: fridge close {month} --prepared-by NAME")
        if is_same_person(name, prepared.signed_by):
            raise SamePersonError(
                f"{prepared.signed_by} prepared {month}; closing a month takes two people, so somebody else approves it"
            )
        _refuse_unready(connection, month, clock(), close_after)
        changed = changes(prepared.control_totals or {}, _control_totals(connection, month))
        if changed:
            raise TotalsChangedError(
                f"{month} is no longer what {prepared.signed_by} prepared at {prepared.signed_at:%Y-%m-%d %H:%M} UTC: "
                f"{'; '.join(changed)}. Look at it and prepare it again: fridge close {month} --prepared-by NAME"
            )
        sign_month(connection, month, Signoff(Action.APPROVE, name, clock()))
    return prepared


def reopen_month(database: Database, month: Month, reopened_by: str, reason: str, clock: Callable[[], datetime]) -> int:
    """Reopens a closed month, so that what changed in it is stated; returns how many statements wait for that.

    Raises ``MonthStateError`` when it is not closed, and ``UnsignedError``.
    """
    name = _name(reopened_by)
    if not reason.strip():
        raise UnsignedError(f"say why {month} is reopened: the reason stays on record")
    with database.connect() as connection, connection.transaction():
        lock_staging(connection)
        newest = newest_signoff(connection, month)
        if newest is None or newest.action is not Action.APPROVE:
            raise MonthStateError(f"{month} is not closed, so there is nothing to reopen")
        sign_month(connection, month, Signoff(Action.REOPEN, name, clock(), reason=reason.strip()))
        (waiting,) = _of_month(connection, "waiting_in_month", month)
        return int(waiting["count"])


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not name:
        raise UnsignedError("a signature needs a name, and it is empty")
    return name


def _refuse_closed(month: Month, newest: Signoff | None) -> None:
    if newest is not None and newest.action is Action.APPROVE:
        raise MonthStateError(
            f"{month} is closed already, by {newest.signed_by} at {newest.signed_at:%Y-%m-%d %H:%M} UTC. "
            f"To close it anew, reopen it first: fridge reopen {month} --by NAME --reason TEXT"
        )


def _refuse_unready(connection: psycopg.Connection, month: Month, now: datetime, close_after: timedelta) -> None:
    """Raises ``MonthNotReadyError`` with everything that stands in the way."""
    if not month.hours.last.closed_at(now, close_after):
        raise MonthNotReadyError(
            f"{month} has not ended: its last hour closes at {month.end + close_after:%Y-%m-%d %H:%M} UTC"
        )
    reasons = []
    for name, named_as, what, what_to_do in IN_THE_WAY:
        rows = _of_month(connection, name, month)
        if rows:
            *_, number = rows[0].values()
            named = [named_as.format(**row) for row in rows] + (["…"] if number > len(rows) else [])
            reasons.append(f"{number} {what} ({', '.join(named)}): {what_to_do.format(**rows[0])}")
    if reasons:
        raise MonthNotReadyError(f"{month} cannot be closed yet: {'; '.join(reasons)}")


def _control_totals(connection: psycopg.Connection, month: Month) -> ControlTotals:
    """What a month comes to now, per meter and of its landing files. Raises ``TieOutMissingError``."""
    (row,) = _of_month(connection, "control_totals", month)
    return dict(row["control_totals"])


def _of_month(connection: psycopg.Connection, name: str, month: Month) -> list[dict[str, Any]]:
    parameters = {"month_start": month.start, "month_end": month.end, "shown": SHOWN_MAX}
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement(name), parameters).fetchall()
    except psycopg.errors.UndefinedTable as error:
        raise TieOutMissingError(
            f"whether {month} ties out is not known: the SQL models are not built yet ({error.diag.message_primary}). "
            "Any fridge bill builds them; then try again."
        ) from error
