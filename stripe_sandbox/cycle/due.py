"""What is due: periods that end, drafts that become final, test clocks that advance, late calls that arrive.

Nothing of it happens in the background: before every call, everything that has become due since the last one happens
in its order and as of its own time, also where the clock jumped.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf

from stripe_sandbox.cycle.finalizing import finalize
from stripe_sandbox.cycle.period_end import end_period
from stripe_sandbox.cycle.thresholds import bill_thresholds
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_shapes import StripeError


def execute_due(sandbox: Sandbox) -> None:
    """Let everything happen whose time has come, on the account's clock and on the test clocks that are ready."""
    now = sandbox.clock.now()
    bill_thresholds(sandbox, now)
    while True:
        due = _first_due(sandbox, None)
        sandbox.late.execute_due(min(now, due))
        bill_thresholds(sandbox, now)
        if min(due, _first_due(sandbox, None)) > now:
            break
        if due <= now:
            _happen(sandbox, None, due)
    _advance_clocks(sandbox)


def end_periods_until(sandbox: Sandbox, subscription: str, now: int) -> None:
    """End the periods of a subscription that are over by now, without waiting for their draft's time."""
    current = sandbox.books.billing.subscriptions[subscription]
    while current.due_at is not None and current.due_at <= now:
        end_period(sandbox, current, current.due_at, now)
        current = sandbox.books.billing.subscriptions[subscription]


def start_advance(sandbox: Sandbox, clock: str) -> None:
    """Note when a test clock that was told to advance will be done (real time; at once after a restart)."""
    sandbox.clocks_done_at[clock] = sandbox.seconds() + sandbox.settings.clock_advance_seconds


def _advance_clocks(sandbox: Sandbox) -> None:
    billing = sandbox.books.billing
    for identity in sorted(billing.advancing):
        if sandbox.clocks_done_at.get(identity, 0.0) > sandbox.seconds():
            continue
        target = billing.test_clocks[identity].target or 0
        while (due := _first_due(sandbox, identity)) <= target:
            _move(sandbox, identity, int(due))
            _happen(sandbox, identity, due)
        _move(sandbox, identity, target, arrived=True)


def _move(sandbox: Sandbox, identity: str, moment: int, *, arrived: bool = False) -> None:
    clock = sandbox.books.billing.test_clocks[identity]
    sandbox.record(clock.at(max(moment, clock.frozen_time), arrived=arrived))


def _first_due(sandbox: Sandbox, clock: str | None) -> float:
    return min(_period_due(sandbox, clock)[0], _invoice_due(sandbox, clock)[0])


def _period_due(sandbox: Sandbox, clock: str | None) -> tuple[float, str]:
    moment, identity = sandbox.books.billing.periods_due.first(clock)
    return moment + (sandbox.settings.draft_delay_seconds if clock is None else 0), identity


def _invoice_due(sandbox: Sandbox, clock: str | None) -> tuple[float, str]:
    moment, identity = sandbox.books.billing.invoices_due.first(clock)
    return moment + (sandbox.settings.finalization_delay_seconds if clock is None else 0), identity


def _happen(sandbox: Sandbox, clock: str | None, due: float) -> None:
    """Let one thing happen that is due then; of several, the end of a period first."""
    if due == inf:
        return
    billing = sandbox.books.billing
    moment, identity = _period_due(sandbox, clock)
    if moment <= due:
        subscription = billing.subscriptions[identity]
        if subscription.due_at is not None:
            end_period(sandbox, subscription, subscription.due_at, int(due))
        return
    draft = billing.invoices[_invoice_due(sandbox, clock)[1]]
    with suppress(StripeError):  # it stands on the draft, which no longer becomes final by itself
        finalize(sandbox, draft, int(due), collect=True)
