"""What the books say for the stamp of a report or pack: where usage went, and who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.stamp import Stamp, StripeUse


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a pack or report, when, with which program and parameters; none of it may be a secret."""

    name: str
    run_id: str
    made_at: datetime
    program: Mapping[str, str]
    parameters: Mapping[str, Any]


def stripe_of_month(connection: psycopg.Connection, month: Month) -> tuple[StripeUse, ...]:
    """Where the statements of a month's hours were sent, in order; nothing when none was."""
    with connection.cursor(row_factory=class_row(StripeUse)) as cursor:
        span = {"start": month.start, "end": month.end}
        return tuple(cursor.execute(statement("stripe_of_month"), span).fetchall())


def signed_in(connection: psycopg.Connection) -> dict[str, Any]:
    """The database's login of this session, and user and machine as the session was told."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("signed_in")).fetchone() or {}


def read_stamp(connection: psycopg.Connection, books: MonthBooks, maker: Maker) -> Stamp:
    """The stamp of a report of these books."""
    return Stamp(
        month=books.month,
        stripe=stripe_of_month(connection, books.month),
        parameters={name: value for name, value in maker.parameters.items() if name != "catalogue"},
        rows=books.rows,
        program=maker.program,
        made_by=maker.name,
        books_at=maker.made_at,
        **signed_in(connection),
    )
