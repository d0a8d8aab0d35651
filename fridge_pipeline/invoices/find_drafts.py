"""Find drafts: which there are in Stripe, and whether they are those that were read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoices.invoice_record import days_with_drafts
from fridge_pipeline.invoices.read_invoices import READS_USED_UP
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import drafts
from fridge_pipeline.stripe.rules.invoice import Draft
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH


@dataclass(frozen=True, slots=True)
class DraftsFound:
    """The drafts that there are, by id, the days of creation to be read for them, and why there is no answer, if so.

    ``digest`` is another one whenever the drafts that differ are others.
    """

    drafts: Mapping[str, Draft] = field(default_factory=dict)
    changed: frozenset[date] = frozenset()
    digest: str = ""
    not_read: str | None = None


def find_drafts(run: Run, open_gateway: Callable[[], StripeGateway], reads_max: int = READS_MAX) -> DraftsFound:
    """Lists all drafts of the account. Raises ``WrongBooksError`` and what ``open_gateway`` raises."""
    with run.database.connect() as connection:
        now = run.clock()
        if not books_are_claimed(connection):
            return DraftsFound(not_read=NEVER_STATED)
        if reads_since(connection, now - READS_MONTH) >= reads_max:
            return DraftsFound(not_read=READS_USED_UP)
        try:
            found = drafts(
                stripe_of_books(connection, open_gateway), lambda: count_reads(connection, 1, ReadPurpose.INVOICES, now)
            )
        except StripeCallError as error:
            return DraftsFound(not_read=str(error))
        known = {each: day for day, several in days_with_drafts(connection).items() for each in several}
    new = {f"new:{each}": found[each].created_at.astimezone(UTC).date() for each in found.keys() - known.keys()}
    gone = {f"gone:{each}": known[each] for each in known.keys() - found.keys()}
    changed = new | gone
    digest = hashlib.sha256("\n".join(sorted(changed)).encode()).hexdigest()[:16]
    return DraftsFound(found, frozenset(changed.values()), digest)
