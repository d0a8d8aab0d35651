"""The passage of one Stripe call: rate limit → fault → one at a time → idempotency → endpoint → journal → answer.

``Idempotency-Key``: the first answer to a key is kept for 24 hours and given again; what was refused for its
parameters is not kept. Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

from stripe_sandbox.books import Reply
from stripe_sandbox.calls import METER_EVENTS, Call, RequestSeen, Subject, ordering_key_of, subject_of
from stripe_sandbox.cycle.due import execute_due
from stripe_sandbox.faults import Fault
from stripe_sandbox.meter_events import COUNTED_ONCE, EventRefused, Fate
from stripe_sandbox.reports import CUSTOMER_NOT_FOUND
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import Endpoint, StripeObject
from stripe_sandbox.stripe_shapes import (
    IDEMPOTENCY,
    StripeError,
    key_in_use,
    lock_timeout,
    out_of_order,
    rate_limited,
    refused,
)

LONGEST_KEY = 255  # docs.stripe.com/api/idempotent_requests


@dataclass
class ConnectionCut(Exception):  # noqa: N818 - not an error of ours: the caller is to see one
    """The call gets no answer; its connection ends, with a TCP RST if ``reset``."""

    reset: bool = False


async def answered(sandbox: Sandbox, endpoint: Endpoint, call: Call, seen: RequestSeen) -> Answer:
    """Let a call through, as far as it comes.

    Raises ``StripeError`` (turned away before its turn), ``ConnectionCut`` and ``StateFileError``.
    """
    execute_due(sandbox)
    sandbox.traffic.admit(sandbox.settings)
    subject = subject_of(sandbox.books, call)
    fault = sandbox.faults.strike(call, subject)
    if fault is None:
        return await _in_turn(sandbox, endpoint, call, subject, None)
    seen.fault = fault.kind
    _at_the_door(sandbox, endpoint, call, fault)
    answer = await _in_turn(sandbox, endpoint, replace(call, fate=_fate(fault)), subject, fault)
    if fault.kind == "drop_after":
        raise ConnectionCut
    return answer


async def _in_turn(sandbox: Sandbox, endpoint: Endpoint, call: Call, subject: Subject, fault: Fault | None) -> Answer:
    traffic, ordering_key = sandbox.traffic, ordering_key_of(call, subject)
    pause = sandbox.settings.service_seconds if ordering_key else 0.0
    if fault is not None and fault.kind == "slow":
        pause += fault.seconds or 0.0
    replay = _was_answered(sandbox, call)  # what is only told again holds nothing
    with nullcontext() if replay else traffic.at_work(call.key, ordering_key, sandbox.settings):
        if pause:
            await asyncio.sleep(pause)
            if sandbox.traffic is not traffic:  # reset meanwhile: the call belongs to an account that is gone
                raise ConnectionCut
            execute_due(sandbox)
            call = replace(call, now=sandbox.clock.now())
        answer = _executed(sandbox, endpoint if fault is None else _struck(endpoint, fault), call)
        await sandbox.settled()
    return answer


def _at_the_door(sandbox: Sandbox, endpoint: Endpoint, call: Call, fault: Fault) -> None:
    match fault.kind:
        case "drop_before":
            raise ConnectionCut
        case "reset":
            raise ConnectionCut(reset=True)
        case "late":
            due = call.now + (fault.seconds or 0.0)
            sandbox.late.hold_back(lambda now: _executed(sandbox, endpoint, replace(call, now=now)), due)
            raise ConnectionCut
        case "rate_limited":
            raise rate_limited(fault.reason or "global-rate")
        case "lock_timeout":
            raise lock_timeout()
        case "conflict":
            raise key_in_use(call.key)
        case "unavailable":
            raise out_of_order(503, kept=False)


def _fate(fault: Fault) -> Fate:
    match fault.kind:
        case "swallow":
            return Fate(times=0)
        case "count_twice":
            return Fate(times=2)
        case "refuse_asynchronously":
            return Fate(0, fault.code or CUSTOMER_NOT_FOUND, fault.message, fault.samples_max)
    return COUNTED_ONCE


def _struck(endpoint: Endpoint, fault: Fault) -> Endpoint:
    def do(sandbox: Sandbox, call: Call) -> StripeObject:
        if fault.kind == "error_500":
            raise out_of_order(500, kept=True)
        if fault.kind == "error_500_after":
            with suppress(StripeError):
                endpoint(sandbox, call)
            raise out_of_order(500, kept=True)
        if fault.kind == "refuse":
            message = fault.message or "The request was refused by an injected fault."
            if call.template == METER_EVENTS:
                sandbox.record(EventRefused(message, call.now))
            raise replace(refused(message), code=fault.code)
        return endpoint(sandbox, call)

    return do


@dataclass(frozen=True)
class Answer:
    """What goes back on the wire, before the request's own id is added."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def answer_of(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> Answer:
    """An answer with this object as its JSON body."""
    return Answer(status, json.dumps(body, separators=(",", ":")), headers or {})


def _executed(sandbox: Sandbox, endpoint: Endpoint, call: Call) -> Answer:
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


def _was_answered(sandbox: Sandbox, call: Call) -> bool:
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
