"""Subscriptions as requests describe them: anchors, trials and thresholds, before their items are looked up."""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox.billing.periods import AnchorConfig
from stripe_sandbox.stripe_shapes import Form, refused, wrong_parameter

DAY = 86_400
COLLECTION = ("charge_automatically", "send_invoice")
PRORATION = ("always_invoice", "create_prorations", "none")


@dataclass(frozen=True)
class Beginning:
    """When a subscription starts, where its periods are anchored, and until when it is on trial; unix seconds."""

    start: int
    anchor: int
    anchor_config: AnchorConfig | None
    trial_end: int | None


def read_beginning(form: Form, now: int) -> Beginning:
    """Start, anchor and trial of ``POST /v1/subscriptions``. Raises ``StripeError`` (400)."""
    start = form.optional_integer("backdate_start_date")
    if start is not None and start > now:
        raise refused("backdate_start_date has to be in the past.", "backdate_start_date")
    trial_end = _trial_end(form, now)
    anchor, config = form.optional_integer("billing_cycle_anchor"), _anchor_config(form)
    if anchor is not None and config is not None:
        text = "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config."
        raise wrong_parameter(text, "billing_cycle_anchor_config")
    if config is not None:
        anchor = config.first_after(now - 1)
    if anchor is not None and anchor < now:
        raise refused("billing_cycle_anchor has to be a time that is not in the past.", "billing_cycle_anchor")
    if anchor is None:
        anchor = now if trial_end is None else trial_end
    return Beginning(now if start is None else start, anchor, config, trial_end)


def read_days_until_due(form: Form, collection_method: str) -> int | None:
    """The days of ``send_invoice``, which needs them. Raises ``StripeError`` (400)."""
    days = form.optional_integer("days_until_due")
    if (days is not None) != (collection_method == "send_invoice"):
        text = "days_until_due belongs to collection_method=send_invoice, which needs it."
        raise refused(text, "days_until_due")
    return days


def read_amount_gte(form: Form) -> tuple[int | None, bool]:
    """``billing_thresholds`` of a subscription: an amount in minor units, and whether it resets the anchor."""
    group = form.optional_group("billing_thresholds")
    if group is None:
        return None, False
    group.allow_only("amount_gte", "reset_billing_cycle_anchor")
    return group.optional_integer("amount_gte"), bool(group.optional_boolean("reset_billing_cycle_anchor"))


def read_usage_gte(row: Form) -> int | None:
    """``billing_thresholds`` of an item: a quantity of usage."""
    group = row.optional_group("billing_thresholds")
    if group is None:
        return None
    group.allow_only("usage_gte")
    return group.integer("usage_gte")


def read_mode(form: Form) -> str:
    """``billing_mode[type]``: flexible unless it says classic, as since the API of 2025-09-30."""
    group = form.optional_group("billing_mode")
    if group is None:
        return "flexible"
    group.allow_only("type", "flexible")
    return group.choice("type", ("classic", "flexible"))


def _trial_end(form: Form, now: int) -> int | None:
    days, end = form.optional_integer("trial_period_days"), form.optional_integer("trial_end")
    if days is not None and end is not None:
        text = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise wrong_parameter(text, "trial_period_days")
    if days is not None:
        end = now + days * DAY
    if end is not None and end <= now:
        raise refused("trial_end has to be in the future.", "trial_end")
    return end


def _anchor_config(form: Form) -> AnchorConfig | None:
    group = form.optional_group("billing_cycle_anchor_config")
    if group is None:
        return None
    group.allow_only("day_of_month", "hour", "minute", "month", "second")
    parts = {
        name: _bounded(group, name, low, high)
        for name, low, high in (
            ("day_of_month", 1, 31),
            ("hour", 0, 23),
            ("minute", 0, 59),
            ("second", 0, 59),
            ("month", 1, 12),
        )
    }
    day = parts["day_of_month"]
    if day is None:
        raise wrong_parameter("Missing required param: billing_cycle_anchor_config[day_of_month].", "day_of_month")
    return AnchorConfig(day, parts["hour"] or 0, parts["minute"] or 0, parts["second"] or 0, parts["month"])


def _bounded(group: Form, name: str, low: int, high: int) -> int | None:
    value = group.optional_integer(name)
    if value is not None and not low <= value <= high:
        raise wrong_parameter(f"{group.full_name(name)} has to be between {low} and {high}.", group.full_name(name))
    return value
