"""What has become of a month's usage: billed, recoverable, lost, by cause; in units and percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.reason_codes import INVOICE_KINDS, cause_in_words
from fridge_pipeline.reason_terms import Outcome

#: Of a meter: ``usage``, ``billed``, ``not_billed``, and in ``by_cause`` outcome → cause → quantity.
MeterOutcome = Mapping[str, Any]

#: Time alone moves usage from one of these to another, so a signature is not for how they divide.
BY_CAUSE = "by_cause"

#: How they are called where they are no cause of a difference.
_COUNTED = {"counted_by_stripe": "counted by Stripe", "accepted_by_stripe": "accepted by Stripe, not read since"}


def outcomes_by_meter(rows: Iterable[Mapping[str, Any]]) -> dict[str, MeterOutcome]:
    """Meter → what has become of its usage; ``rows`` are those of the mart ``month_outcome`` of one month."""
    by_cause: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        causes = by_cause.setdefault(row["meter"], {}).setdefault(row["outcome"], {})
        causes[row["cause"]] = causes.get(row["cause"], 0) + _whole(row["quantity"])
    return {meter: _of_meter(found) for meter, found in sorted(by_cause.items())}


def outcome_in_words(outcome: MeterOutcome) -> str:
    """In one line: ``of 16,290 used 2,410 billed (14.8 %), 13,880 recoverable (85.2 %: 13,880 unmapped), 0 lost``."""
    usage, by_cause = outcome["usage"], outcome[BY_CAUSE]
    parts = []
    for each in Outcome:
        causes = by_cause.get(each.value, {})
        if each is Outcome.ELSEWHERE and not causes:
            continue
        quantity = sum(causes.values())
        of_causes = ", ".join(
            f"{amount:,} {cause_in_few_words(cause)}"
            for cause, amount in _largest_first(causes)
            if cause not in _COUNTED
        )
        said = ": ".join(filter(None, (_percent(quantity, usage), of_causes)))
        parts.append(f"{quantity:,} {each.value}{f' ({said})' if said and quantity else ''}")
    return f"of {usage:,} used {', '.join(parts)}"


def invoices_in_words(exceptions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Meter → what is wrong on its invoices: ``on invoices: 13 not invoiced (0.13 USD)``; no meter where nothing is.

    Billed is what Stripe counts, which may be on no invoice all the same. ``exceptions`` are open ones, of all kinds.
    """
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in exceptions:
        if row["kind"] in INVOICE_KINDS:
            # Of a customer that is no tenant's the subject names it as well.
            meter = row["subject"] if row["tenant_id"] is not None else row["subject"].rpartition(" ")[0]
            found.setdefault(meter, {}).setdefault(row["kind"], []).append(row)
    return {
        meter: "on invoices: " + ", ".join(_wrong(kind, by_kind[kind]) for kind in INVOICE_KINDS if kind in by_kind)
        for meter, by_kind in sorted(found.items())
    }


def _wrong(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What one kind of exception comes to; what has no price, or no quantity, is said to have none."""
    sign = 1 if kind == INVOICE_KINDS[0] else -1
    quantity = _whole(sign * sum(row["not_invoiced"] or 0 for row in rows))
    amounts: dict[str, int] = {}
    for row in rows:
        if row["amount_minor_units"] is not None:
            amounts[row["currency"]] = amounts.get(row["currency"], 0) + row["amount_minor_units"]
    said = [money(sign * amount, currency) for currency, amount in sorted(amounts.items())]
    unpriced = _whole(sign * sum(row["not_invoiced"] or 0 for row in rows if row["amount_minor_units"] is None))
    said += [f"{unpriced:,} without a price"] if unpriced else []
    said += ["a document that reaches nobody"] if any(row["not_invoiced"] is None for row in rows) else []
    return f"{quantity:,} {kind.replace('_', ' ')} ({', '.join(said)})"


def cause_in_few_words(cause: str) -> str:
    """Why, without the explanation behind it."""
    return _COUNTED.get(cause) or cause_in_words(cause).partition(":")[0]


def _of_meter(by_cause: Mapping[str, Mapping[str, float]]) -> MeterOutcome:
    totals = {outcome: sum(causes.values()) for outcome, causes in by_cause.items()}
    usage, billed = sum(totals.values()), totals.get(Outcome.BILLED.value, 0)
    return {"usage": usage, "billed": billed, "not_billed": usage - billed, BY_CAUSE: by_cause}


def _largest_first(causes: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(((cause, amount) for cause, amount in causes.items() if amount), key=lambda each: (-each[1], each[0]))


def _percent(quantity: float, usage: float) -> str:
    return f"{100 * quantity / usage:.1f} %" if usage else ""


def _whole(quantity: Any) -> float:
    return int(quantity) if quantity == int(quantity) else float(quantity)
