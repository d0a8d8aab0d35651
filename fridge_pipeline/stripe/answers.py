"""What Stripe's answers and failures mean; the shapes in circulation, each with where it was seen."""

from __future__ import annotations

from http import HTTPStatus

import stripe

from fridge_pipeline.stripe.connections import NeverConnectedError
from fridge_pipeline.stripe.rules.answer import Answer, Outcome

#: A repeated identifier is refused with HTTP 400. Three shapes are in circulation: v1 without a code and with
#: this text (github.com/langfuse/langfuse/pull/16292), and two codes (v2 and older public code).
DUPLICATE_TEXT = "already exists with identifier"
DUPLICATE_CODES = frozenset({"duplicate_meter_event", "resource_already_exists"})


#: Client errors that say "not now" rather than "no".
UNDECIDED_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT})


def answer_to_error(error: stripe.StripeError) -> Answer:
    """The answer that an SDK exception stands for."""
    status = error.http_status
    return Answer(
        outcome=_outcome(error),
        text=" ".join(f"{type(error).__name__}: {error.user_message or error}".split())[:1000],
        http_status=status,
        request_id=error.request_id,
        reached=status is not None,
    )


def _outcome(error: stripe.StripeError) -> Outcome:
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        return Outcome.KEY_REFUSED
    if isinstance(error, stripe.RateLimitError) or isinstance(error.__cause__, NeverConnectedError):
        return Outcome.NOT_RECEIVED
    if isinstance(error, (stripe.APIConnectionError, stripe.IdempotencyError)):
        return Outcome.UNDECIDED
    if is_duplicate(error):
        return Outcome.DUPLICATE
    status = error.http_status or HTTPStatus.INTERNAL_SERVER_ERROR
    client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome.REFUSED if client_error and status not in UNDECIDED_STATUSES else Outcome.UNDECIDED


def is_duplicate(error: stripe.StripeError) -> bool:
    """Whether Stripe says that it already has this identifier."""
    if error.http_status != HTTPStatus.BAD_REQUEST:
        return False
    code = error.code or (error.error.code if error.error is not None else None)
    return code in DUPLICATE_CODES or DUPLICATE_TEXT in (error.user_message or "")
