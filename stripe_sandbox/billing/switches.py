"""How invoices behave: the account's own choices, and one switch for each behaviour of Stripe that nobody has settled.

A default is what Stripe's documentation or people's reports make likelier; where nothing does, what is simpler. Code
under test should be right under every position of every switch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_GRACE = 72 * 3_600  # seconds: docs.stripe.com, configure grace period
HOUR = 3_600


@dataclass(frozen=True)
class BillingSettings:
    """What a test may choose about invoices; each name is explained in ``INVOICES.md`` of this package.

    The first group is the account's or the world's; ``key_may_not`` names for whole test keys the permissions that
    they lack. The second group are switches for what is not known of Stripe.
    """

    finalization_grace_seconds: int = HOUR
    draft_delay_seconds: int = 900  # a recorded draft came 937 s after the period's end
    payment: str = "paid"
    percent_off: int = 0
    discount_on: str = "subscription"
    webhooks_failing: bool = False
    clock_advance_seconds: float = 0
    key_may_not: dict[str, list[str]] = field(default_factory=dict)

    draft_usage: str = "latest"
    quantity_changed_events: bool = False
    invoice_lag_seconds: float = 0
    finalization_delay_seconds: int = 0
    shortest_schedule_seconds: int = 0
    period_end: str = "exclusive"
    volume_lines: str = "flat_apart"
    flat_fee_at_zero: bool = True
    package_line_quantity: str = "usage"
    zero_usage_line: str = "line"
    window_meter_total: str = "overwritten"
    swap_line_period: str = "from_swap"
    line_amounts: str = "minor"
    final_invoice_grace: bool = True
    trial_usage: str = "free"
    paused_usage: str = "lost"
    void_bills_again: bool = False
    clock_event_time: str = "clock"
    clock_invoices_listed: bool = True
    invoice_item_permission: str = "rak_invoice"
    preview_permission: str = "rak_invoice_read"


Rule = tuple[Callable[[object], bool], str]


def _seconds(most: float = math.inf, *, whole: bool = False) -> Rule:
    kinds = (int,) if whole else (int, float)
    words = f"a {'whole ' if whole else ''}number of seconds" + ("" if math.isinf(most) else f" up to {most}")
    return lambda v: type(v) in kinds and math.isfinite(v) and 0 <= v <= most, words


def _one_of(*words: str) -> Rule:
    return lambda v: v in words, " or ".join(f'"{word}"' for word in words)


def _is_permissions(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and key.startswith(("rk_", "sk_")) and "_live_" not in key and _is_words(permissions)
        for key, permissions in value.items()
    )


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_SWITCH: Rule = (lambda v: type(v) is bool, "true or false")
_TEXT: Rule = (lambda v: isinstance(v, str) and v != "", "a text")

BILLING_RULES: dict[str, Rule] = {
    "finalization_grace_seconds": _seconds(LONGEST_GRACE, whole=True),
    "draft_delay_seconds": _seconds(whole=True),
    "payment": _one_of("paid", "open"),
    "percent_off": (lambda v: type(v) is int and 0 <= v <= 100, "a whole number from 0 to 100"),  # noqa: PLR2004
    "discount_on": _one_of("subscription", "customer"),
    "webhooks_failing": _SWITCH,
    "clock_advance_seconds": _seconds(),
    "key_may_not": (_is_permissions, 'an object such as {"rk_test_reader": ["rak_invoice_read"]}, without live keys'),
    "draft_usage": _one_of("latest", "at_creation"),
    "quantity_changed_events": _SWITCH,
    "invoice_lag_seconds": _seconds(),
    "finalization_delay_seconds": _seconds(whole=True),
    "shortest_schedule_seconds": _seconds(whole=True),
    "period_end": _one_of("exclusive", "inclusive"),
    "volume_lines": _one_of("flat_apart", "one"),
    "flat_fee_at_zero": _SWITCH,
    "package_line_quantity": _one_of("usage", "packages"),
    "zero_usage_line": _one_of("line", "absent"),
    "window_meter_total": _one_of("overwritten", "all"),
    "swap_line_period": _one_of("from_swap", "whole"),
    "line_amounts": _one_of("minor", "payable"),
    "final_invoice_grace": _SWITCH,
    "trial_usage": _one_of("free", "billed"),
    "paused_usage": _one_of("lost", "billed"),
    "void_bills_again": _SWITCH,
    "clock_event_time": _one_of("clock", "real"),
    "clock_invoices_listed": _SWITCH,
    "invoice_item_permission": _TEXT,
    "preview_permission": _TEXT,
}
