"""``Idempotency-Key``: the first answer to a key is kept for 24 hours and given again.

Source: docs.stripe.com/api/idempotent_requests. What was refused for its parameters is not kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stripe_sandbox.books import Reply
from stripe_sandbox.errors import IDEMPOTENCY, StripeError

if TYPE_CHECKING:
    from stripe_sandbox.call import Call
    from stripe_sandbox.sandbox import Sandbox
    from stripe_sandbox.stripe_api import Endpoint

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
    """Execute a call, or give the first answer under its idempotency key again; refusals are answers too."""
    if call.key is None:
        return _carried_out(sandbox, endpoint, call)[0]
    if len(call.key) > LONGEST_KEY:
        text = f"Idempotency-Key has {len(call.key)} characters; must be at most {LONGEST_KEY} characters."
        return _misused(text)
    fingerprint = _fingerprint(call)
    first = sandbox.books.replies.find(call.key, call.now)
    if first is not None:
        return _again(first, fingerprint)
    answer, kept = _carried_out(sandbox, endpoint, call)
    if kept:
        reply = Reply(call.key, fingerprint, answer.status, answer.body, answer.headers, call.request_id, call.now)
        sandbox.record(reply)
    return answer


def was_answered(sandbox: Sandbox, call: Call) -> bool:
    """Whether there is a first answer under the call's idempotency key."""
    return call.key is not None and sandbox.books.replies.find(call.key, call.now) is not None


def _carried_out(sandbox: Sandbox, endpoint: Endpoint, call: Call) -> tuple[Answer, bool]:
    try:
        return answer_of(200, endpoint(sandbox, call)), True
    except StripeError as refusal:
        return answer_of(refusal.status, refusal.body(call.path), refusal.headers), refusal.kept


def _again(first: Reply, fingerprint: str) -> Answer:
    if first.fingerprint != fingerprint:
        return _misused(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{first.key}' if you meant to execute a different request."
        )
    told = {"Idempotent-Replayed": "true", "Original-Request": first.request_id}
    return Answer(first.status, first.body, {**first.headers, **told})


def _misused(message: str) -> Answer:
    return answer_of(400, StripeError(400, message, type=IDEMPOTENCY).body())


def _fingerprint(call: Call) -> str:
    said = json.dumps([call.method, call.path, call.form.fields], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
