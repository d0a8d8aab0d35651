"""The first page, and those of months: what a controller asks for in the morning, and at the month's end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from fridge_pipeline.console.console_columns import fields
from fridge_pipeline.console.frame import MONTH, TENANT, Filter, Page, Row, Table
from fridge_pipeline.console.plots import Bar, heat_map, stacked, waterfall
from fridge_pipeline.finance.pages.words import meter_in_words
from fridge_pipeline.reason_codes import EXCEPTION_KINDS

#: Seconds for which sums over all tenants are shown again before they are read anew.
MINUTE, HOUR = 60, 3600

OF_MONTH = {"usage_month": "/months/{usage_month}"}
HOUR_LINKS = {"hour": "/tenants/{tenant_id}/hours/{hour}", "tenant_id": "/tenants/{tenant_id}"}

#: What becomes of a day's usage, and its colour; and the steps from usage to invoice.
PARTS = {"billed": "column", "held": "held", "waiting": "waiting", "lost": "lost", "elsewhere": "elsewhere"}
STEPS = (
    ("usage", "none", "usage_now"),
    ("stated", "not stated", "stated_now"),
    ("Stripe's own", "not read", "stripe_now"),
    ("invoiced", "none compared", "invoiced"),
)


def by_meter(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each meter: quantities of two meters are never added."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["meter"], []).append(row)
    return found


def days_plot(rows: Sequence[Row]) -> Markup:
    """Sixty days of each meter."""

    def parts(row: Row) -> dict[str, int] | None:
        return None if row["used"] is None else {each: row[each] for each in PARTS}

    return Markup("").join(
        stacked(
            f"{meter_in_words(meter)} by day",
            [Bar(f"{row['usage_date']:%d %b}", parts(row)) for row in reversed(of_meter)],
            PARTS,
        )
        for meter, of_meter in by_meter(rows).items()
    )


def figures_plot(rows: Sequence[Row]) -> Markup:
    """From usage to invoice, meter by meter."""
    return Markup("").join(
        waterfall(
            f"{meter_in_words(row['meter'])}: from usage to invoice",
            [(label, missing, row[name]) for label, missing, name in STEPS],
        )
        for row in rows
    )


def cutoff_plot(rows: Sequence[Row]) -> Markup:
    """The months of each meter against each other."""

    def place(row: Row) -> tuple[str, str]:
        recorded = row["month_recorded"]
        return f"{row['month_billed']:%Y-%m}", f"{recorded:%Y-%m}" if recorded else "not on record"

    return Markup("").join(
        heat_map(
            f"{meter_in_words(meter)}: billed in (down), recorded in (across)",
            {place(row): row["quantity"] for row in of_meter},
        )
        for meter, of_meter in by_meter(rows).items()
    )


KINDS = Table(
    "kinds",
    "Open exceptions, by kind",
    "console_exceptions_by_kind",
    "One row per kind with an open exception: what waits for a person, also where Stripe has the usage.",
    fields("kind exceptions tenants first_opened_at deadline_at", kind="/exceptions?kind={kind}"),
    "No exception is open.",
)

INDEX = Page(
    "/",
    "Today",
    "The state of billing now: what this month has come to, what is not billed yet and until when it can be.",
    (
        Table(
            "freshness",
            "How far the books reach",
            "console_freshness",
            "One row per question.",
            fields("freshness moment"),
            "Nothing is on record yet.",
            keeps=MINUTE,
            is_cards=True,
        ),
        Table(
            "unbilled",
            "Unbilled by cause",
            "console_unbilled_by_cause",
            "One row per cause and meter of usage that Stripe does not have, the nearest deadline first.",
            fields(
                "waiting_for meter owed tenant_hours oldest_hour days_left deadline_at",
                waiting_for="/unbilled?kind={kind}",
            ),
            "Everything that was counted is with Stripe.",
        ),
        KINDS,
        Table(
            "standing",
            "This month and the last",
            "console_standing",
            "One row per month and meter, with what was signed beside what it is now.",
            fields("usage_month month_state meter signed_usage usage_now change_in_usage", **OF_MONTH),
            "No usage in this month or the last.",
            keeps=MINUTE,
        ),
        Table(
            "days",
            "The last 60 days",
            "console_days",
            "One row per meter and UTC day: usage, and what has become of it; what is below 0 is to be given back.",
            fields("usage_date meter used billed held waiting lost elsewhere"),
            "No usage in the last 60 days.",
            plot=days_plot,
            keeps=MINUTE,
        ),
    ),
)

MONTHS = Page(
    "/months",
    "Months",
    "Which months are signed, by whom, and where their reports and evidence packs are.",
    (
        Table(
            "months",
            "Months",
            "console_months",
            "One row per UTC month with a landing file or a signature, the newest first.",
            fields(
                "usage_month month_state prepared_by month_approved_by signed_at packs",
                **OF_MONTH,
                packs="/evidence?month={usage_month}",
            ),
            "The books hold no landing file yet.",
        ),
    ),
)


def month_page(packs_also: Callable[[Row], Row], report: str, owed: Table) -> Page:
    """A month: figures, what is ``owed`` on invoices, signatures, packs; ``report`` is the address of its report."""
    return Page(
        "/months/{month}",
        "Month {month}",
        "What the month comes to from usage to invoices, what was signed of it, and what has changed since.",
        (
            Table(
                "figures",
                "From usage to invoice",
                "console_month_figures",
                "One row per meter: as signed, where it is signed, and as of now. Stripe's own is what Stripe showed "
                "of the days that were read; invoiced are billing periods that end in the month, "
                "on invoices that are final.",
                fields(
                    "meter signed_usage usage_now signed_stated stated_now signed_stripe stripe_now "
                    "tenant_days_not_read stripe_read_at invoiced"
                ),
                "The books hold no usage of this month.",
                plot=figures_plot,
                keeps=MINUTE,
            ),
            Table(
                "outcome",
                "What has become of the usage",
                "console_month_outcome",
                "One row per meter, outcome and cause, as of now.",
                fields("meter outcome outcome_cause outcome_quantity percent"),
                "Nothing.",
                keeps=MINUTE,
            ),
            owed,
            Table(
                "signatures",
                "Signatures",
                "console_signoffs",
                "One row per signature about the month, the newest first.",
                fields("signoff_id signed_at action signed_by os_user os_host why"),
                "Nobody has signed anything about this month.",
            ),
            Table(
                "changes",
                "Changed since it was signed",
                "console_month_changes",
                "One row per hour of a tenant that is not what was signed.",
                fields(
                    "tenant_id meter hour signed_usage usage_now change_in_usage signed_stated stated_now "
                    "signed_stripe stripe_now cause detail",
                    **HOUR_LINKS,
                ),
                "Nothing has changed since it was signed, or it is not signed.",
            ),
            packs_table(packs_also),
        ),
        exists="console_month_exists",
        unknown="the books hold no landing file, no usage and no signature of {month}",
        links=(
            ("Report", report),
            ("Tenants of the month", "/tenants?month={month}"),
            ("What is unbilled of it", "/unbilled?month={month}"),
            ("Exceptions of it", "/exceptions?month={month}"),
            ("Restatements", "/restatements?month={month}"),
            ("A sample of it", "/sample?month={month}"),
        ),
        is_in_menu=False,
    )


def packs_table(also: Callable[[Row], Row]) -> Table:
    """The evidence packs, with whether a signature and a time stamp lie beside each."""
    return Table(
        "packs",
        "Evidence packs",
        "console_packs",
        "One row per evidence pack that was made of a closed month.",
        fields("month made_at made_by signature chained_to manifest_sha256", month="/months/{month}"),
        "No pack is on record.",
        also=also,
    )


KIND = Filter("kind", "Kind", {kind: kind.replace("_", " ") for kind in EXCEPTION_KINDS})

UNBILLED = Page(
    "/unbilled",
    "Unbilled",
    "Usage that Stripe does not have, by how long there is left to bill it, and what of it is to be accrued.",
    (
        Table(
            "hours",
            "Hour by hour",
            "console_unbilled",
            "One row per hour of a tenant and cause, the nearest deadline first.",
            fields("tenant_id hour kind meter owed days_left deadline_at days_open detail", **HOUR_LINKS),
            "No usage waits.",
        ),
        Table(
            "ageing",
            "By time left",
            "console_ageing",
            "One row per time left and meter, the nearest deadline first.",
            fields("left_in_words meter owed tenant_hours tenants oldest_hour"),
            "No usage waits.",
        ),
        Table(
            "accrual",
            "To be accrued",
            "console_accrual",
            "One row per month, meter and cause: usage that no final invoice bills, and what it comes to where the "
            "price is known; of the month, or of this one and the last.",
            fields(
                "usage_month meter accrual_cause not_invoiced tenants amount_minor_units tenants_without_price",
                **OF_MONTH,
            ),
            "All usage is on final invoices.",
            keeps=HOUR,
        ),
    ),
    filters=(TENANT, KIND, MONTH),
)

CUTOFF = Page(
    "/cutoff",
    "Cut-off",
    "In which month usage was recorded, and in which it is billed: of the last 13 months.",
    (
        Table(
            "cutoff",
            "Billed and recorded",
            "console_cutoff",
            "One row per meter, month billed and month recorded. A month is signed as a whole: what was signed of it "
            "stands beside all that is billed in it now.",
            fields("meter month_billed month_recorded quantity month_signed month_now"),
            "No usage in the last 13 months.",
            plot=cutoff_plot,
        ),
    ),
    filters=(TENANT,),
)
