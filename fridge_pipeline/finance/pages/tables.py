"""The tables of the report, described once for the page and the workbook."""

from __future__ import annotations

import polars as pl

from fridge_pipeline.finance.pages.columns import Column, Kind, Table, totalled
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_detail import usage_by_tenant
from fridge_pipeline.finance.rules.month_summary import file_rows_by_day

TENANT = Column("tenant_id", "Tenant", missing="none")
METER = Column("meter", "Meter")
HOUR = Column("hour", "Hour (UTC)", Kind.MOMENT, "no hour")
LATE = (
    Column("late_readings", "Late readings", Kind.COUNT, "unknown"),
    Column("late_share", "Late share", Kind.SHARE, "unknown"),
)


def hours_in_full(books: MonthBooks) -> pl.DataFrame:
    """The tie-out by the hour, with the late share of the hour and the request in which it was stated."""
    newest = books.billing_ledger.select(
        "tenant_id",
        "meter",
        "hour",
        pl.col("revision").alias("stated_revision"),
        "request_id",
        "identifier",
        pl.col("status").alias("statement_status"),
    ).unique(["tenant_id", "meter", "hour", "stated_revision"], keep="last")
    late = books.usage_hourly.select("tenant_id", "meter", "hour", "late_readings", "late_share")
    key = ["tenant_id", "meter", "hour"]
    return (
        books.tie_out.join(late, on=key, how="left")
        .join(newest, on=[*key, "stated_revision"], how="left")
        .sort("tenant_id", "hour", "meter")
    )


USAGE_BY_MONTH = Table(
    "usage-by-month",
    "Usage by month",
    "One row per tenant and meter with usage in the month",
    (
        TENANT,
        Column("tenant_name", "Name", missing="no name"),
        METER,
        totalled("quantity", "Usage"),
        totalled("stated", "Stated to Stripe", missing="not stated"),
        totalled("stripe", "Stripe's own", Kind.NUMBER, "not read"),
        totalled("hours_with_usage", "Hours with usage"),
        totalled("hours_different", "Hours that differ"),
        totalled("hours_unexplained", "Hours unexplained"),
        totalled("hours_not_read", "Hours not compared"),
        Column("first_hour", "First hour (UTC)", Kind.MOMENT),
        Column("last_hour", "Last hour (UTC)", Kind.MOMENT),
        *LATE,
    ),
    usage_by_tenant,
)
USAGE_BY_DAY = Table(
    "usage-by-day",
    "Usage by day",
    "One row per tenant, meter and UTC day with usage; a day without data has no row",
    (
        TENANT,
        METER,
        Column("usage_date", "Day (UTC)", Kind.DAY),
        totalled("quantity", "Usage"),
        totalled("hours_with_usage", "Hours with usage"),
        *LATE,
    ),
    lambda books: books.usage_daily.sort("tenant_id", "usage_date", "meter"),
)
FILE_ROWS = Table(
    "rows-in-files",
    "Rows in files",
    "One row per tenant and UTC day: what became of the rows of the landing files",
    (
        TENANT,
        Column("usage_date", "Day (UTC)", Kind.DAY),
        totalled("file_rows", "Rows in files", missing="not recorded"),
        totalled("inserted", "Inserted", missing="not recorded"),
        totalled("duplicates", "Duplicates", missing="not recorded"),
        totalled("rejected", "Rejected", missing="not recorded"),
        totalled("hours_not_recorded", "Hours not recorded"),
    ),
    lambda books: file_rows_by_day(books.tie_out),
)
HOURS = Table(
    "hours",
    "Hours",
    "One row per tenant, meter and hour: the tie-out in full. Rows of files are those of the tenant's hour and stand "
    "on each of its meters' rows; their totals are on the sheet Rows in files",
    (
        TENANT,
        METER,
        HOUR,
        Column("file_rows", "Rows in files", Kind.COUNT, "not recorded"),
        Column("inserted", "Inserted", Kind.COUNT, "not recorded"),
        Column("duplicates", "Duplicates", Kind.COUNT, "not recorded"),
        Column("rejected", "Rejected", Kind.COUNT, "not recorded"),
        totalled("derived_quantity", "Derived again"),
        totalled("usage_quantity", "Usage"),
        totalled("stated_quantity", "Stated to Stripe", missing="not stated"),
        Column("stated_revision", "Revision", Kind.COUNT, "not stated"),
        totalled("stripe_quantity", "Stripe's own", Kind.NUMBER, "not read"),
        Column("stripe_read_at", "Stripe read at (UTC)", Kind.MOMENT, "not read"),
        Column("status", "Tie-out", Kind.STATE),
        Column("cause", "Cause", Kind.CAUSE),
        Column("amount", "Difference", Kind.CHANGE),
        Column("statement_status", "Statement", missing="not stated"),
        Column("request_id", "Stripe request", Kind.CODE),
        Column("identifier", "Identifier", Kind.CODE),
        *LATE,
    ),
    hours_in_full,
)
DIFFERENCES = Table(
    "differences",
    "Differences",
    "One row per difference between two steps of the tie-out",
    (
        TENANT,
        METER,
        HOUR,
        Column("step", "Found in", Kind.STEP),
        Column("expected", "Expected", Kind.NUMBER, "none"),
        Column("found", "Found", Kind.NUMBER, "none"),
        Column("amount", "Difference", Kind.CHANGE, "unknown"),
        Column("cause", "Cause", Kind.CAUSE, "unexplained"),
        Column("is_explained", "Explained", Kind.YES_NO, "no"),
        Column("detail", "In detail"),
    ),
    lambda books: books.tie_out_differences.sort(
        "is_explained", pl.col("amount").abs(), "hour", "tenant_id", descending=[False, True, False, False]
    ),
)
EXCEPTIONS = Table(
    "exceptions",
    "Exceptions",
    "One row per open exception: what a person must see",
    (
        Column("kind", "Kind", Kind.CAUSE),
        TENANT,
        HOUR,
        Column("subject", "About"),
        Column("opened_at", "Opened at (UTC)", Kind.MOMENT),
        Column("days_open", "Days open", Kind.NUMBER),
        Column("deadline_at", "Deadline (UTC)", Kind.MOMENT, "none"),
        Column("days_left", "Days left", Kind.NUMBER, "no deadline"),
        Column("detail", "In detail"),
    ),
    lambda books: books.exceptions_open.sort("days_left", "opened_at", "tenant_id", "hour", nulls_last=True),
)
RESTATEMENTS = Table(
    "restatements",
    "Restatements",
    "One row per statement after the first of an hour: who changed a number, when and why",
    (
        TENANT,
        METER,
        HOUR,
        Column("revision", "Revision", Kind.COUNT),
        Column("quantity_before", "Before", Kind.COUNT, "none"),
        Column("quantity_after", "After", Kind.COUNT, "none"),
        totalled("change", "Change", Kind.CHANGE),
        Column("reason", "Why", missing="not recorded"),
        Column("caused_by", "Who", missing="not recorded"),
        Column("restated_at", "When (UTC)", Kind.MOMENT),
        Column("status", "Statement"),
        Column("identifier", "Identifier", Kind.CODE),
        Column("run_id", "Run", Kind.CODE),
    ),
    lambda books: books.restatements.sort("restated_at", "tenant_id", "hour", "meter", "revision"),
)
UNMAPPED = Table(
    "unmapped",
    "Unmapped usage",
    "One row per tenant, meter and hour with usage that waits for a Stripe customer",
    (
        TENANT,
        METER,
        HOUR,
        totalled("quantity", "Usage"),
        Column("waiting_since", "Waiting since (UTC)", Kind.MOMENT),
        Column("bill_until", "Bill until (UTC)", Kind.MOMENT),
        Column("days_left", "Days left", Kind.NUMBER),
    ),
    lambda books: books.unmapped_usage.sort("days_left", "tenant_id", "hour", "meter"),
)
DATA_GAPS = Table(
    "data-gaps",
    "Data gaps",
    "One row per silence of a sensor that was expected to report; missing is not zero",
    (
        TENANT,
        Column("sensor_id", "Sensor"),
        Column("silent_from", "Silent from (UTC)", Kind.MOMENT),
        Column("silent_until", "Until (UTC)", Kind.MOMENT, "still silent"),
        Column("hours_silent", "Hours silent", Kind.COUNT),
        Column("readings_per_hour_before", "Readings per hour before", Kind.NUMBER, "unknown"),
    ),
    lambda books: books.data_gaps.sort("hours_silent", "tenant_id", "sensor_id", descending=[True, False, False]),
)
LEDGER = Table(
    "ledger",
    "Ledger",
    "One row per statement to Stripe, whatever became of it",
    (
        TENANT,
        METER,
        HOUR,
        Column("revision", "Revision", Kind.COUNT),
        Column("quantity", "Quantity", Kind.COUNT),
        Column("is_difference", "Is a difference", Kind.YES_NO),
        Column("status", "Status"),
        Column("is_counted_by_stripe", "Counts", Kind.YES_NO),
        Column("stripe_customer_id", "Stripe customer", Kind.CODE),
        Column("http_status", "HTTP status", Kind.COUNT),
        Column("request_id", "Stripe request", Kind.CODE),
        Column("answer", "Answer"),
        Column("staged_at", "Staged at (UTC)", Kind.MOMENT),
        Column("settled_at", "Settled at (UTC)", Kind.MOMENT),
        Column("identifier", "Identifier", Kind.CODE),
        Column("run_id", "Run", Kind.CODE),
    ),
    lambda books: books.billing_ledger.sort("tenant_id", "hour", "meter", "revision"),
)

#: The sheets of the workbook after the summary, in this order.
SHEETS = (
    USAGE_BY_MONTH,
    USAGE_BY_DAY,
    FILE_ROWS,
    DIFFERENCES,
    EXCEPTIONS,
    RESTATEMENTS,
    UNMAPPED,
    DATA_GAPS,
    HOURS,
    LEDGER,
)
