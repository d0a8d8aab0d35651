"""What a month comes to, and what stands in the way of signing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.in_the_way import IN_THE_WAY, UNEXPLAINED, UNREAD
from fridge_pipeline.finance.rules.outcomes import outcomes_by_meter
from fridge_pipeline.finance.rules.signoff import ControlTotals

#: So many of what stands in the way are named; the rest is a number.
SHOWN_MAX = 3


class TieOutMissingError(LookupError):
    """The SQL models were never built, so nobody can say whether the month ties out."""


class MonthNotReadyError(RuntimeError):
    """Something stands in the way of signing a month; the text names it and what to do."""


def refuse_unended(month: Month, now: datetime, close_after: timedelta) -> None:
    """Raises ``MonthNotReadyError`` while its last hour may still change by itself."""
    if not month.hours.last.closed_at(now, close_after):
        raise MonthNotReadyError(
            f"{month} has not ended: its last hour closes at {month.end + close_after:%Y-%m-%d %H:%M} UTC"
        )


def refuse_unready(held: HeldViews, month: Month, accepted: str) -> None:
    """Raises ``MonthNotReadyError`` with everything that stands in the way."""
    if reasons := in_the_way(held, month, accepted):
        raise MonthNotReadyError(f"{month} cannot be closed yet: {'; '.join(reasons)}")


def refuse_unexplained(acting: psycopg.Connection, month: Month, signoff_id: int) -> None:
    """The same of the hours that a preparation signs."""
    with acting.cursor(row_factory=dict_row) as cursor:
        asked = {"signoff_id": signoff_id, "shown": SHOWN_MAX}
        rows = cursor.execute(statement("unexplained_when_signed"), asked).fetchall()
    if rows:
        (reason,) = (_told(month, rows, *words) for name, *words in IN_THE_WAY if name == UNEXPLAINED)
        raise MonthNotReadyError(f"{month} cannot be closed yet: {reason}")


def in_the_way(held: HeldViews, month: Month, accepted: str, without: str = "") -> list[str]:
    """What stands in the way, and what to do; of all but one kind where it says ``without``."""
    left_out = {without, UNREAD if accepted else ""}
    asked = [(of_month(held, name, month), words) for name, *words in IN_THE_WAY if name not in left_out]
    return [_told(month, rows, *words) for rows, words in asked if rows]


def _told(month: Month, rows: list[dict[str, Any]], named_as: str, what: str, what_to_do: str) -> str:
    *_, number = rows[0].values()
    named = [named_as.format(**row) for row in rows] + (["…"] if number > len(rows) else [])
    return f"{number} {what} ({', '.join(named)}): {what_to_do.format_map({**rows[0], 'month': month})}"


def control_totals(held: HeldViews, month: Month, accepted: str) -> ControlTotals:
    """What a month comes to now, and what of it is accepted as never read. Raises ``TieOutMissingError``."""
    (row,) = of_month(held, "control_totals", month)
    totals, beside = dict(row["control_totals"]), beside_sums(held, month, accepted)
    meters = {meter: figures | beside["meters"].get(meter, {}) for meter, figures in totals["meters"].items()}
    return beside | totals | {"meters": meters}


def beside_sums(held: HeldViews, month: Month, accepted: str) -> dict[str, Any]:
    """What control totals have beside the sums: what has become of the usage, and what is accepted as never read."""
    outcomes = outcomes_by_meter(of_month(held, "outcome_of_month", month))
    beside: dict[str, Any] = {"meters": {meter: {"outcome": outcome} for meter, outcome in outcomes.items()}}
    if accepted and (unread := of_month(held, UNREAD, month)):
        days = {name: unread[0][name] for name in ("stated_days", "customer_days")}
        beside["not_compared"] = days | {"accepted": accepted}
    return beside


def of_month(held: HeldViews, name: str, month: Month) -> list[dict[str, Any]]:
    """The rows that a statement of that name finds. Raises ``TieOutMissingError``."""
    parameters = {"month_start": month.start, "month_end": month.end, "shown": SHOWN_MAX}
    with _built(month), held.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.SQL(held.instead(statement(name))), parameters).fetchall()


def tie_out_to_hold(connection: psycopg.Connection, month: Month) -> HeldViews:
    """Several figures of a month are made of its tie-out, which takes longer than all else."""
    with _built(month):
        return HeldViews.prepare(connection, "tie_out")


@contextmanager
def _built(month: Month) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise TieOutMissingError(
            f"whether {month} ties out is not known: the SQL models are not built yet ({error.diag.message_primary}). "
            "Any fridge bill builds them; then try again."
        ) from error
