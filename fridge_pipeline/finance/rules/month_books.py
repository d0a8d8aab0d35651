"""A month's books as frames: what the report and whoever else reads a whole month work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import polars as pl

from fridge_pipeline.calendar.days import Month

TEXT, COUNT, SHARE, DAY, FLAG = pl.String(), pl.Int64(), pl.Float64(), pl.Date(), pl.Boolean()
MOMENT = pl.Datetime("us", "UTC")
#: Stripe's numbers may carry decimals. A double holds every whole number that Stripe takes (15 digits) exactly.
NUMBER = pl.Float64()

TENANT_METER = {"tenant_id": TEXT, "meter": TEXT}
USAGE = {"quantity": COUNT, "hours_with_usage": COUNT, "first_hour": MOMENT, "last_hour": MOMENT}
LATE = {"late_readings": COUNT, "late_share": SHARE}

#: The columns of each mart that a reader of the month needs; a mart may have more.
SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {
    "usage_monthly": {"tenant_id": TEXT, "tenant_name": TEXT, "meter": TEXT, "usage_month": DAY, **USAGE, **LATE},
    "usage_daily": {**TENANT_METER, "usage_date": DAY, **USAGE, **LATE},
    "usage_hourly": {**TENANT_METER, "hour": MOMENT, "quantity": COUNT, **LATE},
    "tie_out": {
        **TENANT_METER,
        "hour": MOMENT,
        "file_rows": COUNT,
        "inserted": COUNT,
        "duplicates": COUNT,
        "rejected": COUNT,
        "derived_quantity": COUNT,
        "usage_quantity": COUNT,
        "stated_quantity": COUNT,
        "stated_revision": COUNT,
        "stripe_quantity": NUMBER,
        "stripe_read_at": MOMENT,
        "difference_in_files": COUNT,
        "difference_in_usage": COUNT,
        "difference_in_ledger": COUNT,
        "difference_in_stripe": NUMBER,
        "cause": TEXT,
        "amount": NUMBER,
        "status": TEXT,
    },
    "tie_out_differences": {
        **TENANT_METER,
        "hour": MOMENT,
        "step": TEXT,
        "expected": NUMBER,
        "found": NUMBER,
        "amount": NUMBER,
        "cause": TEXT,
        "is_explained": FLAG,
        "detail": TEXT,
    },
    "restatements": {
        **TENANT_METER,
        "hour": MOMENT,
        "revision": COUNT,
        "identifier": TEXT,
        "quantity_before": COUNT,
        "quantity_after": COUNT,
        "change": COUNT,
        "reason": TEXT,
        "caused_by": TEXT,
        "restated_at": MOMENT,
        "run_id": TEXT,
        "status": TEXT,
    },
    "exceptions_open": {
        "kind": TEXT,
        "tenant_id": TEXT,
        "hour": MOMENT,
        "subject": TEXT,
        "detail": TEXT,
        "opened_at": MOMENT,
        "deadline_at": MOMENT,
        "days_open": NUMBER,
        "days_left": NUMBER,
    },
    "unmapped_usage": {
        **TENANT_METER,
        "hour": MOMENT,
        "quantity": COUNT,
        "waiting_since": MOMENT,
        "bill_until": MOMENT,
        "days_left": NUMBER,
    },
    "data_gaps": {
        "tenant_id": TEXT,
        "sensor_id": TEXT,
        "silent_from": MOMENT,
        "silent_until": MOMENT,
        "hours_silent": COUNT,
        "readings_per_hour_before": NUMBER,
    },
    "month_status": {
        "usage_month": DAY,
        "status": TEXT,
        "prepared_by": TEXT,
        "approved_by": TEXT,
        "signed_at": MOMENT,
    },
    "billing_ledger": {
        "identifier": TEXT,
        "tenant_id": TEXT,
        "tenant_name": TEXT,
        "stripe_customer_id": TEXT,
        "meter": TEXT,
        "hour": MOMENT,
        "revision": COUNT,
        "quantity": COUNT,
        "is_difference": FLAG,
        "status": TEXT,
        "is_counted_by_stripe": FLAG,
        "attempts": COUNT,
        "http_status": COUNT,
        "request_id": TEXT,
        "answer": TEXT,
        "run_id": TEXT,
        "staged_at": MOMENT,
        "first_sent_at": MOMENT,
        "settled_at": MOMENT,
    },
}


class BooksError(ValueError):
    """The marts do not have what a reader of the month needs; the text names mart and column."""


@dataclass(frozen=True, slots=True)
class MonthBooks:
    """The marts of one month, one frame each, with the columns of ``SCHEMAS``."""

    month: Month
    usage_monthly: pl.DataFrame
    usage_daily: pl.DataFrame
    usage_hourly: pl.DataFrame
    tie_out: pl.DataFrame
    tie_out_differences: pl.DataFrame
    restatements: pl.DataFrame
    exceptions_open: pl.DataFrame
    unmapped_usage: pl.DataFrame
    data_gaps: pl.DataFrame
    month_status: pl.DataFrame
    billing_ledger: pl.DataFrame

    @classmethod
    def from_frames(cls, month: Month, frames: Mapping[str, pl.DataFrame]) -> MonthBooks:
        """The books of a month from its marts as they were read. Raises ``BooksError``."""
        read = {mart: _as_described(mart, frames) for mart in MARTS}
        return cls(month, **read | {"tie_out": _with_files_on_every_meter(read["tie_out"])})

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all of this month: no usage, no file, no statement. That is not zero."""
        return self.tie_out.is_empty() and self.usage_monthly.is_empty() and self.billing_ledger.is_empty()


#: What the tie-out knows of a tenant's hour from its landing files.
OF_FILES = ("file_rows", "inserted", "duplicates", "rejected", "difference_in_files")
#: The marts that the books of a month are made of.
MARTS: tuple[str, ...] = tuple(field.name for field in fields(MonthBooks) if field.name != "month")


def _as_described(mart: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    if mart not in frames:
        raise BooksError(f"the mart {mart} was not read; the books of a month need {', '.join(MARTS)}")
    frame, schema = frames[mart], SCHEMAS[mart]
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise BooksError(f"the mart {mart} has no column {', '.join(missing)}; build the SQL models of this version")
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _with_files_on_every_meter(tie_out: pl.DataFrame) -> pl.DataFrame:
    """The mart has them on the row of the meter that counts readings; they hold for the tenant's hour."""
    return tie_out.with_columns(pl.col(name).max().over("tenant_id", "hour") for name in OF_FILES)
