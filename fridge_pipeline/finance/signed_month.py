"""What of a month is signed: which preparation stands, and how its figures are read in place of today's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.queries import statement, statements

#: Before every record of the books, and after: as PostgreSQL writes them.
ALWAYS_BEFORE, ALWAYS_AFTER = "-infinity", "infinity"


@dataclass(frozen=True, slots=True)
class SignedMonth:
    """The preparation whose figures stand, and whether it is approved: the month is closed.

    ``has_hours`` is false of a month that was signed before figures were kept by the hour. Records of the pipeline are
    signed up to ``prepared_at``; acts of people, which have the clock of the database, up to ``acted_at``.
    """

    signoff_id: int
    is_closed: bool
    has_hours: bool
    prepared_at: datetime
    acted_at: datetime

    @property
    def stands(self) -> bool:
        """Whether pages and packs show the signed figures: two people have signed them, and they were kept."""
        return self.is_closed and self.has_hours


def signed_month(connection: psycopg.Connection, month: Month) -> SignedMonth | None:
    """What is signed of a month now; ``None`` while it is open."""
    with connection.cursor(row_factory=class_row(SignedMonth)) as cursor:
        return cursor.execute(statement("signed_month"), {"month": month.first_day}).fetchone()


def signed_select(table: str, signed: SignedMonth | None) -> str | None:
    """The select of the signed figures of a table or mart of a closed month; ``None`` where today's are shown."""
    name = f"signed_{table}"
    return statement(name) if signed is not None and signed.stands and name in statements() else None


def span_of_month(month: Month, signed: SignedMonth | None = None, *, later: bool = False) -> dict[str, Any]:
    """The parameters of the selects of a month: its hours and days, the preparation, and which records to take.

    Of a closed month those up to the signature, with ``later`` those after it; of any other month all.
    """
    stands = signed is not None and signed.stands
    signed_at = signed.prepared_at if signed is not None and stands else ALWAYS_AFTER
    acted_at = signed.acted_at if signed is not None and stands else ALWAYS_AFTER
    return {
        "start": month.start,
        "end": month.end,
        "first_day": month.first_day,
        "next_day": month.after.first_day,
        "signoff_id": signed.signoff_id if signed is not None else None,
        "after": signed_at if later else ALWAYS_BEFORE,
        "until": ALWAYS_AFTER if later else signed_at,
        "acted_after": acted_at if later else ALWAYS_BEFORE,
        "acted_until": ALWAYS_AFTER if later else acted_at,
    }
