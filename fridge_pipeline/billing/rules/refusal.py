"""Refusals: what Stripe said no to, what is still owed, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable

#: How Stripe says that it does not know the customer: at once (in the text of an HTTP 400), and later, in the code of
#: an error report. A merged or deleted customer, and one of another account, look the same.
CUSTOMER_GONE = ("No such customer", "meter_event_customer_not_found")


def refused_at_once(answer: str | None, request_id: str | None) -> str:
    """What Stripe answered, as the end of "the statement for customer cus_x"."""
    return f"was refused by Stripe: {answer} (request {request_id})"


def refused_later(reports: Iterable[tuple[str, str, str]]) -> str:
    """The same of a statement that Stripe had received: by code, message and id of the error reports that name it."""
    reasons = "; ".join(f"{code}: {message} (report {report_id})" for code, message, report_id in reports)
    return f"was received by Stripe and refused later: {reasons}"


def says_customer_is_gone(said: str) -> bool:
    """Whether a refusal says that Stripe does not know the customer."""
    return any(words in said for words in CUSTOMER_GONE)


def refused_detail(
    event_name: str, usage: int, stated: int | None, customer_id: str | None, said: str, *, is_settled: bool = True
) -> str:
    """About usage whose statement was refused, beside what Stripe has ``stated`` of it by others.

    Without ``is_settled`` an earlier attempt may still have been counted.
    """
    already = f", of which Stripe has {stated}" if stated is not None else ""
    next_step = (
        "Remove the cause; the hour is stated anew once this exception is closed, or once the tenant has another "
        "customer while Stripe has nothing of the hour."
        if is_settled
        else "An earlier attempt may still have been counted, so Stripe is read back before anything else is sent."
    )
    return f"{usage} {event_name}{already}: the statement for customer {customer_id} {said}. {next_step}"


def customer_gone_detail(event_name: str, usage: int, stated: int, customer_id: str | None) -> str:
    """About an hour that Stripe has ``stated`` of, and can take no change of; the difference is the figure."""
    change = usage - stated
    owed = f"{abs(change)} {event_name} {'more' if change > 0 else 'less'} than Stripe has"
    by_hand = f"an invoice item for {change}" if change > 0 else f"a credit for {-change}"
    return (
        f"{owed} (usage {usage}, stated {stated}): Stripe no longer knows customer {customer_id}, who has this hour on "
        "the books (deleted, merged into another, or of another account), and takes no change for it. The hour is not "
        f"stated to another customer, who would be billed all of it. By hand: {by_hand}, for whoever pays for the "
        "tenant now. If Stripe has the customer after all, close this exception: the hour is then stated once more."
    )
