"""Close a month: two people sign what it comes to, and from then on nothing more is stated for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database, one_snapshot, refused_text
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.finance.month_record import refresh_month
from fridge_pipeline.finance.month_totals import (
    beside_sums,
    control_totals,
    in_the_way,
    of_month,
    refuse_unended,
    refuse_unexplained,
    refuse_unready,
    tie_out_to_hold,
)
from fridge_pipeline.finance.rules.in_the_way import UNEXPLAINED
from fridge_pipeline.finance.rules.outcomes import invoices_in_words
from fridge_pipeline.finance.rules.signoff import Action, ControlTotals, Signoff, accepted_in, changes


class MonthStateError(RuntimeError):
    """The month is not where this signature belongs: not prepared, not closed, or closed already."""


class SamePersonError(ValueError):
    """Whoever signed the first of two signatures asks to sign the second."""


class UnsignedError(ValueError):
    """A reopening without a reason."""


class TotalsChangedError(RuntimeError):
    """The control totals are not what was prepared."""


def newest_signoff(connection: psycopg.Connection, month: Month) -> Signoff | None:
    """What was signed last about a month; ``None`` while nothing was."""
    row = connection.execute(statement("newest_signoff"), {"month": month.first_day}).fetchone()
    return Signoff(Action(row[0]), *row[1:]) if row is not None else None


def sign_month(
    database: Database, connection: psycopg.Connection, month: Month, signoff: Signoff
) -> ControlTotals | None:
    """Puts a signature of whoever is signed in on record; the database refuses one that may not follow the last.

    Returns the control totals of a preparation: the database adds them up. It waits for whoever stages: hold no lock of
    staging on ``connection``. Raises ``MonthStateError`` with the database's own words, and ``NotEntitledError``.
    """
    with signing(database, connection, month, signoff) as (_, _, totals):
        return totals


@contextmanager
def signing(
    database: Database, connection: psycopg.Connection, month: Month, signoff: Signoff
) -> Iterator[tuple[psycopg.Connection, int, ControlTotals | None]]:
    """The same, on record when the block ends in peace; nothing is staged in between.

    Yields the connection that sees it, its number, and the totals.
    """
    totals = signoff.control_totals
    try:
        with database.acting(connection) as acting:
            row = acting.execute(
                statement("sign_month"),
                {
                    "month": month.first_day,
                    "action": signoff.action.value,
                    "signed_by": signoff.signed_by,
                    "reason": signoff.reason,
                    "control_totals": Jsonb(totals) if totals is not None else None,
                    "now": signoff.signed_at,
                },
            ).fetchone()
            yield acting, *(row or (0, None))
    except psycopg.errors.RestrictViolation as refused:
        raise MonthStateError(refused_text(refused)) from refused


def prepare_month(
    run: Run, month: Month, label: str, models: Path, close_after: timedelta, accepted: str = ""
) -> ControlTotals:
    """Writes what a month comes to, for another person to approve; may be done again until then.

    ``accepted`` is why days that Stripe was never read for may stay so; it is signed with how many they are. Usage is
    derived anew in SQL first, so that what was changed directly in the database shows. Raises ``MonthNotReadyError``
    with all that stands in the way, ``MonthStateError`` when it may not be signed now, and ``NotEntitledError``.
    """
    signed_by = _label(run.database, label)
    refresh_month(run.database, models, run.catalogue, month, run.clock)
    with run.database.connect() as connection:
        books = HeldViews.prepare(connection)
        with one_snapshot(connection):
            _refuse_closed(month, newest_signoff(connection, month))
            refuse_unended(month, run.clock(), close_after)
            if in_the_way(books, month, accepted, without=UNEXPLAINED):
                refuse_unready(books, month, accepted)  # with what only the tie-out knows
            beside = beside_sums(books, month, accepted)
        signoff = Signoff(Action.PREPARE, signed_by, run.clock(), beside)
        with signing(run.database, connection, month, signoff) as (acting, signoff_id, totals):
            refuse_unexplained(acting, month, signoff_id)
    return totals or {}


def prepared_month(database: Database, month: Month) -> Signoff:
    """What was prepared and waits for somebody's approval. Raises ``MonthStateError``."""
    with database.connect() as connection:
        return _prepared(connection, month)


def differences_of(database: Database, month: Month) -> list[dict[str, Any]]:
    """What differs in a month now: ``meter``, ``cause``, ``amount`` (stated minus counted) and ``tenant_hours``."""
    with database.connect() as connection:
        return of_month(HeldViews(connection), "differences_of_month", month)


def owed_on_invoices_of(database: Database, month: Month) -> dict[str, str]:
    """Meter → what is wrong on its invoices of a month now, in words."""
    with database.connect() as connection:
        return invoices_in_words(of_month(HeldViews(connection), "invoices_of_month", month))


def approve_month(
    database: Database,
    month: Month,
    label: str,
    clock: Callable[[], datetime],
    close_after: timedelta,
    seen: Signoff | None = None,
) -> Signoff:
    """Closes a prepared month; returns what was prepared. Nothing is staged while it is looked at.

    ``seen`` is the preparation that whoever signs was shown: no other one is approved.
    Raises ``MonthStateError``, ``SamePersonError``, ``MonthNotReadyError``, ``TotalsChangedError`` and
    ``NotEntitledError``.
    """
    signed_by = _label(database, label)
    with database.connect() as connection:
        prepared = _prepared(connection, month)
        if seen is not None and seen != prepared:
            raise TotalsChangedError(
                f"{month} was prepared anew by {prepared.signer} at {prepared.signed_at:%Y-%m-%d %H:%M} UTC, after it "
                "was shown: look at it again"
            )
        _refuse_same_person(database, month, prepared, "closing")
        accepted = accepted_in(prepared.control_totals or {})
        held = tie_out_to_hold(connection, month)
        try:
            with signing(database, connection, month, Signoff(Action.APPROVE, signed_by, clock())):
                refuse_unended(month, clock(), close_after)
                held.fill(month.start, month.end)
                refuse_unready(held, month, accepted)
                _refuse_changed(held, month, prepared)
        except MonthStateError:  # names what the database only counts
            refuse_unended(month, clock(), close_after)
            refuse_unready(HeldViews(connection), month, accepted)
            raise
    return prepared


def ask_to_reopen(database: Database, month: Month, label: str, reason: str, clock: Callable[[], datetime]) -> int:
    """Asks for a closed month to be reopened; it stays closed until another person does so.

    Returns how many statements wait for that. Raises ``MonthStateError`` when it is not closed, ``UnsignedError`` and
    ``NotEntitledError``.
    """
    signed_by = _label(database, label)
    if not reason.strip():
        raise UnsignedError(f"say why {month} is reopened: the reason stays on record")
    with database.connect() as connection:
        newest = newest_signoff(connection, month)
        if newest is None or not newest.closes:
            raise MonthStateError(f"{month} is not closed, so there is nothing to reopen")
        asked = Signoff(Action.ASK_TO_REOPEN, signed_by, clock(), reason=reason.strip())
        sign_month(database, connection, month, asked)
        return _waiting(connection, month)


def reopen_month(database: Database, month: Month, label: str, clock: Callable[[], datetime]) -> tuple[Signoff, int]:
    """Reopens a month as somebody else has asked, so that what changed in it is stated.

    Returns what was asked, and how many statements wait. Raises ``MonthStateError`` when nobody has asked,
    ``SamePersonError`` and ``NotEntitledError``.
    """
    signed_by = _label(database, label)
    with database.connect() as connection:
        asked = newest_signoff(connection, month)
        if asked is None or asked.action is not Action.ASK_TO_REOPEN:
            raise MonthStateError(
                f"nobody has asked to reopen {month}: first fridge reopen {month} --as LOGIN --reason TEXT"
            )
        _refuse_same_person(database, month, asked, "reopening")
        sign_month(database, connection, month, Signoff(Action.REOPEN, signed_by, clock(), reason=asked.reason))
        return asked, _waiting(connection, month)


def _waiting(connection: psycopg.Connection, month: Month) -> int:
    (waiting,) = of_month(HeldViews(connection), "waiting_in_month", month)
    return int(waiting["count"])


def _label(database: Database, given: str) -> str:
    """What stands beside the login: a name that was typed, which says nothing; the login where none was."""
    return " ".join(given.split()) or database.signs_in_as


def _prepared(connection: psycopg.Connection, month: Month) -> Signoff:
    prepared = newest_signoff(connection, month)
    _refuse_closed(month, prepared)
    if prepared is None or prepared.action is not Action.PREPARE:
        raise MonthStateError(f"{month} is not prepared; prepare it first: fridge close {month} --as LOGIN")
    return prepared


def _refuse_same_person(database: Database, month: Month, before: Signoff, what: str) -> None:
    """The database refuses it too; said before anything is locked."""
    if before.acted_by == database.signs_in_as:
        raise SamePersonError(
            f"{before.signer} signed the {before.action} of {month}; {what} a month takes two people, so somebody else "
            "does this"
        )


def _refuse_closed(month: Month, newest: Signoff | None) -> None:
    if newest is not None and newest.closes:
        raise MonthStateError(
            f"{month} is closed already; {newest.signer} signed its {newest.action} at "
            f"{newest.signed_at:%Y-%m-%d %H:%M} UTC. To close it anew, reopen it first: fridge reopen {month} "
            "--as LOGIN --reason TEXT"
        )


def _refuse_changed(held: HeldViews, month: Month, prepared: Signoff) -> None:
    """Raises ``TotalsChangedError`` with every figure that is no longer what was prepared."""
    before = prepared.control_totals or {}
    changed = changes(before, control_totals(held, month, accepted_in(before)))
    if changed:
        raise TotalsChangedError(
            f"{month} is no longer what {prepared.signer} prepared at {prepared.signed_at:%Y-%m-%d %H:%M} UTC: "
            f"{'; '.join(changed)}. Look at it and prepare it again: fridge close {month} --as LOGIN"
        )
