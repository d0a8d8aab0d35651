"""Pages of tenants and their hours: why a number is what it is."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from fridge_pipeline.console.console_columns import amount_of, fields
from fridge_pipeline.console.frame import MONTH, Filter, Page, Row, Table
from fridge_pipeline.console.pages_of_invoices import INVOICE_NAMES
from fridge_pipeline.console.pages_of_months import HOUR_LINKS, OF_MONTH, by_meter
from fridge_pipeline.console.plots import Bar, stacked
from fridge_pipeline.finance.pages.words import meter_in_words

USED = {"usage": "column"}


def _bars(rows: Sequence[Row], label: str, form: str, value: str) -> Markup:
    def bar(row: Row) -> Bar:
        return Bar(f"{row[label]:{form}}", None if row[value] is None else {"usage": row[value]})

    return Markup("").join(
        stacked(meter_in_words(meter), [bar(row) for row in reversed(of_meter)], USED)
        for meter, of_meter in sorted(by_meter(rows).items())
    )


def months_plot(rows: Sequence[Row]) -> Markup:
    """The months of each meter side by side."""
    return _bars(rows, "usage_month", "%b %y", "month_usage")


def tenant_days_plot(rows: Sequence[Row]) -> Markup:
    """The days of each meter side by side."""
    return _bars(rows, "usage_date", "%d %b", "quantity")


TENANTS = Page(
    "/tenants",
    "Tenants",
    "What each tenant has used in a month (this one, unless another is asked for), and which Stripe customer pays it.",
    (
        Table(
            "tenants",
            "Tenants",
            "console_tenants",
            "One row per tenant and meter; a tenant without usage has one row.",
            fields(
                "tenant_id tenant_name stripe_customer_id meter signed_usage month_usage hours_with_usage first_hour "
                "last_hour",
                **HOUR_LINKS,
            ),
            "There is no such tenant.",
        ),
    ),
    filters=(MONTH, Filter("tenant", "Id or name holds")),
)

TENANT_PAGE = Page(
    "/tenants/{tenant}",
    "Tenant {tenant}",
    "Thirteen months of the tenant's usage, whom Stripe bills for it, what waits, and which sensors are silent.",
    (
        Table(
            "months",
            "Thirteen months",
            "console_tenant_months",
            "One row per meter and month, as of now; where a signed month has changed, the next table says how.",
            fields(
                "usage_month meter month_state month_usage hours_with_usage stated_quantity",
                usage_month="/tenants/{tenant_id}/months/{usage_month}",
            ),
            "No usage in the last 13 months.",
            plot=months_plot,
        ),
        Table(
            "signed",
            "Signed months",
            "console_tenant_signed",
            "One row per signed month and meter: as it was signed, and as it is now.",
            fields(
                "usage_month meter signed_usage usage_now signed_stated stated_now signed_stripe stripe_now "
                "hours_changed causes",
                **OF_MONTH,
            ),
            "No month with usage of the tenant is signed.",
        ),
        Table(
            "exceptions",
            "What waits or is wrong",
            "console_exceptions",
            "One row per open exception of the tenant.",
            fields("kind hour subject owed deadline_at detail", **HOUR_LINKS),
            "No exception of the tenant is open.",
        ),
        Table(
            "customers",
            "Customers",
            "console_tenant_customers",
            "One row per time that another Stripe customer, or name, was given to the tenant.",
            fields("changed_at customer_before customer_after changed_by os_user os_host why"),
            "Its customer was never imported.",
        ),
        Table(
            "sensors",
            "Silent sensors",
            "console_tenant_gaps",
            "One row per stretch of hours in which a sensor that was expected brought nothing. Missing is not zero.",
            fields("sensor_id silent_from silent_until hours_silent readings_per_hour_before"),
            "No sensor that was expected was silent, as of the last night.",
        ),
        Table(
            "invoices",
            "Invoices",
            "console_invoices",
            "One row per invoice of the tenant's customer, the newest first.",
            fields(INVOICE_NAMES, invoice_id="/invoices/{invoice_id}"),
            "No invoice of the tenant was read.",
        ),
    ),
    exists="console_tenant_exists",
    unknown="the books know no tenant {tenant}",
    is_in_menu=False,
)

HOURS = Page(
    "/tenants/{tenant}/months/{month}",
    "Tenant {tenant}, {month}",
    "Every hour of the tenant's month from the files to Stripe; each leads to what it is made of.",
    (
        Table(
            "hours",
            "Hours",
            "console_tenant_hours",
            "One row per hour and meter, the newest first.",
            fields(
                "hour meter file_rows inserted duplicates rejected signed_usage usage_quantity stated_revision "
                "signed_stated stated_quantity stripe_quantity stripe_read_at waits_for",
                **HOUR_LINKS,
            ),
            "No hour of the month is on record for the tenant; that is not a usage of zero.",
        ),
    ),
    exists="console_tenant_exists",
    unknown="the books know no tenant {tenant}",
    links=(("The tenant", "/tenants/{tenant}"), ("The month", "/months/{month}")),
    is_in_menu=False,
)

HOUR_PAGE = Page(
    "/tenants/{tenant}/hours/{hour}",
    "Tenant {tenant} in {hour}",
    "Why the number of this hour is what it is: from the landing files over usage and statements to Stripe's answers.",
    (
        Table(
            "tie_out",
            "From the files to Stripe",
            "console_hour_tie_out",
            "One row per meter.",
            fields(
                "meter file_rows inserted duplicates rejected derived_quantity signed_usage usage_quantity "
                "signed_stated stated_quantity signed_stripe stripe_quantity stripe_read_at hour_cause state"
            ),
            "The books hold no usage of the tenant in this hour. That is not a usage of zero.",
        ),
        Table(
            "files",
            "Landing files",
            "explain_files",
            "One row per file of the hour with rows of the tenant, and what became of these rows.",
            fields(
                "path file_status=status file_rows=tenant_row_count inserted=tenant_inserted_count "
                "duplicates=tenant_duplicate_count rejected=tenant_rejected_count loaded_at is_withdrawn withdrawn_by "
                "why=withdrawal_reason content_hash run_id"
            ),
            "No file of the hour had rows of the tenant.",
        ),
        Table(
            "rejections",
            "Rejected rows of these files",
            "console_hour_rejections",
            "One row per file and reason, of all tenants in the file.",
            fields("path rejected_for rejected_rows"),
            "No row was rejected.",
        ),
        Table(
            "statements",
            "Statements to Stripe",
            "explain_statements",
            "One row per revision: what was sent to Stripe, and what it answered last.",
            fields(
                "meter=event_name revision ledger_quantity=value is_difference statement_status=status "
                "is_counted_by_stripe stripe_customer_id identifier staged_at settled_at http_status request_id answer "
                "run_id"
            ),
            "Nothing was stated to Stripe.",
        ),
        Table(
            "deliveries",
            "What was done at Stripe",
            "explain_deliveries",
            "One row per time that a statement was sent, read back or cancelled.",
            fields("acted_at act came_to=outcome identifier http_status request_id answer run_id"),
            "Nothing was sent.",
        ),
        Table(
            "exceptions",
            "Exceptions",
            "explain_exceptions",
            "One row per exception of the hour, also when it is over.",
            fields("kind subject owed detail opened_at deadline_at closed_at"),
            "None.",
        ),
        Table(
            "settlements",
            "Settlements",
            "explain_settlements",
            "One row per exception of the hour that people have ended, with what is the tenant's of it.",
            fields(
                "settled_at kind meter=event_name how settled_quantity=quantity document why=reason settled_by "
                "approved_by"
            ),
            "Nothing of the hour was settled.",
        ),
        Table(
            "lines",
            "Invoice lines that bill it",
            "explain_invoice_lines_of_hour",
            "One row per line, as it was read last, whose period the hour lies in.",
            (
                *fields(
                    "invoice_id invoice_status=status line_id meter=event_name period_start period_end "
                    "line_quantity=quantity",
                    invoice_id="/invoices/{invoice_id}",
                    line_id="/invoices/{invoice_id}/lines/{line_id}",
                ),
                amount_of("amount", "Amount"),
            ),
            "No line that was read bills the hour.",
        ),
        Table(
            "code",
            "Code that made it",
            "explain_runs",
            "One row per run that loaded a file of the hour or staged a statement.",
            fields("run_id started_at launched_by program_version source_sha256"),
            "No run of it is on record.",
        ),
    ),
    exists="console_tenant_exists",
    unknown="the books know no tenant {tenant}",
    links=(("The tenant", "/tenants/{tenant}"),),
    is_in_menu=False,
)
