"""Pages of invoices, down to the hours and files of a line."""

from __future__ import annotations

from fridge_pipeline.console.console_columns import fields
from fridge_pipeline.console.frame import MONTH, TENANT, Filter, Page, Table
from fridge_pipeline.console.pages_of_months import HOUR_LINKS

INVOICE_NAMES = (
    "invoice_id invoice_number invoice_status created_at finalized_at total_minor_units periods differing unexplained "
    "signed_and_now read_at"
)

STATUSES = ("draft", "open", "paid", "uncollectible", "void", "deleted")

#: On the page of a month, beside what has become of its usage.
OWED_ON_INVOICES = Table(
    "invoices",
    "Owed on invoices",
    "console_month_invoices",
    "One row per meter, kind and currency of exceptions about billing periods that begin in the month; "
    "billed is what Stripe counts, and an invoice may miss it.",
    fields("meter kind exceptions owed owed_minor_units", kind="/exceptions?kind={kind}"),
    "No exception about an invoice is open.",
)

INVOICES = Page(
    "/invoices",
    "Invoices",
    "Stripe's invoices with lines of our meters: whether each bills what was used, and what no invoice carries.",
    (
        Table(
            "invoices",
            "Invoices",
            "console_invoices",
            "One row per invoice, the newest first, as Stripe showed it when it was last read.",
            fields(f"{INVOICE_NAMES} tenant_id tenant_name", **HOUR_LINKS, invoice_id="/invoices/{invoice_id}"),
            "No such invoice was read; fridge invoices --read-stripe reads them.",
        ),
        Table(
            "not_invoiced",
            "On no invoice",
            "console_not_invoiced",
            "One row per tenant, meter and time whose usage no invoice carries.",
            fields(
                "tenant_id meter period_start period_end signed_usage usage_now usage_quantity accepted_quantity "
                "not_invoiced invoice_cause amount_minor_units",
                **HOUR_LINKS,
            ),
            "No compared usage is without an invoice.",
        ),
    ),
    filters=(
        TENANT,
        MONTH,
        Filter("status", "Status", {each: each for each in STATUSES}),
        Filter(
            "compared", "Beside usage", {"agree": "agrees", "differ": "differs", "unexplained": "differs, unexplained"}
        ),
    ),
)

INVOICE_PAGE = Page(
    "/invoices/{invoice}",
    "Invoice {invoice}",
    "What the invoice bills, beside our usage of the same periods; each line leads to its hours and files.",
    (
        Table(
            "periods",
            "Beside usage",
            "console_invoice_periods",
            "One row per tenant, meter and billing period.",
            fields(
                "tenant_id meter period_start period_end signed_usage usage_now usage_quantity accepted_quantity "
                "stripe_quantity invoice_quantity amount invoice_cause what_to_do amount_minor_units",
                **HOUR_LINKS,
            ),
            "It was not compared with usage yet.",
        ),
        Table(
            "lines",
            "Lines",
            "console_invoice_lines",
            "One row per line, in the invoice's order.",
            fields(
                "line_id line_meter period_start period_end line_quantity amount_minor_units price_id is_invoice_item",
                line_id="/invoices/{invoice_id}/lines/{line_id}",
            ),
            "It has no lines.",
        ),
        Table(
            "invoice",
            "As Stripe showed it",
            "console_invoice",
            "One row: the invoice.",
            fields(
                "invoice_number tenant_id stripe_customer_id invoice_status created_at finalized_at total_minor_units "
                "credited_minor_units read_at",
                **HOUR_LINKS,
            ),
            "None.",
        ),
    ),
    exists="console_invoice_exists",
    unknown="no invoice {invoice} with a line of our meters was read",
    is_in_menu=False,
)

LINE_PAGE = Page(
    "/invoices/{invoice}/lines/{line}",
    "Line {line}",
    "The hours whose usage the line bills. Late means: Stripe decided about it after the invoice was final.",
    (
        Table(
            "hours",
            "Hours",
            "console_line_hours",
            "One row per hour with usage in the line's period, with its statements and files.",
            fields("hour tenant_id meter signed_usage quantity stated_quantity is_late statements paths", **HOUR_LINKS),
            "No usage of the line's customer in its period is on record.",
        ),
    ),
    exists="console_line_exists",
    unknown="the invoice {invoice} has no line {line}",
    links=(("The invoice", "/invoices/{invoice}"),),
    is_in_menu=False,
)
