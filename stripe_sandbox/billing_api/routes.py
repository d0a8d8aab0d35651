"""The table of the billing endpoints."""

from __future__ import annotations

from stripe_sandbox.billing_api import (
    catalog,
    changes,
    credit_notes,
    events,
    invoice_items,
    invoices,
    money_back,
    previews,
    subscriptions,
    test_clocks,
)
from stripe_sandbox.billing_api.expansion import expanding
from stripe_sandbox.stripe_api import Endpoint

_TABLE: tuple[tuple[str, str, Endpoint], ...] = (  # fixed words before names in braces: routes are tried in this order
    ("GET", "/v1/invoices", invoices.list_invoices),
    ("POST", "/v1/invoices", invoices.create_invoice),
    ("POST", "/v1/invoices/create_preview", previews.create_preview),
    ("GET", "/v1/invoices/{invoice}", invoices.retrieve_invoice),
    ("POST", "/v1/invoices/{invoice}", invoices.update_invoice),
    ("DELETE", "/v1/invoices/{invoice}", invoices.delete_invoice),
    ("GET", "/v1/invoices/{invoice}/lines", invoices.list_lines),
    ("POST", "/v1/invoices/{invoice}/finalize", invoices.finalize_invoice),
    ("POST", "/v1/invoices/{invoice}/void", invoices.void_invoice),
    ("POST", "/v1/invoices/{invoice}/pay", invoices.pay_invoice),
    ("POST", "/v1/invoices/{invoice}/mark_uncollectible", invoices.mark_uncollectible),
    ("POST", "/v1/invoiceitems", invoice_items.create_invoice_item),
    ("GET", "/v1/invoiceitems", invoice_items.list_invoice_items),
    ("GET", "/v1/invoiceitems/{invoiceitem}", invoice_items.retrieve_invoice_item),
    ("POST", "/v1/invoiceitems/{invoiceitem}", invoice_items.update_invoice_item),
    ("DELETE", "/v1/invoiceitems/{invoiceitem}", invoice_items.delete_invoice_item),
    ("POST", "/v1/credit_notes", credit_notes.create_credit_note),
    ("GET", "/v1/credit_notes", credit_notes.list_credit_notes),
    ("GET", "/v1/credit_notes/preview", credit_notes.preview_credit_note),
    ("GET", "/v1/credit_notes/{id}", credit_notes.retrieve_credit_note),
    ("POST", "/v1/credit_notes/{id}/void", credit_notes.void_credit_note),
    ("GET", "/v1/credit_notes/{credit_note}/lines", credit_notes.list_credit_note_lines),
    ("GET", "/v1/invoice_payments", money_back.list_invoice_payments),
    ("POST", "/v1/refunds", money_back.create_refund),
    ("GET", "/v1/refunds", money_back.list_refunds),
    ("GET", "/v1/refunds/{refund}", money_back.retrieve_refund),
    ("POST", "/v1/customers/{customer}/balance_transactions", money_back.adjust_balance),
    ("GET", "/v1/customers/{customer}/balance_transactions", money_back.list_balance),
    ("GET", "/v1/events", events.list_events),
    ("GET", "/v1/events/{id}", events.retrieve_event),
    ("POST", "/v1/products", catalog.create_product),
    ("GET", "/v1/products", catalog.list_products),
    ("GET", "/v1/products/{id}", catalog.retrieve_product),
    ("POST", "/v1/prices", catalog.create_price),
    ("GET", "/v1/prices", catalog.list_prices),
    ("GET", "/v1/prices/{price}", catalog.retrieve_price),
    ("POST", "/v1/prices/{price}", catalog.update_price),
    ("POST", "/v1/subscriptions", subscriptions.create_subscription),
    ("GET", "/v1/subscriptions", subscriptions.list_subscriptions),
    ("GET", "/v1/subscriptions/{subscription}", subscriptions.retrieve_subscription),
    ("POST", "/v1/subscriptions/{subscription}", changes.update_subscription),
    ("POST", "/v1/subscriptions/{subscription}/pause", changes.pause_subscription),
    ("POST", "/v1/subscriptions/{subscription}/resume", changes.resume_subscription),
    ("DELETE", "/v1/subscriptions/{subscription}", subscriptions.cancel_subscription),
    ("GET", "/v1/subscription_items", subscriptions.list_subscription_items),
    ("POST", "/v1/test_helpers/test_clocks", test_clocks.create_test_clock),
    ("GET", "/v1/test_helpers/test_clocks", test_clocks.list_test_clocks),
    ("GET", "/v1/test_helpers/test_clocks/{test_clock}", test_clocks.retrieve_test_clock),
    ("DELETE", "/v1/test_helpers/test_clocks/{test_clock}", test_clocks.delete_test_clock),
    ("POST", "/v1/test_helpers/test_clocks/{test_clock}/advance", test_clocks.advance_test_clock),
)

BILLING_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = tuple(
    (method, path, expanding(endpoint)) for method, path, endpoint in _TABLE
)
