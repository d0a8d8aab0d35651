"""Usage that was stated under several names of a meter: it is owed once, by a name that was billed for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.compare_period import Booked, to_carry_nowhere


@dataclass(frozen=True, slots=True)
class Side:
    """What one name of a meter has of one time of a customer: what is booked, ``invoiced`` and ``corrected``."""

    customer_id: str
    measure: str
    event_name: str
    span: Span
    booked: Booked
    invoiced: Decimal
    corrected: Decimal

    @property
    def beyond(self) -> Decimal:
        """What was billed, or written off, beyond what is to be; below 0 so much is missing."""
        return self.invoiced + self.corrected - self.booked.usage + to_carry_nowhere(self.booked, self.invoiced)

    def takes_of(self, other: Side) -> int:
        """How much of what it gave to other names of its usage it was billed for itself, and the other one was not."""
        if self.event_name == other.event_name or not self.span.overlaps(other.span):
            return 0
        most = Decimal(min(self.booked.given, other.booked.usage))
        return max(int(min(self.beyond, -other.beyond, most)), 0)


def owed_once(sides: Sequence[Side]) -> list[Booked]:
    """What is booked of each, where usage that another name was billed for, and this one is not, is the other one's.

    Invoices and corrections say of a time how much they bill, and not of which hours: what is beyond a name's own usage
    is usage that it has stated as well, as far as another one lacks it.
    """
    found = list(sides)
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, side in enumerate(found):
        alike[side.customer_id, side.measure].append(number)
    for numbers in alike.values():
        for taker in (each for each in numbers if found[each].booked.given):
            for giver in numbers:
                moved = found[taker].takes_of(found[giver])
                if moved:
                    found[taker] = _with(found[taker], moved)
                    found[giver] = _with(found[giver], -moved)
    return [side.booked for side in found]


def _with(side: Side, more: int) -> Side:
    """Of what goes, what Stripe has not accepted of it goes first."""
    booked = side.booked
    accepted = booked.accepted + more if more > 0 else min(booked.accepted, max(booked.usage, booked.accepted) + more)
    given = booked.given - max(more, 0)
    return replace(side, booked=replace(booked, usage=booked.usage + more, accepted=accepted, given=given))
