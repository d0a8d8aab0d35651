"""A month's books as frames: what the report and whoever else reads a whole month work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.rules.hour_totals import HourTotals

TEXT, COUNT, DAY, FLAG, MOMENT = pl.String(), pl.Int64(), pl.Date(), pl.Boolean(), pl.Datetime("us", "UTC")
#: Shares, and Stripe's numbers, which may carry decimals. A double holds every whole number that Stripe takes (15
#: digits) exactly.
NUMBER = pl.Float64()

_FILE_ROWS = "file_rows inserted duplicates rejected"
#: The columns of each model that a reader of the month needs, by what they hold; a model may have more.
_COLUMNS: Mapping[str, Mapping[pl.DataType, str]] = {
    "usage_monthly": {
        TEXT: "tenant_id tenant_name meter",
        COUNT: "quantity hours_with_usage late_readings",
        NUMBER: "late_share",
        DAY: "usage_month",
        MOMENT: "first_hour last_hour",
    },
    "usage_daily": {
        TEXT: "tenant_id meter",
        COUNT: "quantity hours_with_usage late_readings",
        NUMBER: "late_share",
        DAY: "usage_date",
    },
    "usage_hourly": {TEXT: "tenant_id meter", MOMENT: "hour", COUNT: "quantity late_readings", NUMBER: "late_share"},
    "tie_out": {
        TEXT: "tenant_id meter cause status",
        COUNT: f"{_FILE_ROWS} derived_quantity usage_quantity stated_quantity stated_revision"
        " difference_in_files difference_in_usage difference_in_ledger",
        NUMBER: "stripe_quantity difference_in_stripe amount",
        MOMENT: "hour stripe_read_at",
    },
    "tie_out_differences": {
        TEXT: "tenant_id meter step cause detail",
        NUMBER: "expected found amount",
        FLAG: "is_explained",
        MOMENT: "hour",
    },
    "restatements": {
        TEXT: "tenant_id meter identifier reason caused_by run_id status",
        COUNT: "revision quantity_before quantity_after change",
        MOMENT: "hour restated_at",
    },
    "exceptions_open": {
        TEXT: "kind tenant_id subject detail currency",
        COUNT: "owed amount_minor_units",
        NUMBER: "days_open days_left not_invoiced",
        MOMENT: "hour opened_at deadline_at",
    },
    "unmapped_usage": {
        TEXT: "tenant_id meter",
        COUNT: "quantity",
        NUMBER: "days_left",
        MOMENT: "hour waiting_since bill_until",
    },
    "data_gaps": {
        TEXT: "tenant_id sensor_id",
        COUNT: "hours_silent",
        NUMBER: "readings_per_hour_before",
        MOMENT: "silent_from silent_until",
    },
    "month_outcome": {TEXT: "meter outcome cause", NUMBER: "quantity percent", DAY: "usage_month"},
    "settlements": {
        TEXT: "tenant_id event_name kind how document reason settled_by approved_by",
        COUNT: "exception_id quantity",
        MOMENT: "hour settled_at",
    },
    "mapping_changes": {
        TEXT: "tenant_id tenant_name customer_before customer_after changed_by os_user os_host reason",
        MOMENT: "changed_at",
    },
    "decisions_in_force": {TEXT: "subject setting reason decided_by", MOMENT: "decided_at until"},
    "usage_by_service_month": {TEXT: "tenant_id meter", DAY: "month_billed month_recorded", COUNT: "quantity"},
    "stg_month_signoffs": {
        COUNT: "signoff_id",
        DAY: "usage_month",
        TEXT: "action signed_by os_host reason",
        MOMENT: "signed_at",
    },
    "stg_releases": {
        TEXT: "tenant_id meter released_by reason",
        COUNT: "release_id quantity",
        MOMENT: "hour released_at",
    },
    "stg_landing_files": {
        TEXT: "path status content_hash run_id withdrawn_by withdrawal_reason",
        COUNT: "file_id row_count inserted_count duplicate_count rejected_count",
        FLAG: "is_withdrawn",
        MOMENT: "hour loaded_at withdrawn_at",
    },
    "signed_figures": {
        TEXT: "tenant_id meter cause",
        NUMBER: "signed_usage usage_now difference signed_stated stated_now signed_stripe stripe_now",
        COUNT: "hours_changed",
        FLAG: "is_closed",
    },
    "signed_changes": {
        TEXT: "tenant_id meter cause detail",
        NUMBER: "signed_usage usage_now change_in_usage signed_stated stated_now change_in_stated signed_stripe"
        " stripe_now change_in_stripe",
        MOMENT: "hour",
    },
    "month_status": {TEXT: "status prepared_by approved_by", DAY: "usage_month", MOMENT: "signed_at"},
    "billing_ledger": {
        TEXT: "tenant_id meter identifier stripe_customer_id status request_id answer run_id",
        COUNT: "revision quantity http_status",
        FLAG: "is_difference is_counted_by_stripe",
        MOMENT: "hour staged_at settled_at",
    },
}
#: Model → column → type.
SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {
    mart: {name: kind for kind, names in columns.items() for name in names.split()}
    for mart, columns in _COLUMNS.items()
}
#: The marts that the books of a month are made of, and what of the books themselves a month is shown with.
MARTS = tuple(SCHEMAS)
#: Those with rows by the hour: of a month of a thousand tenants a million and a half.
BY_HOUR = ("tie_out", "usage_hourly", "billing_ledger")
#: What the tie-out knows of a tenant's hour from its landing files.
OF_FILES = (*_FILE_ROWS.split(), "difference_in_files")


class BooksError(ValueError):
    """The marts do not have what a reader of the month needs; the text names mart and column."""


@dataclass(frozen=True, slots=True)
class HourBooks:
    """The marts with rows by the hour, of some tenants, and of these all: what is in memory at a time."""

    tie_out: pl.DataFrame
    usage_hourly: pl.DataFrame
    billing_ledger: pl.DataFrame

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame]) -> HourBooks:
        """From the marts as they were read. Raises ``BooksError``."""
        read = {mart: _as_described(mart, frames) for mart in BY_HOUR}
        # The mart has the rows of files on the row of the meter that counts readings; they hold for the tenant's hour.
        of_hour = [pl.col(name).max().over("tenant_id", "hour") for name in OF_FILES]
        return cls(**read | {"tie_out": read["tie_out"].with_columns(of_hour)})


#: Portions of the marts with rows by the hour, in the order of the tenants; each is read when it is called.
Portions = Sequence[Callable[[], HourBooks]]


@dataclass(frozen=True, slots=True)
class MonthBooks:
    """The marts of one month, one frame each, with the columns of ``SCHEMAS``; those by the hour in portions.

    Of a closed month usage and tie-out are as they were signed; ``signed_figures`` and ``signed_changes`` say what is
    another number now. ``usage_by_service_month`` has the months before and after it too, ``stg_month_signoffs`` those
    of every month: how late usage arrives is seen from other months.
    """

    month: Month
    portions: Portions
    totals: HourTotals
    usage_monthly: pl.DataFrame
    usage_daily: pl.DataFrame
    tie_out_differences: pl.DataFrame
    restatements: pl.DataFrame
    exceptions_open: pl.DataFrame
    unmapped_usage: pl.DataFrame
    data_gaps: pl.DataFrame
    month_outcome: pl.DataFrame
    settlements: pl.DataFrame
    mapping_changes: pl.DataFrame
    decisions_in_force: pl.DataFrame
    signed_figures: pl.DataFrame
    signed_changes: pl.DataFrame
    month_status: pl.DataFrame
    usage_by_service_month: pl.DataFrame
    stg_month_signoffs: pl.DataFrame
    stg_releases: pl.DataFrame
    stg_landing_files: pl.DataFrame

    @classmethod
    def from_frames(
        cls, month: Month, frames: Mapping[str, pl.DataFrame], portions: Portions | None = None
    ) -> MonthBooks:
        """The books of a month from its marts as they were read. Raises ``BooksError``.

        Without ``portions`` the marts by the hour are among the frames.
        """
        if portions is None:
            whole = HourBooks.from_frames(frames)
            portions = [lambda: whole]
        read = {mart: _as_described(mart, frames) for mart in MARTS if mart not in BY_HOUR}
        totals = HourTotals.of(
            (hours.tie_out, hours.usage_hourly.height, hours.billing_ledger.height)
            for hours in (read_portion() for read_portion in portions)
        )
        return cls(month, portions, totals, **read)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all of this month: no usage, no file, no statement. That is not zero."""
        hourly = self.totals.rows
        return not hourly["tie_out"] and self.usage_monthly.is_empty() and not hourly["billing_ledger"]

    @property
    def rows(self) -> Mapping[str, int]:
        """How many rows each mart has."""
        return {mart: self.totals.rows[mart] if mart in BY_HOUR else getattr(self, mart).height for mart in MARTS}


def _as_described(mart: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    if mart not in frames:
        raise BooksError(f"the mart {mart} was not read; the books of a month need {', '.join(MARTS)}")
    frame, schema = frames[mart], SCHEMAS[mart]
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise BooksError(f"the mart {mart} has no column {', '.join(missing)}; build the SQL models of this version")
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
