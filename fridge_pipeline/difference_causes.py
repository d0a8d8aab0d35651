"""Why an invoice's quantity is not our usage of its period: what each cause means and what to do about it, once.

``reason_codes`` has the kinds of exceptions and the causes along the tie-out; these are of the step after it. ``fridge
migrate`` writes them to the database, and docs/runbook.md has a section on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fridge_pipeline.reason_terms import DifferenceCause


@dataclass(frozen=True, slots=True)
class InvoiceCauseWords:
    """A cause in a few words, in a sentence, and what to do.

    ``is_explained``: it is known and waits for somebody or passes by itself; without it a month is not closed.
    ``needs_correction``: it stays as it is until somebody invoices or credits the difference, so it is an exception.
    """

    words: str
    meaning: str
    do: str
    is_explained: bool = True
    needs_correction: bool = False


_OWED = "fridge correct MONTH proposes the document for the difference, and another person approves it"
_BY_HAND = "invoice the difference by an invoice item; credit it when it is too much"

#: In the order in which they are looked for: of several causes the first one is named.
INVOICE_CAUSES: Final[dict[str, InvoiceCauseWords]] = {
    "two_items": InvoiceCauseWords(
        "two items: several subscription items bill the same usage",
        "Meter events name only customer and meter, so every subscription item of the meter bills all of the usage.",
        "remove all items of the meter but one in Stripe, and credit what was billed twice",
        is_explained=False,
        needs_correction=True,
    ),
    "voided": InvoiceCauseWords(
        "voided: the invoice was made void, and none is in its place",
        "A void invoice bills nothing, and Stripe is not known to bill its usage again.",
        "fridge correct MONTH, unless another invoice of the period bills it",
        needs_correction=True,
    ),
    "in_draft": InvoiceCauseWords(
        "in draft: the invoice is not final yet",
        "The quantity of a draft is settled when it becomes final; until then it may lag behind.",
        "nothing; make sure that the hours of the period are delivered before it becomes final",
    ),
    "transform": InvoiceCauseWords(
        "packages: the line shows packages of usage",
        "The price divides the period's usage into packages, and the line shows these: they are the right number.",
        "nothing",
    ),
    "free_trial": InvoiceCauseWords(
        "free trial: no invoice bills usage of the trial",
        "The subscription was on trial for all of that time, and Stripe has billed none of its usage.",
        "nothing; where a trial is to be paid for, invoice it by an invoice item",
    ),
    "threshold_so_far": InvoiceCauseWords(
        "so far: the rest of the period is still to be invoiced",
        "A billing threshold was reached in the middle of the period, or the first invoice of a subscription (classic "
        "billing mode) has a line of 0 for its first period; the next invoice carries what came after it.",
        "nothing; it is compared again with the invoice of the period's end",
    ),
    "after_finalization": InvoiceCauseWords(
        "after finalization: Stripe accepted it when the invoice was final",
        "Stripe accepted a statement or a cancellation of the period after its invoice had become final: its summary "
        "counts that, and no invoice does.",
        _OWED,
        needs_correction=True,
    ),
    "not_accepted": InvoiceCauseWords(
        "not accepted: not all of the usage was sent to Stripe",
        "The invoice has what Stripe had accepted; the rest of the usage waits, and its own exception says why.",
        "end the exceptions of the period's hours, then invoice by hand what is stated after the invoice was final",
    ),
    "before_billing_start": InvoiceCauseWords(
        "before the billing start: hours that another system billed",
        "Usage before FRIDGE_BILL_FROM is counted and never stated; what the invoice has of it, another system stated.",
        "compare those hours with the other system's records",
    ),
    "late_in_grace_unsure": InvoiceCauseWords(
        "late: accepted within the last hour before the invoice was final",
        "Stripe counts asynchronously, and the invoice has some, but not all, of what it accepted in the hour before "
        "it became final.",
        _OWED,
        needs_correction=True,
    ),
    "other_source": InvoiceCauseWords(
        "other source: somebody else states usage of this customer",
        "The invoice has what Stripe's summaries show, and they show what we never stated.",
        "find out who else sends meter events for this customer; see unexplained",
        is_explained=False,
        needs_correction=True,
    ),
    "price_change": InvoiceCauseWords(
        "price changed: an item or its price changed within the period",
        "With classic billing, or without proration, usage before the change is on no invoice; what was accepted after "
        "the change for the time before it is not either.",
        _BY_HAND,
        needs_correction=True,
    ),
    "period_cuts_hour": InvoiceCauseWords(
        "period cuts an hour: it does not begin or end on the hour",
        "The period begins or ends within an hour, and the hour's usage cannot be divided.",
        "set billing_cycle_anchor_config to minute 0 and second 0; the neighbouring period has the rest",
    ),
    "unexplained_line": InvoiceCauseWords(
        "unexplained: nothing that is known leads to this quantity",
        "The invoice's quantity is neither our usage, nor what Stripe had accepted, nor what its summaries show.",
        "fridge invoices shows the numbers; read the sums of the period again, then ask Stripe",
        is_explained=False,
        needs_correction=True,
    ),
    "no_price": InvoiceCauseWords(
        "no price: Stripe has no price of the meter",
        "Stripe counts the usage, and without a price of the meter nobody is billed for it.",
        "create a price of the meter in Stripe and subscribe the customers to it",
        needs_correction=True,
    ),
    "not_on_subscription": InvoiceCauseWords(
        "not on a subscription: the customer has no item of the meter",
        "The customer had no subscription item of the meter at that time, or its subscription was paused or never "
        "begun, so Stripe keeps the usage and bills it to nobody.",
        "subscribe the customer with a start date before the usage, or invoice it by an invoice item",
        needs_correction=True,
    ),
    "subscription_ended": InvoiceCauseWords(
        "subscription ended: cancelled or paused without an invoice of its last usage",
        "The subscription was cancelled without invoice_now, which drops what was not invoiced; or it was paused, or "
        "the item taken off it, and Stripe may have an invoice item that bills its usage so far.",
        "unless an invoice item of the customer waits in Stripe with it: invoice the usage by an invoice of its own",
        needs_correction=True,
    ),
    "invoice_awaited": InvoiceCauseWords(
        "awaited: the period or a pause has just ended, and its invoice comes",
        "The period ended less than a day ago, and no invoice of it was read yet; or it is usage of a pause, and the "
        "invoice of the period after it is not final yet.",
        "nothing; it is looked for again",
    ),
    "no_line": InvoiceCauseWords(
        "no line: the period is over, and no invoice has a line of it",
        "No invoice of the period has a line of the meter: nothing was accepted when it became final, or the draft was "
        "deleted.",
        _OWED,
        needs_correction=True,
    ),
    "billed_with_next": InvoiceCauseWords(
        "billed with the next: the invoice of the period after it has this usage as well",
        "No invoice has the usage in its own time, as of a pause, and the invoice after it bills exactly so much more "
        "than the usage of its period.",
        "nothing; that invoice reckons it at its own tiers",
    ),
}


def invoice_cause_in_words(code: str) -> str:
    """A cause in a few words; an unknown one as it is written."""
    return INVOICE_CAUSES[code].words if code in INVOICE_CAUSES else code.replace("_", " ")


def _later(words: str, meaning: str) -> DifferenceCause:
    return DifferenceCause(None, words, meaning, is_explained=True)


SIGNED_CAUSES: Final[dict[str, DifferenceCause]] = {
    "late_file": _later(
        "late file: it came after the month was signed",
        "A landing file brought readings of a signed month after the signature; the signed figure stays what it is.",
    ),
    "withdrawn_later": _later(
        "withdrawn later: after the month was signed",
        "A landing file of a signed month was withdrawn after the signature; the signed figure stays what it is.",
    ),
    "stated_later": _later(
        "stated later: Stripe took or refused a statement after the month was signed",
        "What Stripe has accepted for a signed month is not what it had accepted when it was signed.",
    ),
    "hours_not_kept": _later(
        "hours not kept: only the totals were signed",
        "The month was signed before its hours were kept: what has changed in it is known by its totals only.",
    ),
    "read_later": _later(
        "read later: Stripe was read again after the month was signed",
        "Stripe was read again after the signature, and its sum was not known then or is another now.",
    ),
}
