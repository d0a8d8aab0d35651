"""The passage of one Stripe call: rate limit → injected fault → one at a time → endpoint → journal → answer."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stripe_sandbox.call import METER_EVENTS, lane_of, subject_of
from stripe_sandbox.errors import (
    StripeError,
    key_in_use,
    lock_timeout,
    out_of_order,
    rate_limited,
    refused,
)
from stripe_sandbox.idempotency import executed, was_answered
from stripe_sandbox.meter_events import COUNTED_ONCE, EventRefused, Fate
from stripe_sandbox.report import CUSTOMER_NOT_FOUND

if TYPE_CHECKING:
    from stripe_sandbox.call import Call, Subject
    from stripe_sandbox.calls import RequestSeen
    from stripe_sandbox.faults import Fault
    from stripe_sandbox.idempotency import Answer
    from stripe_sandbox.sandbox import Sandbox
    from stripe_sandbox.stripe_api import Endpoint, StripeObject


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


def execute_due(sandbox: Sandbox) -> None:
    """Execute the late calls whose time has come, with all checks as of then; their answers go nowhere."""
    for endpoint, call in sandbox.late.due(sandbox.clock.now()):
        executed(sandbox, endpoint, call)


async def _in_turn(sandbox: Sandbox, endpoint: Endpoint, call: Call, subject: Subject, fault: Fault | None) -> Answer:
    traffic, lane = sandbox.traffic, lane_of(call, subject)
    pause = sandbox.settings.service_seconds if lane else 0.0
    if fault is not None and fault.kind == "slow":
        pause += fault.seconds or 0.0
    replay = was_answered(sandbox, call)  # what is only told again holds nothing
    with nullcontext() if replay else traffic.at_work(call.key, lane, sandbox.settings):
        if pause:
            await asyncio.sleep(pause)
            if sandbox.traffic is not traffic:  # reset meanwhile: the call belongs to an account that is gone
                raise ConnectionCut
            execute_due(sandbox)
            call = replace(call, now=sandbox.clock.now())
        answer = executed(sandbox, endpoint if fault is None else _struck(endpoint, fault), call)
        await sandbox.settled()
    return answer


def _at_the_door(sandbox: Sandbox, endpoint: Endpoint, call: Call, fault: Fault) -> None:
    match fault.kind:
        case "drop_before":
            raise ConnectionCut
        case "reset":
            raise ConnectionCut(reset=True)
        case "late":
            sandbox.late.hold_back(endpoint, call, call.now + (fault.seconds or 0.0))
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
