"""What a restricted key may do: one permission a kind of object, for reading and for writing."""

from __future__ import annotations

from stripe_sandbox.settings import Settings
from stripe_sandbox.stripe_shapes import StripeError

_RESOURCES = {  # the names that public code knows; the longest path counts
    "/v1/billing/meter_event_adjustments": "rak_billing_meter_event_adjustment",
    "/v1/billing/meter_events": "rak_billing_meter_event",
    "/v1/billing/meters": "rak_billing_meter",
    "/v1/credit_notes": "rak_credit_note",
    "/v1/customers": "rak_customer",
    "/v1/events": "rak_event",
    "/v1/invoice_payments": "rak_invoice",
    "/v1/invoices": "rak_invoice",
    "/v1/prices": "rak_plan",
    "/v1/products": "rak_product",
    "/v1/refunds": "rak_charge",
    "/v1/subscription_items": "rak_subscription",
    "/v1/subscriptions": "rak_subscription",
    "/v1/test_helpers/test_clocks": "rak_billing_clock",
    "/v2/core/events": "rak_event",
}


def permission_of(method: str, path: str, settings: Settings) -> str:
    """The permission that this call needs; for previews and invoice items Stripe's name for it is not known."""
    if path == "/v1/invoices/create_preview":
        return settings.preview_permission
    way = "read" if method == "GET" else "write"
    if path.startswith("/v1/invoiceitems"):
        return f"{settings.invoice_item_permission}_{way}"
    known = max((each for each in _RESOURCES if path == each or path.startswith(f"{each}/")), key=len)
    return f"{_RESOURCES[known]}_{way}"


def require(permission: str, lacking: frozenset[str]) -> None:
    """Raises ``StripeError`` (403) when the key lacks the permission; the key itself does not stand in the text."""
    if permission in lacking:
        text = (
            "The provided key 'rk_test_***' does not have the required permissions for this endpoint on account "
            f"'acct_sandbox'. Having the '{permission}' permission would allow this request to continue."
        )
        raise StripeError(403, text)
