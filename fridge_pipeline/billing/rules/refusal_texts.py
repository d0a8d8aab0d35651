"""Refusals in words: how and why a meter event was refused, or not sent at all, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

#: How Stripe says that it does not know the customer: at once (in the text of an HTTP 400), and later, in the code of
#: an error report. A merged or deleted customer, and one of another account, look the same.
CUSTOMER_GONE = ("No such customer", "meter_event_customer_not_found")


#: How the answer begins of what we have not sent, because Stripe would count it twice (query ``counting_before``).
NOT_SENT = "was not sent: "


def in_another_meter(value: int, until: datetime) -> str:
    """The end of "the statement for customer cus_x" where an archived meter of the event name has ``value``."""
    return (
        f"{NOT_SENT}its meter was made anew in Stripe, and the one that was deactivated at {until:%Y-%m-%d %H:%M} UTC "
        f"has {value} of this hour. Where both are on prices the whole would be billed beside it. Bill or credit the "
        "difference by hand, then: fridge settle. Only where the old one is on no price: fridge settle EXCEPTION --how "
        "state_again sends the whole hour to the new one"
    )


def refused_at_once(answer: str | None, request_id: str | None) -> str:
    """What Stripe answered, as the end of "the statement for customer cus_x"."""
    if answer is not None and answer.startswith(NOT_SENT):
        return answer
    return f"was refused by Stripe: {answer} (request {request_id})"


def refused_later(reports: Iterable[tuple[str, str, str]]) -> str:
    """The same of a meter event that Stripe had received: by code, message and id of the error reports that name it."""
    reasons = "; ".join(f"{code}: {message} (report {report_id})" for code, message, report_id in reports)
    return f"was received by Stripe and refused later: {reasons}"


def says_customer_is_gone(said: str) -> bool:
    """Whether a refusal says that Stripe does not know the customer."""
    return any(words in said for words in CUSTOMER_GONE)


def refused_detail(usage: str, customer_id: str | None, said: str, *, is_settled: bool = True) -> str:
    """About ``usage`` (see ``StagingCase.in_words``) whose meter event was refused.

    Without ``is_settled`` an earlier attempt may still have been counted.
    """
    if said.startswith(NOT_SENT):
        return f"{usage}: the statement for customer {customer_id} {said}."
    next_step = (
        "Remove the cause, then: fridge settle EXCEPTION --how state_again --reason TEXT. The hour is also sent again "
        "once the tenant has another customer, while Stripe has nothing of the hour."
        if is_settled
        else "An earlier attempt may still have been counted, so Stripe is read back before anything else is sent."
    )
    return f"{usage}: the statement for customer {customer_id} {said}. {next_step}"
