"""Propose: a document for whatever missed its invoice, or was invoiced too much; nothing is written to Stripe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.corrections.correction_record import (
    CorrectionRecord,
    add_proposal,
    corrections_known,
    differences,
)
from fridge_pipeline.corrections.rules.proposal import Difference, NotProposedError, Proposed, propose
from fridge_pipeline.database.connection import NotEntitledError, refused_text
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.invoice_record import days_read
from fridge_pipeline.invoices.rules.corrected import Corrected


class CorrectionRefusedError(ValueError):
    """A correction cannot be proposed, approved or written so; the text says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class ProposalReport:
    """What is to be corrected of a month: proposals that wait, those that are written, and what nobody proposes.

    Where invoices were never read, ``read_at`` is None and nothing is known.
    """

    corrections: list[CorrectionRecord]
    not_proposed: list[tuple[Difference, str]]
    read_at: datetime | None = None


def propose_corrections(run: Run, month: Month) -> ProposalReport:
    """Compares anew and proposes a document for each period of a month whose invoice is not its usage.

    A proposal that says the same as before is not made again. Raises ``CorrectionRefusedError`` and
    ``NotEntitledError``.
    """
    compare_invoices(run)
    with run.database.connect() as connection:
        read_at = max(days_read(connection, run.clock().astimezone(UTC).date()).values(), default=None)
        found = differences(connection, month.start, month.end)
        customer_ids = sorted({each.customer_id for each, _ in found})
        known = corrections_known(connection, customer_ids)
        under_way = [each for each in known if each.state == "approved"]
        wanted, not_proposed = documents_for(found, under_way)
        before = newest(known)
        missing = [each for each in wanted if not _stands(before.get(place_of(each)), each)]
        if missing:
            _add(run, connection, missing)
            known = corrections_known(connection, customer_ids)
        places = {place_of(each) for each in wanted}
    shown = [
        each
        for place, each in newest(known).items()
        if each.what.period_end > month.start
        and each.what.period_start < month.end
        and (each.state != "proposed" or place in places)
    ]
    return ProposalReport(sorted(shown, key=lambda each: each.proposal_id), not_proposed, read_at)


def documents_for(
    found: Iterable[tuple[Difference, Corrected]], under_way: Sequence[CorrectionRecord] = ()
) -> tuple[list[Proposed], list[tuple[Difference, str]]]:
    """A document for each difference that a person must correct; and of which there is none, with the reason.

    There is none while another one of the same usage is ``under_way``, and may be in Stripe already.
    """
    wanted: list[Proposed] = []
    not_proposed: list[tuple[Difference, str]] = []
    for difference, done in found:
        if done.leaves(difference.unsettled, difference.cause, difference.owed):
            try:
                what = propose(difference, done)
                _require_none_under_way(what, under_way)
                wanted.append(what)
            except NotProposedError as error:
                not_proposed.append((difference, str(error)))
    return wanted, not_proposed


def _require_none_under_way(what: Proposed, under_way: Iterable[CorrectionRecord]) -> None:
    for each in under_way:
        if each.what.place.overlaps(what.place) and place_of(each.what) != place_of(what):
            raise NotProposedError(
                f"correction {each.proposal_id} of the same usage is approved and not in Stripe yet: finish it first, "
                f"fridge correct --approve {each.proposal_id}"
            )


#: Whose usage of which time on which invoice a proposal is about.
PlaceKey = tuple[object, ...]


def place_of(what: Proposed | Difference) -> PlaceKey:
    """What a newer proposal takes the place of."""
    return (what.customer_id, what.event_name, what.invoice_id, what.period_start)


def newest(found: Sequence[CorrectionRecord]) -> dict[PlaceKey, CorrectionRecord]:
    """The newest proposal of each place."""
    return {place_of(each.what): each for each in found}


def _stands(before: CorrectionRecord | None, now: Proposed) -> bool:
    """Whether nothing new is to be proposed: it is there already, or one is on its way to Stripe."""
    if before is None:
        return False
    return before.state == "approved" or (before.state == "proposed" and before.what == now)


def _add(run: Run, connection: psycopg.Connection, wanted: Sequence[Proposed]) -> None:
    with as_act(run, connection) as acting:
        for each in wanted:
            add_proposal(acting, each)


@contextmanager
def as_act(run: Run, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A transaction of the person who is signed in. Raises ``CorrectionRefusedError`` and ``NotEntitledError``."""
    try:
        with run.database.acting(connection) as acting:
            yield acting
    except psycopg.errors.RestrictViolation as refused:
        raise CorrectionRefusedError(refused_text(refused)) from refused
    except NotEntitledError as error:
        raise NotEntitledError(
            f"{error}. A correction takes the logins of two people: a preparer, operator or approver proposes, another "
            "operator or approver approves; name yourself with --as LOGIN"
        ) from error
