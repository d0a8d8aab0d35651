"""Settle: a person ends an exception by a decision that stays on record; what is settled is not stated any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.billing.decide import decide_statement, give_up_statement
from fridge_pipeline.billing.ledger import former_meters, lock_staging, staging_cases
from fridge_pipeline.billing.rules.staging import StagingCase, StagingVerdict, judge_staging
from fridge_pipeline.billing.rules.waiting import told_together
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.corrections.correction_record import Owed, owed_on_invoices
from fridge_pipeline.corrections.rules.settlement import (
    SettlementRefusedError,
    is_of_quantity,
    require_sign,
    require_sound,
)
from fridge_pipeline.database.connection import refused_text
from fridge_pipeline.database.queries import statement, value_of
from fridge_pipeline.database.run import Run
from fridge_pipeline.reason_codes import INVOICE_KINDS
from fridge_pipeline.reason_terms import How

#: What Stripe shows beyond what it was told: settled by what is given back of it, whatever usage is.
SHOWN_BY_STRIPE = frozenset({"unexplained", "not_stated_by_us"})

Planned = TypeVar("Planned")


@dataclass(frozen=True, slots=True)
class OpenException:
    """An exception as it stands; ``event_name`` is its meter where it is about one, else its subject."""

    exception_id: int
    kind: str
    tenant_id: str | None
    hour: datetime | None
    subject: str
    event_name: str
    owed: int | None
    closed_at: datetime | None

    @property
    def is_about_statement(self) -> bool:
        """Whether it names a meter event or a cancellation."""
        return self.event_name != self.subject


@dataclass(frozen=True, slots=True)
class Decision:
    """How exceptions are to end; ``document`` is what did it, or which of several statements Stripe does not count."""

    how: How
    reason: str
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision on record; ``quantity`` is ``None`` where nobody knows one. ``waits`` for a second person."""

    settlement_id: int
    exception_id: int
    kind: str
    tenant_id: str | None
    hour: datetime | None
    event_name: str | None
    how: How
    quantity: int | None
    waits: bool


#: What is to be settled, and how much of it.
Plan = tuple[OpenException, Owed]


def settle_exceptions(run: Run, exception_ids: Sequence[int], decision: Decision) -> list[Settlement]:
    """Ends open exceptions, all or none; of a quantity above what one person may settle, once a second approves it.

    Raises ``SettlementRefusedError`` with the exception and what to do instead, ``NotUnconfirmedError``, and
    ``NotEntitledError``.
    """
    ids = list(dict.fromkeys(exception_ids))

    def plan() -> list[Plan]:
        return [_plan(connection, run, each, decision) for each in ids]

    def record(acting: psycopg.Connection, plans: Sequence[Plan]) -> list[Settlement]:
        return [_record(acting, found, decision, owed) for found, owed in plans]

    def effect(plans: Sequence[Plan], done: Sequence[Settlement]) -> None:
        for (found, _), settlement in zip(plans, done, strict=True):
            if not settlement.waits:
                _end(connection, found, decision, run.clock())

    with run.database.connect() as connection:
        return _act(run, connection, plan, record, effect)


def approve_settlements(run: Run, settlement_ids: Sequence[int]) -> list[Settlement]:
    """Puts decisions of somebody else in force, all or none: what is owed must still be what was decided.

    Raises ``SettlementRefusedError``, also for whoever decided it, and ``NotEntitledError``.
    """
    ids = list(dict.fromkeys(settlement_ids))

    def plan() -> list[tuple[OpenException, Settlement]]:
        return [_decided(connection, run, each) for each in ids]

    def record(acting: psycopg.Connection, plans: Sequence[tuple[OpenException, Settlement]]) -> list[Settlement]:
        for _, settlement in plans:
            acting.execute(statement("approve_settlement"), {"settlement_id": settlement.settlement_id})
        return [settlement for _, settlement in plans]

    def effect(plans: Sequence[tuple[OpenException, Settlement]], _: Sequence[Settlement]) -> None:
        for found, _settlement in plans:
            parameters = {"exception_id": found.exception_id, "now": run.clock()}
            connection.execute(statement("end_exception"), parameters)

    with run.database.connect() as connection:
        return _act(run, connection, plan, record, effect)


def _act(
    run: Run,
    connection: psycopg.Connection,
    plan: Callable[[], list[Planned]],
    record: Callable[[psycopg.Connection, Sequence[Planned]], list[Settlement]],
    effect: Callable[[Sequence[Planned], Sequence[Settlement]], None],
) -> list[Settlement]:
    """Records what is planned as the act of whoever is signed in, and only then brings about what it comes to.

    Nothing is staged from before what is owed is read until that is on record: the record takes the lock of staging. A
    person with a login of its own writes on a connection of its own, so there it is read once more behind the lock.
    """
    try:
        with run.database.acting(connection) as acting:
            is_own = acting is not connection
            if not is_own:
                lock_staging(connection)
            plans = plan()
            done = record(acting, plans)
            if is_own and plan() != plans:
                raise SettlementRefusedError("what is owed has just changed: look again, then settle the new quantity")
            if not is_own:
                effect(plans, done)
    except psycopg.errors.RestrictViolation as refused:
        raise SettlementRefusedError(refused_text(refused)) from refused
    if is_own:
        with connection.transaction():
            effect(plans, done)
    return done


def _plan(connection: psycopg.Connection, run: Run, exception_id: int, decision: Decision) -> Plan:
    """The exception, and what is owed of whom where that is settled."""
    found = _open_exception(connection, exception_id)
    require_sound(exception_id, found.kind, decision.how, decision.document, decision.reason)
    if not is_of_quantity(found.kind, decision.how):
        return found, Owed()
    owed = _owed(connection, run, found)
    require_sign(exception_id, decision.how, owed.quantity)
    return found, owed


def _decided(connection: psycopg.Connection, run: Run, settlement_id: int) -> tuple[OpenException, Settlement]:
    """A decision that waits for its approval, and its exception."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("decided_settlement"), {"settlement_id": settlement_id}).fetchone()
    if row is None:
        raise SettlementRefusedError(
            f"there is no settlement {settlement_id}: fridge.settlement_decisions has them all"
        )
    shares, places, is_approved = row.pop("shares"), row.pop("places"), row.pop("is_approved")
    if is_approved:
        raise SettlementRefusedError(f"settlement {settlement_id} was approved before")
    found = _open_exception(connection, row["exception_id"])
    owed = _owed(connection, run, found)
    if owed.shares != (shares or {found.tenant_id: row["quantity"]}) or owed.places != (places or []):
        raise SettlementRefusedError(
            f"settlement {settlement_id} was decided for {row['quantity']}, and {owed.quantity} is owed now: "
            f"decide exception {found.exception_id} anew with fridge settle"
        )
    return found, Settlement(**{**row, "how": How(row["how"]), "waits": False})


def _end(connection: psycopg.Connection, found: OpenException, decision: Decision, now: datetime) -> None:
    if decision.how in {How.COUNTED, How.NOT_COUNTED}:
        _decide(connection, found, decision, now)
    connection.execute(statement("end_exception"), {"exception_id": found.exception_id, "now": now})


def _open_exception(connection: psycopg.Connection, exception_id: int) -> OpenException:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("exception_to_settle"), {"exception_id": exception_id}).fetchone()
    if row is None:
        raise SettlementRefusedError(f"there is no exception {exception_id}: fridge.exceptions has them all")
    found = OpenException(**row)
    if found.closed_at is not None:
        raise SettlementRefusedError(
            f"exception {exception_id} is over since {found.closed_at:%Y-%m-%d %H:%M} UTC: nothing of it is left to "
            "settle. What is owed still is another exception: fridge.exceptions_open."
        )
    return found


def _owed(connection: psycopg.Connection, run: Run, found: OpenException) -> Owed:
    """What is owed now: of usage, what Stripe does not have and is not settled. Raises ``SettlementRefusedError``."""
    if found.hour is None:
        raise SettlementRefusedError(f"exception {found.exception_id} is about no hour, so about no quantity")
    if found.kind in INVOICE_KINDS:
        return owed_on_invoices(connection, found.exception_id, found.kind, found.tenant_id, found.hour)
    if found.kind in SHOWN_BY_STRIPE:
        return _excess(connection, found)
    is_gone = found.event_name not in {meter.event_name for meter in run.catalogue}
    if is_gone and found.tenant_id and found.owed:
        return Owed({found.tenant_id: found.owed})  # no run brings its figure up to date
    catalogue = former_meters(connection, run.catalogue) if is_gone else run.catalogue
    hour, now = Hour(found.hour), run.clock()
    cases = staging_cases(connection, HourRange(hour, hour), catalogue)
    cases = [replace(case, is_billed=case.is_billed or is_gone) for case in cases]
    judged = [(case, judge_staging(case, now)) for case in cases]
    together = told_together(judged)
    if found.tenant_id is None:
        named = [key for key in together if key[1] == found.event_name and (key[2].value == found.kind or is_gone)]
        cases = together[named[0]] if named else []
    else:
        in_a_list = {case for group in together.values() for case in group}
        cases = [case for case, verdict in judged if _is_about(found, case, verdict) and case not in in_a_list]
    owed: dict[str | None, int] = {case.tenant_id: case.change for case in cases}
    if not owed or (found.owed not in {None, sum(owed.values())} and not is_gone):
        raise SettlementRefusedError(
            f"exception {found.exception_id} ({found.kind}) no longer says what is owed; bring it up to date with "
            f"fridge bill --from {hour} --to {hour}, then settle what is open then"
        )
    return Owed(owed)


def _excess(connection: psycopg.Connection, found: OpenException) -> Owed:
    """What Stripe shows too much, as what is owed: below 0. Raises ``SettlementRefusedError``."""
    if found.is_about_statement or found.tenant_id is None:
        raise SettlementRefusedError(
            f"exception {found.exception_id} is of an unconfirmed statement: it is {How.COUNTED} or {How.NOT_COUNTED}"
        )
    place = {"tenant_id": found.tenant_id, "event_name": found.event_name, "hour": found.hour}
    excess = value_of(connection, "excess_in_stripe", place) or 0
    if excess <= 0 or excess != int(excess):
        raise SettlementRefusedError(
            f"exception {found.exception_id}: when Stripe was last read it showed {excess:+} beyond what was stated, "
            f"which is nothing to be credited; statements that it does not count are {How.NOT_COUNTED}"
        )
    return Owed({found.tenant_id: -int(excess)})


def _is_about(found: OpenException, case: StagingCase, verdict: StagingVerdict) -> bool:
    says = "credit_due" if verdict is StagingVerdict.CREDIT else verdict.value
    return (case.tenant_id, case.meter.event_name, says) == (found.tenant_id, found.event_name, found.kind)


def _record(connection: psycopg.Connection, found: OpenException, decision: Decision, owed: Owed) -> Settlement:
    """Writes the decision; the database says whether it takes a second person."""
    is_of_meter = bool(owed.shares) or decision.how in {How.COUNTED, How.NOT_COUNTED, How.STATE_AGAIN}
    parameters = {
        "exception_id": found.exception_id,
        "event_name": (owed.event_name or found.event_name) if is_of_meter else None,
        "how": decision.how.value,
        "quantity": owed.quantity if owed.shares else None,
        "shares": Jsonb(owed.shares) if owed.shares and found.tenant_id is None and not owed.places else None,
        "places": Jsonb(owed.places) if owed.places else None,
        "document": (decision.document or "").strip() or None,
        "reason": decision.reason.strip(),
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("record_settlement"), parameters).fetchone()
    if row is None:
        raise LookupError(f"the settlement of exception {found.exception_id} was not written")
    return Settlement(**{**row, "how": decision.how})


def _decide(connection: psycopg.Connection, found: OpenException, decision: Decision, now: datetime) -> None:
    """Writes into the ledger what is known about an unconfirmed statement."""
    is_counted = decision.how is How.COUNTED
    if found.is_about_statement:
        answer = f"decided by hand: {decision.how}: {decision.reason.strip()}"
        decide_statement(connection, found.subject, answer, now, is_counted=is_counted)
        return
    if is_counted or found.tenant_id is None or found.hour is None:
        raise SettlementRefusedError(
            f"exception {found.exception_id} is about what Stripe shows and not about an unconfirmed statement: it "
            "ends when Stripe shows what was stated (docs/runbook.md#unexplained)"
        )
    give_up_statement(connection, found.tenant_id, Hour(found.hour), found.event_name, decision.document, now)
