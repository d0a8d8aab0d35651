"""Holds of drafts in the books: what was intended, what came of it, and what is left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.invoice_record import Reading
from fridge_pipeline.invoices.rules.hold_draft import HoldAct, Holding, HoldPlan, Intent


@dataclass(frozen=True, slots=True)
class HeldDraft:
    """What was last done about a draft, and its last outcome: ``None`` while nobody knows, and where nothing was."""

    invoice_id: str
    tenant_id: str | None
    act: str
    finalizes_at: datetime | None
    detail: str
    written_at: datetime
    outcome: str | None


def holding(connection: psycopg.Connection, longest: timedelta) -> Holding:
    """How these books hold drafts."""
    row = connection.execute(statement("hold_mark")).fetchone()
    if row is None:
        raise LookupError("the database does not say where the books are")
    return Holding(longest, row[0])


def intents_of(connection: psycopg.Connection, invoice_ids: Sequence[str]) -> tuple[dict[str, list[Intent]], set[str]]:
    """Invoice → its intents in their order; and the invoices that were left alone the last time."""
    intents: dict[str, list[Intent]] = defaultdict(list)
    left: dict[str, bool] = {}
    rows = connection.execute(statement("holds_of_invoices"), {"invoice_ids": list(invoice_ids)}).fetchall()
    for hold_id, invoice_id, act, attempt, mark, finalizes_at, outcome, failures in rows:
        left[invoice_id] = act == HoldAct.LEAVE
        if act != HoldAct.LEAVE:
            intents[invoice_id].append(Intent(hold_id, HoldAct(act), attempt, mark, finalizes_at, outcome, failures))
    return intents, {invoice_id for invoice_id, is_left in left.items() if is_left}


def add_intent(
    connection: psycopg.Connection, invoice_id: str, plan: HoldPlan, attempt: int, how: Holding, reading: Reading
) -> Intent | None:
    """What is about to be done; ``None`` when another run is about to do just that."""
    if plan.finalizes_at is None:
        raise ValueError(f"{plan.act} of {invoice_id} without a time: Stripe would not make it final by itself")
    row = connection.execute(
        statement("add_hold_intent"),
        {
            "invoice_id": invoice_id,
            "act": plan.act.value,
            "attempt": attempt,
            "marked_by": how.marked_by,
            "finalizes_at": plan.finalizes_at,
            "detail": plan.why,
            "now": reading.read_at,
            "run_id": reading.run_id,
        },
    ).fetchone()
    return None if row is None else Intent(row[0], plan.act, attempt, row[1], plan.finalizes_at, None, 0)


def add_answer(
    connection: psycopg.Connection, invoice_id: str, intent: Intent, outcome: str, detail: str, reading: Reading
) -> None:
    """What came of an intent."""
    connection.execute(
        statement("add_hold_answer"),
        {
            "invoice_id": invoice_id,
            "act": intent.act.value,
            "answers": intent.hold_id,
            "outcome": outcome,
            "detail": detail,
            "now": reading.read_at,
            "run_id": reading.run_id,
        },
    )


def add_left(connection: psycopg.Connection, invoice_id: str, why: str, reading: Reading) -> None:
    """That a draft is left alone."""
    connection.execute(
        statement("add_left_draft"),
        {"invoice_id": invoice_id, "detail": why, "now": reading.read_at, "run_id": reading.run_id},
    )


def held_drafts(connection: psycopg.Connection) -> list[HeldDraft]:
    """All drafts in the books of which something was done, or said."""
    with connection.cursor(row_factory=class_row(HeldDraft)) as cursor:
        return cursor.execute(statement("held_drafts")).fetchall()
