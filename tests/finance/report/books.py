"""A month's books as the marts would give them: quiet tenants, and one tenant for each thing that can be wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.rules.month_books import BY_HOUR, MARTS, SCHEMAS, MonthBooks

MONTH = Month.from_key("2026-01")
METERS = ("temperature_readings", "active_sensors")
MADE_AT = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
KEY = ["tenant_id", "meter", "hour"]


def empty_books(month: Month = MONTH) -> MonthBooks:
    """Nothing at all."""
    return MonthBooks.from_frames(month, {mart: pl.DataFrame(schema=SCHEMAS[mart]) for mart in MARTS})


def whole(books: MonthBooks, mart: str) -> pl.DataFrame:
    """All rows of a mart, of those by the hour too."""
    if mart not in BY_HOUR:
        frame: pl.DataFrame = getattr(books, mart)
        return frame
    portions: list[pl.DataFrame] = [getattr(portion(), mart) for portion in books.portions]
    return pl.concat(portions)


def tie_out_of(books: MonthBooks) -> pl.DataFrame:
    """The tie-out by the hour."""
    return whole(books, "tie_out")


def with_frames(books: MonthBooks, **changed: pl.DataFrame) -> MonthBooks:
    """The same books with another mart in place of one."""
    return MonthBooks.from_frames(books.month, {mart: whole(books, mart) for mart in MARTS} | changed)


def quiet_books(tenants: list[str], days: int = 31) -> MonthBooks:
    """A month in which everything agrees; tenants differ in size, and days and nights too."""
    hours = pl.DataFrame({"hour": [MONTH.start + timedelta(hours=hour) for hour in range(24 * days)]})
    hours = hours.with_columns(pl.col("hour").cast(pl.Datetime("us", "UTC")))
    who = pl.DataFrame({"tenant_id": tenants}).with_row_index("size")
    grid = who.join(hours, how="cross").with_columns(
        (4 + (pl.col("size") * 7) % 23).cast(pl.Int64).alias("sensors"),
        (pl.col("hour").dt.hour().cast(pl.Int64) % 5).alias("wave"),
        (pl.col("hour").dt.day().cast(pl.Int64) % 7).alias("week"),
    )
    grid = grid.with_columns((pl.col("sensors") * (10 + pl.col("wave") + pl.col("week"))).alias("readings"))
    tie_out = pl.concat(
        grid.with_columns(pl.lit(meter).alias("meter"), pl.col(of).alias("quantity"))
        for meter, of in zip(METERS, ("readings", "sensors"), strict=True)
    ).select(
        *KEY,
        (pl.col("readings") + 3).alias("file_rows"),
        pl.col("readings").alias("inserted"),
        pl.lit(2).alias("duplicates"),
        pl.lit(1).alias("rejected"),
        *(pl.col("quantity").alias(f"{of}_quantity") for of in ("derived", "usage", "stated", "stripe")),
        pl.lit(1).alias("stated_revision"),
        pl.lit(MADE_AT).alias("stripe_read_at"),
        *(pl.lit(0).alias(f"difference_in_{step}") for step in ("files", "usage", "ledger", "stripe")),
        pl.lit(None, pl.String).alias("cause"),
        pl.lit(None, pl.Float64).alias("amount"),
        pl.lit("tied").alias("status"),
    )
    return with_tie_out(empty_books(), tie_out)


def with_tie_out(books: MonthBooks, tie_out: pl.DataFrame) -> MonthBooks:
    """The books with this tie-out, and usage and ledger as they follow from it."""
    hourly = tie_out.filter(pl.col("usage_quantity").is_not_null()).select(
        *KEY,
        pl.col("usage_quantity").alias("quantity"),
        (pl.col("inserted") // 20).alias("late_readings"),
        ((pl.col("inserted") // 20) / pl.col("inserted")).alias("late_share"),
    )
    of_span = (
        pl.col("quantity").sum(),
        pl.len().alias("hours_with_usage"),
        pl.col("hour").min().alias("first_hour"),
        pl.col("hour").max().alias("last_hour"),
        pl.col("late_readings").sum(),
        pl.col("late_share").mean(),
    )
    daily = hourly.group_by("tenant_id", "meter", pl.col("hour").dt.date().alias("usage_date")).agg(of_span)
    monthly = hourly.group_by("tenant_id", "meter").agg(of_span)
    ledger = tie_out.filter(pl.col("stated_quantity").is_not_null()).select(
        *KEY,
        pl.format(
            "{}:{}:{}:r{}", "meter", "tenant_id", pl.col("hour").dt.strftime("%Y%m%d%H"), "stated_revision"
        ).alias("identifier"),
        pl.col("tenant_id").alias("tenant_name"),
        pl.lit("cus_QXg1o8vlGmzr45").alias("stripe_customer_id"),
        pl.col("stated_revision").alias("revision"),
        pl.col("stated_quantity").alias("quantity"),
        pl.lit(value=False).alias("is_difference"),
        pl.lit("accepted").alias("status"),
        pl.lit(value=True).alias("is_counted_by_stripe"),
        pl.lit(1).alias("attempts"),
        pl.lit(200).alias("http_status"),
        pl.format("req_{}{}", pl.col("hour").dt.strftime("%d%H"), pl.lit("Zk3vQ9bTmW")).alias("request_id"),
        pl.lit("received").alias("answer"),
        pl.lit("3f1c2a90-7d4e-4f0b-9a57-1b6d2c8e5f10").alias("run_id"),
        *(
            (pl.col("hour") + pl.duration(minutes=minutes)).alias(name)
            for name, minutes in (("staged_at", 65), ("first_sent_at", 66), ("settled_at", 67))
        ),
    )
    before = (pl.col("quantity") // 4).alias("quantity")  # recorded in the month before
    split = {
        books.month.first_day: (pl.col("quantity") - before).alias("quantity"),
        books.month.before.first_day: before,
    }
    made = {
        "usage_by_service_month": pl.concat(
            monthly.select(
                "tenant_id",
                "meter",
                pl.lit(books.month.first_day).alias("month_billed"),
                pl.lit(recorded).alias("month_recorded"),
                quantity,
            )
            for recorded, quantity in split.items()
        ),
        "tie_out": tie_out,
        "usage_hourly": hourly,
        "usage_daily": daily,
        "usage_monthly": monthly.with_columns(
            pl.lit(books.month.first_day).alias("usage_month"), pl.format("{} Ltd", "tenant_id").alias("tenant_name")
        ),
        "billing_ledger": ledger,
    }
    return with_frames(books, **made)


def rows(mart: str, *given: dict[str, Any]) -> pl.DataFrame:
    """Rows of a mart; columns that are not given are unknown."""
    schema = SCHEMAS[mart]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in given], schema=schema, orient="row")


def hour_of(day: int, hour: int) -> datetime:
    """An hour of the month."""
    return datetime(2026, 1, day, hour, tzinfo=UTC)


#: Who differs, in which step of the tie-out, why, by how much, and whether that is explained.
FAULTS = (
    (
        "tenant-01",
        9,
        13,
        "files",
        "readings_missing",
        -12.0,
        False,
        "12 readings of 2026-01-09/13/gateway-3.csv are gone",
    ),
    ("tenant-02", 11, 7, "usage", "usage_changed", 500.0, False, "usage says 640, the readings say 140"),
    ("tenant-03", 14, 22, "stripe", "lagging", -77.0, True, "accepted 20 minutes before Stripe was read"),
    ("tenant-04", 17, 3, "stripe", "excess_in_stripe", 154.0, False, "Stripe shows twice what was stated"),
    (
        "tenant-05",
        20,
        16,
        "ledger",
        "held_for_review",
        -2310.0,
        True,
        "30 times its median of 77; fridge release decides",
    ),
)


def troubled_books(tenants: int = 30, days: int = 31) -> MonthBooks:
    """A whole month with differences, restatements, exceptions, an unmapped tenant and a silent sensor."""
    names = [f"tenant-{number:02}" for number in range(tenants)]
    books = quiet_books(names, days)
    tie_out = tie_out_of(books).filter(
        ~((pl.col("tenant_id") == "tenant-07") & (pl.col("hour").dt.day() == 5))  # no data: not zero
    )
    for tenant, day, hour, step, cause, amount, explained, _ in FAULTS:
        here = (pl.col("tenant_id") == tenant) & (pl.col("hour") == hour_of(day, hour)) & (pl.col("meter") == METERS[0])
        wrong = {
            f"difference_in_{step}": amount,
            "cause": cause,
            "amount": amount,
            "status": "explained" if explained else "unexplained",
        }
        tie_out = tie_out.with_columns(
            pl.when(here).then(pl.lit(value)).otherwise(pl.col(name)).cast(SCHEMAS["tie_out"][name]).alias(name)
            for name, value in wrong.items()
        )
    unmapped, unread = pl.col("tenant_id") == "tenant-06", pl.col("hour") >= hour_of(days, 12)
    tie_out = tie_out.with_columns(
        *(pl.when(~unmapped).then(pl.col(name)).alias(name) for name in ("stated_quantity", "stated_revision")),
        pl.when(unmapped)
        .then(-pl.col("usage_quantity"))
        .otherwise(pl.col("difference_in_ledger"))
        .alias("difference_in_ledger"),
        *(
            pl.when(~unmapped & ~unread).then(pl.col(name)).alias(name)
            for name in ("stripe_quantity", "stripe_read_at", "difference_in_stripe")
        ),
        pl.when(unmapped)
        .then(pl.lit("explained"))
        .when(unread & (pl.col("status") == "tied"))
        .then(pl.lit("not_read"))
        .otherwise(pl.col("status"))
        .alias("status"),
        pl.when(unmapped).then(pl.lit("unmapped")).otherwise(pl.col("cause")).alias("cause"),
        pl.when(unmapped).then(-pl.col("usage_quantity").cast(pl.Float64)).otherwise(pl.col("amount")).alias("amount"),
    )
    return _with_what_is_open(with_tie_out(books, tie_out))


def _with_what_is_open(books: MonthBooks) -> MonthBooks:
    waiting = tie_out_of(books).filter(pl.col("cause") == "unmapped")
    found = {
        "tie_out_differences": _differences(waiting),
        "unmapped_usage": _unmapped(waiting),
        "month_status": rows("month_status", {"usage_month": MONTH.first_day, "status": "open"}),
    }
    return with_frames(books, **found, **_happened(), **_decided())


def _differences(waiting: pl.DataFrame) -> pl.DataFrame:
    differences = [
        {
            "tenant_id": tenant,
            "meter": METERS[0],
            "hour": hour_of(day, hour),
            "step": step,
            "expected": 140.0,
            "found": 140.0 + amount,
            "amount": amount,
            "cause": cause,
            "is_explained": explained,
            "detail": detail,
        }
        for tenant, day, hour, step, cause, amount, explained, detail in FAULTS
    ]
    not_stated = waiting.select(
        *KEY,
        pl.lit("ledger").alias("step"),
        pl.col("usage_quantity").cast(pl.Float64).alias("expected"),
        pl.lit(None, pl.Float64).alias("found"),
        "amount",
        "cause",
        pl.lit(value=True).alias("is_explained"),
        pl.lit("no Stripe customer").alias("detail"),
    )
    return pl.concat([rows("tie_out_differences", *differences), not_stated], how="diagonal")


def _unmapped(waiting: pl.DataFrame) -> pl.DataFrame:
    unmapped = waiting.select(
        *KEY,
        pl.col("usage_quantity").alias("quantity"),
        (pl.col("hour") + pl.duration(hours=1)).alias("waiting_since"),
        (pl.col("hour") + pl.duration(days=35)).alias("bill_until"),
        ((pl.col("hour") + pl.duration(days=35) - pl.lit(MADE_AT)).dt.total_hours() / 24).alias("days_left"),
    )
    return unmapped.select(pl.col(name).cast(kind) for name, kind in SCHEMAS["unmapped_usage"].items())


def _happened() -> dict[str, pl.DataFrame]:
    """What came late, is silent, or waits as an exception."""
    exceptions = [
        {"kind": kind, "tenant_id": tenant, "hour": hour_of(day, 16), "subject": subject, "detail": detail,
         "opened_at": hour_of(day, 18), "deadline_at": deadline, "days_open": 12.6, "days_left": left,
         "owed": owed}
        for kind, tenant, day, subject, detail, deadline, left, owed in (
            ("held_for_review", "tenant-05", 20, METERS[0], "2,310 readings, 30 times the median", None, None, 2310),
            ("unreadable_file", None, 8, "2026-01-08/16/gateway-9.csv", "it ends in the middle", None, None, None),
            ("refused", "tenant-08", 2, METERS[1], "customer deleted", hour_of(2, 16) + timedelta(days=35), 3.3, 14),
        )
    ]  # fmt: skip
    restatements = [
        {"tenant_id": f"tenant-{number:02}", "meter": METERS[0], "hour": hour_of(day, 4), "revision": 2,
         "identifier": f"temperature_readings:tenant-{number:02}:202601{day:02}04:r2", "quantity_before": 140,
         "quantity_after": 140 + change, "change": change, "reason": reason, "caused_by": who,
         "restated_at": hour_of(day, 9), "run_id": "3f1c2a90-7d4e-4f0b-9a57-1b6d2c8e5f10", "status": "accepted"}
        for number, day, change, reason, who in (
            (9, 12, 36, "late file 2026-01-12/04/gateway-2.csv", "landing_sensor"),
            (10, 19, -140, "withdrawn: readings of the test bench", "ada"),
        )
    ]  # fmt: skip
    gaps = [
        {"tenant_id": "tenant-07", "sensor_id": "cellar-2", "silent_from": hour_of(5, 0), "silent_until": hour_of(6, 0),
         "hours_silent": 24, "readings_per_hour_before": 12.4},
        {"tenant_id": "tenant-11", "sensor_id": "walk-in", "silent_from": hour_of(29, 3), "hours_silent": 69,
         "readings_per_hour_before": 11.0},
    ]  # fmt: skip
    changed = {"tenant_id": "tenant-09", "meter": METERS[0], "signed_usage": 140.0, "usage_now": 176.0,
               "cause": "late_file"}  # fmt: skip
    return {
        "exceptions_open": rows("exceptions_open", *exceptions),
        "restatements": rows("restatements", *restatements),
        "data_gaps": rows("data_gaps", *gaps),
        "signed_changes": rows("signed_changes", changed | {"hour": hour_of(12, 4), "change_in_usage": 36.0}),
        "signed_figures": rows(
            "signed_figures", changed | {"difference": 36.0, "hours_changed": 1, "is_closed": False}
        ),
    }


def _decided() -> dict[str, pl.DataFrame]:
    """What has become of usage, and what people decided."""
    outcomes = [
        {"usage_month": MONTH.first_day, "meter": METERS[0], "outcome": outcome, "cause": cause, "quantity": quantity,
         "percent": percent}
        for outcome, cause, quantity, percent in (
            ("billed", "counted_by_stripe", 15.0, 15.0),
            ("recoverable", "unmapped", 80.0, 80.0),
            ("lost", "too_late", 5.0, 5.0),
        )
    ]  # fmt: skip
    settlements = [
        {"exception_id": 42, "tenant_id": "tenant-12", "event_name": METERS[0], "hour": hour_of(3, 4),
         "kind": "too_late", "how": "invoiced_by_hand", "quantity": 12, "document": "ii_1Qx7", "reason": "by mail",
         "settled_by": "ada", "settled_at": hour_of(20, 9)}
    ]  # fmt: skip
    mappings = [
        {"tenant_id": "tenant-09", "tenant_name": "tenant-09 Ltd", "customer_before": "cus_old",
         "customer_after": "cus_new", "changed_at": hour_of(7, 8), "changed_by": "ada", "reason": "a new contract"}
    ]  # fmt: skip
    decisions = [
        {"subject": "variance", "setting": "hold", "reason": "the default", "until": hour_of(20, 9)},
        {"subject": "variance", "setting": "warn", "reason": "new gateways", "decided_by": "olga",
         "decided_at": hour_of(20, 9)},
    ]  # fmt: skip
    return {
        "month_outcome": rows("month_outcome", *outcomes),
        "settlements": rows("settlements", *settlements),
        "mapping_changes": rows("mapping_changes", *mappings),
        "decisions_in_force": rows("decisions_in_force", *decisions),
    }


def closed_books() -> MonthBooks:
    """A quiet month that two people have signed."""
    signed = {
        "usage_month": MONTH.first_day,
        "status": "closed",
        "prepared_by": "ada",
        "approved_by": "grace",
        "signed_at": MADE_AT,
    }
    return replace(quiet_books(["cohoes", "troy"], days=3), month_status=rows("month_status", signed))
