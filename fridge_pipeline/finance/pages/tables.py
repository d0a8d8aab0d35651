"""The tables themselves: the workbook has them by the hour, the page by tenant and cause, so that it can be read."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from fridge_pipeline.finance.pages.acts_and_files import (
    FILES,
    RELEASES,
    SERVICE_MONTHS,
    SIGNATURES,
    SIGNATURES_SECTION,
    WITHDRAWALS,
)
from fridge_pipeline.finance.pages.columns import Section, Table
from fridge_pipeline.finance.pages.signed_tables import CHANGED_SINCE_SIGNED, SIGNED_AND_NOW
from fridge_pipeline.finance.rules.hour_totals import known_sum
from fridge_pipeline.finance.rules.month_books import HourBooks, MonthBooks
from fridge_pipeline.finance.rules.month_detail import usage_by_tenant
from fridge_pipeline.finance.rules.outcomes import cause_in_few_words
from fridge_pipeline.invoices.rules.money import money

HOUR_OF_METER = ["tenant_id", "meter", "hour"]


def _hours_in_full(books: HourBooks) -> pl.DataFrame:
    """The tie-out by the hour, with the late share of the hour and the request in which it was stated."""
    newest = (
        books.billing_ledger.rename({"revision": "stated_revision", "status": "statement_status"})
        .select(*HOUR_OF_METER, "stated_revision", "statement_status", "request_id", "identifier")
        .unique([*HOUR_OF_METER, "stated_revision"], keep="last")
    )
    late = books.usage_hourly.select(*HOUR_OF_METER, "late_readings", "late_share")
    return (
        books.tie_out.join(late, on=HOUR_OF_METER, how="left")
        .join(newest, on=[*HOUR_OF_METER, "stated_revision"], how="left")
        .rename({"status": "tie_out"})
        .sort("tenant_id", "hour", "meter")
    )


USAGE_BY_MONTH = Table(
    "Usage by month",
    "One row per tenant and meter with usage in the month",
    "tenant_id tenant_name meter quantity stated stripe hours_with_usage hours_different hours_unexplained"
    " hours_not_read first_hour last_hour late_readings late_share",
    usage_by_tenant,
    "quantity stated stripe hours_with_usage hours_different hours_unexplained hours_not_read",
)
USAGE_BY_DAY = Table(
    "Usage by day",
    "One row per tenant, meter and UTC day with usage; a day without data has no row",
    "tenant_id meter usage_date quantity hours_with_usage late_readings late_share",
    lambda books: books.usage_daily.sort("tenant_id", "usage_date", "meter"),
    "quantity hours_with_usage",
)
FILE_ROWS = Table(
    "Rows in files",
    "One row per tenant and UTC day: what became of the rows of the landing files",
    "tenant_id usage_date file_rows inserted duplicates rejected hours_not_recorded",
    lambda books: books.totals.file_rows,
    "file_rows inserted duplicates rejected hours_not_recorded",
)
HOURS = Table(
    "Hours",
    "One row per tenant, meter and hour: the tie-out in full. Rows of files are those of the tenant's hour and stand "
    "on each of its meters' rows; their totals are on the sheet Rows in files",
    "tenant_id meter hour file_rows inserted duplicates rejected derived_quantity usage_quantity stated_quantity"
    " stated_revision stripe_quantity stripe_read_at tie_out cause amount statement_status request_id identifier"
    " late_readings late_share",
    totals="derived_quantity usage_quantity stated_quantity stripe_quantity",
    of_hours=_hours_in_full,
)
DIFFERENCES = Table(
    "Differences",
    "One row per difference between two steps of the tie-out",
    "tenant_id meter hour step expected found amount cause is_explained detail",
    lambda books: books.tie_out_differences.sort(
        "is_explained", pl.col("amount").abs(), "hour", "tenant_id", descending=[False, True, False, False]
    ),
)
EXCEPTIONS = Table(
    "Exceptions",
    "One row per open exception: what a person must see",
    "kind tenant_id hour subject owed money deadline_at days_left opened_at days_open detail",
    lambda books: _in_money(_with_owed(books)).sort("days_left", "opened_at", "tenant_id", "hour", nulls_last=True),
)
RESTATEMENTS = Table(
    "Restatements",
    "One row per statement after the first of an hour: who changed a number, when and why",
    "tenant_id meter hour revision quantity_before quantity_after change reason caused_by restated_at"
    " statement_status identifier run_id",
    lambda books: books.restatements.rename({"status": "statement_status"}).sort(
        "restated_at", "tenant_id", "hour", "meter", "revision"
    ),
    "change",
)
UNMAPPED = Table(
    "Unmapped usage",
    "One row per tenant, meter and hour with usage that waits for a Stripe customer",
    "tenant_id meter hour quantity waiting_since bill_until days_left",
    lambda books: books.unmapped_usage.sort("days_left", "tenant_id", "hour", "meter"),
    "quantity",
)
DATA_GAPS = Table(
    "Data gaps",
    "One row per silence of a sensor that was expected to report; missing is not zero",
    "tenant_id sensor_id silent_from silent_until hours_silent readings_per_hour_before",
    lambda books: books.data_gaps.sort("hours_silent", "tenant_id", "sensor_id", descending=[True, False, False]),
)
DECISIONS = Table(
    "Decisions",
    "One row per setting of a switch that changes what is billed, as far as it held in the month or 35 days after it",
    "decision setting reason decided_by decided_at until",
    lambda books: books.decisions_in_force.rename({"subject": "decision"}),
)
LEDGER = Table(
    "Ledger",
    "One row per statement to Stripe, whatever became of it",
    "tenant_id meter hour revision ledger_quantity is_difference status is_counted_by_stripe stripe_customer_id"
    " http_status request_id answer staged_at settled_at identifier run_id",
    of_hours=lambda books: books.billing_ledger.rename({"quantity": "ledger_quantity"}).sort(
        "tenant_id", "hour", "meter", "revision"
    ),
)
OUTCOMES = Table(
    "Outcome",
    "One row per outcome, cause and meter: what has become of the month's usage; the quantities of a meter come to it",
    "meter outcome_in_words cause_of_outcome outcome_quantity percent",
    lambda books: books.month_outcome.select(
        "meter",
        pl.col("outcome").alias("outcome_in_words"),
        pl.col("cause").map_elements(cause_in_few_words, return_dtype=pl.String).alias("cause_of_outcome"),
        pl.col("quantity").alias("outcome_quantity"),
        "percent",
    ).sort("meter", "outcome_in_words", "outcome_quantity", descending=[False, False, True]),
)
SETTLEMENTS = Table(
    "Settlements",
    "One row per exception that a person has ended by a decision: so much is not stated any more",
    "tenant_id meter hour kind how settled_quantity document reason settled_by approved_by settled_at",
    lambda books: books.settlements.rename({"event_name": "meter", "quantity": "settled_quantity"}).sort(
        "settled_at", "tenant_id", "hour", nulls_last=True
    ),
)
MAPPING_CHANGES = Table(
    "Customers of tenants",
    "One row per change of a tenant's Stripe customer or name, from the month's beginning until 35 days after its end",
    "tenant_id tenant_name customer_before customer_after changed_at changed_by os_user os_host reason",
    lambda books: books.mapping_changes.sort("changed_at", "tenant_id"),
)
#: The sheets of the workbook after the summary, in this order.
SHEETS = (
    *(OUTCOMES, USAGE_BY_MONTH, USAGE_BY_DAY, SERVICE_MONTHS, FILE_ROWS, SIGNED_AND_NOW, DIFFERENCES, EXCEPTIONS),
    *(SETTLEMENTS, RESTATEMENTS, UNMAPPED, MAPPING_CHANGES, DATA_GAPS, DECISIONS, SIGNATURES, RELEASES, WITHDRAWALS),
    *(FILES, HOURS, LEDGER),
)


def _span() -> pl.Expr:
    """An hour, or how many there are and from when to when."""
    first, last = (each.dt.strftime("%Y-%m-%d %H:%M") for each in (pl.col("hour").min(), pl.col("hour").max()))
    hours = pl.format("{} hours, {} to {}", pl.col("hour").count(), first, last)
    return pl.when(first == last).then(first).otherwise(hours).alias("span")


def _differences(books: MonthBooks) -> pl.DataFrame:
    """The most pressing first: unexplained ones, then the largest."""
    amount = pl.when(pl.col("amount").count() > 0).then(pl.col("amount").sum())
    return (
        books.tie_out_differences.sort(pl.col("amount").abs(), descending=True, nulls_last=True)
        .group_by("is_explained", "tenant_id", "meter", "step", "cause", maintain_order=True)
        .agg(_span(), amount_in_all=amount, largest_detail=pl.col("detail").first())
        .with_columns(state=pl.when("is_explained").then(pl.lit("explained")).otherwise(pl.lit("unexplained")))
        .sort(
            "is_explained", pl.col("amount_in_all").abs(), "tenant_id", descending=[False, True, False], nulls_last=True
        )
    )


def _with_owed(books: MonthBooks) -> pl.DataFrame:
    return books.exceptions_open.with_columns(owed=pl.coalesce(pl.col("owed").cast(pl.Float64), "not_invoiced"))


def _in_money(exceptions: pl.DataFrame) -> pl.DataFrame:
    """With what they come to as a text, where a price says so."""
    rows = exceptions.select("amount_minor_units", "currency").rows()
    told = [money(amount, currency) if amount is not None else "" for amount, currency in rows]
    return exceptions.with_columns(money=pl.Series(told, dtype=pl.String))


def _exceptions(books: MonthBooks) -> pl.DataFrame:
    return (
        _with_owed(books)
        .sort("days_left", "opened_at", nulls_last=True)
        .group_by("kind", "tenant_id", "subject", maintain_order=True)
        .agg(
            _span(),
            pl.col("deadline_at", "days_left").min(),
            pl.col("days_open").max(),
            pl.col("currency").first(),
            amount_minor_units=pl.when(pl.col("currency").n_unique() == 1).then(known_sum("amount_minor_units")),
            owed=known_sum("owed"),
            urgent_detail=pl.col("detail").first(),
        )
        .pipe(_in_money)
        .sort("days_left", "days_open", descending=[False, True], nulls_last=True)
    )


def _unmapped(books: MonthBooks) -> pl.DataFrame:
    return (
        books.unmapped_usage.group_by("tenant_id", "meter")
        .agg(_span(), pl.col("quantity").sum(), pl.col("waiting_since").min(), pl.col("days_left").min())
        .sort("days_left", "tenant_id", "meter", nulls_last=True)
    )


#: The tables of the page, in this order.
SECTIONS = (
    CHANGED_SINCE_SIGNED,
    Section(
        OUTCOMES,
        OUTCOMES,
        "What Stripe counts or was invoiced by hand, what can still be sent to Stripe, and what is lost; a credit due "
        "is below 0.",
        "The books hold no usage of this month.",
    ),
    Section(
        Table(
            "Differences and their causes",
            "One row per tenant, meter, step and cause; the amount is found minus expected, over all hours of the row",
            "tenant_id meter step cause state amount_in_all span largest_detail",
            _differences,
        ),
        DIFFERENCES,
        "Every difference between two steps of the tie-out, those without explanation first.",
        "No difference in any hour.",
    ),
    Section(
        Table(
            "Open exceptions",
            "One row per kind, tenant and subject; the most urgent first",
            "kind tenant_id subject span owed money deadline_at days_left days_open urgent_detail",
            _exceptions,
        ),
        EXCEPTIONS,
        "What a person must see. Days left are those in which Stripe still takes the usage.",
        "No exception is open.",
    ),
    Section(
        SETTLEMENTS,
        SETTLEMENTS,
        "What people have ended by a decision: written off, invoiced by hand, credited, or stated once more.",
        "Nobody has settled anything of this month.",
    ),
    Section(
        replace(RESTATEMENTS, names=RESTATEMENTS.names.removesuffix(" identifier run_id")),
        RESTATEMENTS,
        "A number that was stated to Stripe and then changed. The earlier statement stays on record.",
        "No hour was restated.",
    ),
    Section(
        Table(
            "Unmapped usage",
            "One row per tenant and meter whose usage waits for a Stripe customer; "
            "days left are those of its first hour",
            "tenant_id meter quantity span waiting_since days_left",
            _unmapped,
        ),
        UNMAPPED,
        "Usage that nobody is billed for yet. It is stated to Stripe once the tenant is mapped, within 35 days.",
        "No usage waits for a Stripe customer. What was not mapped within 35 days is lost, and among the differences.",
    ),
    Section(
        MAPPING_CHANGES,
        MAPPING_CHANGES,
        "Hours that were stated before a change stay with the customer that they were stated to.",
        "No tenant got another customer or name.",
    ),
    Section(
        DATA_GAPS,
        DATA_GAPS,
        "Sensors that fell silent. What they did not report is missing; it is not a usage of zero.",
        "No sensor fell silent of those that were expected: with readings in 12 of the 24 hours before.",
    ),
    Section(
        DECISIONS,
        DECISIONS,
        "Switches that change what is billed, who set them, and why.",
        "Nobody has decided anything.",
    ),
    SIGNATURES_SECTION,
)
