"""Corrections that Stripe has: which comparison each belongs to, and what is left to correct beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.invoices.rules.billing_periods import NOTHING, Span

Number = TypeVar("Number", int, Decimal)


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
        return self.account == other.account and self.span.overlaps(other.span)


@dataclass(frozen=True, slots=True)
class Correction:
    """What makes good for ``quantity`` and ``amount``: a document in Stripe, or a settlement by hand.

    Both are below 0 when it gives back; there is no amount where no price said what was settled. ``amount`` is what is
    in Stripe now, and ``edited`` says how that came, if it ever was another than we made it. ``stranded`` says why no
    invoice takes the document by itself, if so. What ``is_written_off`` nobody has paid.
    """

    place: Place
    quantity: Decimal
    amount: int | None
    currency: str | None
    document: str
    stranded: str | None = None
    edited: str | None = None
    is_written_off: bool = False


@dataclass(frozen=True, slots=True)
class Corrected:
    """The corrections of one comparison. Not ``is_sure``: one was of a period or an invoice that is another now."""

    corrections: tuple[Correction, ...] = ()
    is_sure: bool = True

    @property
    def quantity(self) -> Decimal:
        """What they come to."""
        return sum((each.quantity for each in self.corrections), NOTHING)

    def rest(self, difference: Decimal) -> Decimal:
        """What is left of a comparison's difference: below 0 too little is billed, above 0 too much.

        What is written off makes good for as much as is still missing, and never for more: nothing of it was paid.
        """
        written_off = sum((each.quantity for each in self.corrections if each.is_written_off), NOTHING)
        billed = difference + self.quantity - written_off
        return billed + _part(-billed, written_off)

    def money_rest(self, owed: int) -> int:
        """What is left of a difference that costs ``owed``, in minor units: above 0 it is to be billed."""
        left = owed - sum(each.amount or 0 for each in self.corrections if not each.is_written_off)
        return left - _part(left, sum(each.amount or 0 for each in self.corrections if each.is_written_off))

    def money_left(self, owed: int | None) -> int:
        """The same where the quantity is corrected, and a document was edited in Stripe; else money follows quantity.

        Nobody knows it where no price says what is owed, or what was settled.
        """
        if owed is None or not self.edited or any(each.amount is None for each in self.corrections):
            return 0
        return self.money_rest(owed)

    def leaves(self, difference: Decimal, cause: str | None, owed: int | None) -> bool:
        """Whether something is left to correct of a comparison with this cause, and it is a person's to correct."""
        is_wrong = cause is not None and INVOICE_CAUSES[cause].needs_correction
        if self.rest(difference):
            return is_wrong or bool(self.corrections)
        return bool(self.money_left(owed))

    def is_owed(self, difference: Decimal, owed: int | None) -> bool:
        """Whether too little is billed, and not too much: in quantity, or where that is right in money."""
        rest = self.rest(difference)
        return rest < 0 or (not rest and self.money_left(owed) > 0)

    @property
    def edited(self) -> str:
        """Which documents somebody has edited in Stripe, and what is there instead; empty where none was."""
        return "; ".join(each.edited for each in self.corrections if each.edited)

    @property
    def stranded(self) -> str:
        """Why what was corrected reaches the customer on no invoice; empty when it does."""
        return "; ".join(each.stranded for each in self.corrections if each.stranded)

    def in_words(self) -> str:
        """For an exception's detail; empty without corrections."""
        if not self.corrections:
            return ""
        edited = f"; {self.edited}" if self.edited else ""
        return (
            f"; corrected before: {self.quantity:+f} by {', '.join(each.document for each in self.corrections)}{edited}"
        )


def _part(missing: Number, written_off: Number) -> Number:
    """How much of what is written off something is missing for; at some prices more usage costs less."""
    nothing = written_off - written_off
    low, high = min(written_off, nothing), max(written_off, nothing)
    return max(min(missing, high), low)


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
