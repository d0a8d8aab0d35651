"""``Idempotency-Key``: the first answer to a key is kept for 24 hours and given again.

Source: docs.stripe.com/api/idempotent_requests. What was refused for its parameters is not kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fridge_pipeline.stripe_sandbox.books import Reply
from fridge_pipeline.stripe_sandbox.errors import IDEMPOTENCY, StripeError

if TYPE_CHECKING:
    from fridge_pipeline.stripe_sandbox.sandbox import Sandbox
    from fridge_pipeline.stripe_sandbox.stripe_api import Call, Endpoint

LONGEST_KEY = 255  # docs.stripe.com/api/idempotent_requests


@dataclass(frozen=True)
class Answer:
    """What goes back on the wire, before the request's own id is added."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def answer_of(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> Answer:
    """An answer with this object as its JSON body."""
    return Answer(status, json.dumps(body, separators=(",", ":")), headers or {})


def executed(sandbox: Sandbox, endpoint: Endpoint, call: Call) -> Answer:
    """Execute a call. Raises ``StripeError`` where the parameters are wrong or execution refused."""
    return answer_of(200, endpoint(sandbox, call))


def executed_once(sandbox: Sandbox, endpoint: Endpoint, call: Call, key: str, request_id: str) -> Answer:
    """Execute a call under an idempotency key, or give the first answer again.

    Raises ``StripeError``: wrong parameters, or the key was used with other ones (400).
    """
    if len(key) > LONGEST_KEY:
        text = f"Idempotency-Key has {len(key)} characters; must be at most {LONGEST_KEY} characters."
        raise StripeError(400, text, type=IDEMPOTENCY)
    fingerprint = _fingerprint(call)
    first = sandbox.books.replies.find(key, call.now)
    if first is not None:
        return _again(first, fingerprint, key)
    try:
        answer = executed(sandbox, endpoint, call)
    except StripeError as refusal:
        if not refusal.kept:
            raise
        answer = answer_of(refusal.status, refusal.body(), refusal.headers)
    reply = Reply(key, fingerprint, answer.status, answer.body, answer.headers, request_id, call.now)
    sandbox.record(reply)
    return answer


def _again(first: Reply, fingerprint: str, key: str) -> Answer:
    if first.fingerprint != fingerprint:
        text = (
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise StripeError(400, text, type=IDEMPOTENCY)
    told = {"Idempotent-Replayed": "true", "Original-Request": first.request_id}
    return Answer(first.status, first.body, {**first.headers, **told})


def _fingerprint(call: Call) -> str:
    said = json.dumps([call.method, call.path, call.form.fields], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
