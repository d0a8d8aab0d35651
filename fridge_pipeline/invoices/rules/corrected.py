"""Corrections that Stripe has: which comparison each belongs to, and what is left to correct beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.invoices.rules.billing_periods import NOTHING, Span


@dataclass(frozen=True, slots=True)
class Place:
    """What a comparison is of; without an invoice, usage that none carries."""

    customer_id: str
    event_name: str
    invoice_id: str | None
    span: Span

    @property
    def account(self) -> tuple[str, str]:
        """The customer and the meter."""
        return self.customer_id, self.event_name

    def is_same(self, other: Place) -> bool:
        """Whether it is of the same; a time that is on no invoice may end later than it did."""
        ours = (self.account, self.invoice_id, self.span.start)
        return ours == (other.account, other.invoice_id, other.span.start)

    def overlaps(self, other: Place) -> bool:
        """Whether it is of the same customer and meter, and of some of the same time."""
        return self.account == other.account and self.span.start < other.span.end and other.span.start < self.span.end


@dataclass(frozen=True, slots=True)
class Correction:
    """What makes good for ``quantity`` and ``amount``: a document in Stripe, or a settlement by hand.

    Both are below 0 when it gives back; there is no amount where no price said what was settled. ``stranded`` says why
    no invoice takes the document by itself, if so.
    """

    place: Place
    quantity: Decimal
    amount: int | None
    currency: str | None
    document: str
    stranded: str | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """The corrections of one comparison. Not ``is_sure``: one was of a period or an invoice that is another now."""

    corrections: tuple[Correction, ...] = ()
    is_sure: bool = True

    @property
    def quantity(self) -> Decimal:
        """What they come to."""
        return sum((each.quantity for each in self.corrections), NOTHING)

    @property
    def amount(self) -> int:
        """What they come to, in minor units."""
        return sum(each.amount or 0 for each in self.corrections)

    def rest(self, difference: Decimal) -> Decimal:
        """What is left of a comparison's difference: below 0 too little is billed, above 0 too much."""
        return difference + self.quantity

    def leaves(self, difference: Decimal, cause: str | None) -> bool:
        """Whether something is left to correct of a comparison with this cause, and it is a person's to correct."""
        is_wrong = cause is not None and INVOICE_CAUSES[cause].needs_correction
        return bool(self.rest(difference)) and (is_wrong or bool(self.corrections))

    @property
    def stranded(self) -> str:
        """Why what was corrected reaches the customer on no invoice; empty when it does."""
        return "; ".join(each.stranded for each in self.corrections if each.stranded)

    def in_words(self) -> str:
        """For an exception's detail; empty without corrections."""
        if not self.corrections:
            return ""
        return f"; corrected before: {self.quantity:+f} by {', '.join(each.document for each in self.corrections)}"


def corrected(places: Sequence[Place], corrections: Sequence[Correction]) -> list[Corrected]:
    """For each comparison the corrections that belong to it; one of none is left out.

    A correction belongs to the comparison that it was proposed for; when there is none any more, as after a void
    invoice was made anew, to the last one of the same time, so that nobody is billed twice for the same usage. Where
    a time on no invoice is shorter than it was, nobody knows what of the rest was corrected with it.
    """
    found: list[list[Correction]] = [[] for _ in places]
    sure = [True for _ in places]
    of_account: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        of_account[place.account].append(number)
    for each in corrections:
        own = of_account[each.place.account]
        same = [number for number in own if places[number].is_same(each.place)]
        near = [number for number in own if places[number].overlaps(each.place)]
        if same or near:
            number = (same or near)[-1]
            found[number].append(each)
            sure[number] = sure[number] and bool(same)
            if each.place.invoice_id is None and places[number].span.end < each.place.span.end:
                for other in near:
                    sure[other] = False
    return [Corrected(tuple(each), is_sure) for each, is_sure in zip(found, sure, strict=True)]
