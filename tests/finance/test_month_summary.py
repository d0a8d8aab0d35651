from __future__ import annotations

import polars as pl
import pytest

from fridge_pipeline.finance.rules.month_books import MARTS, OF_FILES, MonthBooks
from fridge_pipeline.finance.rules.month_detail import notable_hours, usage_by_tenant
from fridge_pipeline.finance.rules.month_summary import Verdict, summarize
from tests.finance.report.books import METERS, empty_books, quiet_books, tie_out_of, troubled_books, whole, with_frames


@pytest.fixture(scope="module")
def troubled() -> MonthBooks:
    return troubled_books(tenants=12, days=21)


def test_rows_of_files_count_once_however_many_meters_an_hour_has() -> None:
    books = quiet_books(["cohoes"], days=1)
    files = summarize(books).files
    assert (files["tenant_hours"], files["duplicates"], files["rejected"]) == (24, 48, 24)
    assert files["difference"] == 0


def test_what_is_not_on_record_is_no_zero() -> None:
    books = quiet_books(["cohoes"], days=1)
    unknown = ("file_rows", "inserted", "duplicates", "rejected", "stripe_quantity")
    tie_out = tie_out_of(books)
    blank = tie_out.with_columns(pl.lit(None).cast(tie_out.schema[name]).alias(name) for name in unknown)
    summary = summarize(with_frames(books, tie_out=blank))
    assert (summary.files["file_rows"], summary.files["difference"]) == (None, None)
    assert summary.files["tenant_hours_not_recorded"] == 24
    assert [meter["stripe"] for meter in summary.meters] == [None, None]
    unread = blank.with_columns(pl.lit(None, pl.Float64).alias("difference_in_stripe"))
    steps = summarize(with_frames(books, tie_out=unread)).steps
    assert {step["step"]: step["unknown"] for step in steps} == {"files": 0, "usage": 0, "ledger": 0, "stripe": 48}
    assert usage_by_tenant(with_frames(books, tie_out=blank))["stripe"].to_list() == [None, None]


def test_rows_of_files_hold_for_the_tenants_hour_whichever_meter_they_stand_on() -> None:
    """The tie-out has them on the meter that counts readings. An hour whose row it lacks is not on record."""
    books = quiet_books(["cohoes", "troy"], days=2)
    frames = {mart: whole(books, mart) for mart in MARTS}
    for meter in METERS:
        on_one_meter = tie_out_of(books).with_columns(
            pl.when(pl.col("meter") == meter).then(pl.col(name)).alias(name) for name in OF_FILES
        )
        again = MonthBooks.from_frames(books.month, frames | {"tie_out": on_one_meter})
        assert tie_out_of(again).equals(tie_out_of(books))
    first = pl.col("hour") == pl.col("hour").min()
    lacking = tie_out_of(books).with_columns(pl.when(~first).then(pl.col(name)).alias(name) for name in OF_FILES)
    summary = summarize(MonthBooks.from_frames(books.month, frames | {"tie_out": lacking}))
    assert summary.files["tenant_hours_not_recorded"] == 2
    assert {step["step"]: step["unknown"] for step in summary.steps}["files"] == 4


def test_a_month_ties_out_only_when_nothing_differs_and_nothing_is_open(troubled: MonthBooks) -> None:
    quiet = quiet_books(["cohoes"], days=1)
    assert summarize(quiet).verdict is Verdict.TIES_OUT
    assert summarize(troubled).verdict is Verdict.UNEXPLAINED
    assert summarize(empty_books()).verdict is Verdict.NO_DATA
    for mart in ("exceptions_open", "unmapped_usage"):
        assert summarize(with_frames(quiet, **{mart: getattr(troubled, mart)})).verdict is Verdict.EXPLAINED, mart
    not_read = tie_out_of(quiet).with_columns(pl.lit("not_read").alias("status"))
    summary = summarize(with_frames(quiet, tie_out=not_read))
    assert (summary.verdict, summary.compared) == (Verdict.NOT_COMPARED, (0, 48))


@pytest.mark.parametrize(
    ("status", "stripe", "verdict", "compared"),
    [
        ("not_read", None, Verdict.PARTLY_COMPARED, 47),
        ("explained", None, Verdict.EXPLAINED, 47),
        ("unexplained", 1.0, Verdict.UNEXPLAINED, 48),
    ],
)
def test_a_month_of_which_one_hour_is_not_compared_says_how_many_are(
    status: str, stripe: float | None, verdict: Verdict, compared: int
) -> None:
    quiet = quiet_books(["cohoes"], days=1)
    first = pl.int_range(pl.len()) == 0
    tie_out = tie_out_of(quiet).with_columns(
        pl.when(first).then(pl.lit(status)).otherwise("status").alias("status"),
        pl.when(first).then(pl.lit(stripe, pl.Float64)).otherwise("stripe_quantity").alias("stripe_quantity"),
    )
    summary = summarize(with_frames(quiet, tie_out=tie_out))
    assert (summary.verdict, summary.compared) == (verdict, (compared, 48))


def test_a_month_in_which_everything_is_explained_and_nothing_was_compared_does_not_tie_out() -> None:
    """Such as in shadow mode, or with nobody mapped to a customer."""
    quiet = quiet_books(["cohoes"], days=1)
    tie_out = tie_out_of(quiet).with_columns(
        pl.lit("explained").alias("status"), pl.lit(None, pl.Float64).alias("stripe_quantity")
    )
    assert summarize(with_frames(quiet, tie_out=tie_out)).verdict is Verdict.NOT_COMPARED


def test_what_nothing_explains_comes_first_and_no_tenant_hides_another(troubled: MonthBooks) -> None:
    first = [(tenant, hour.start.day) for tenant, hour in notable_hours(troubled)]
    assert first[:3] == [("tenant-02", 11), ("tenant-04", 17), ("tenant-01", 9)]
    then = ["tenant-05", "tenant-06", "tenant-10", "tenant-03", "tenant-09"]
    assert [tenant for tenant, _ in first[3:8]] == then, "one of each tenant and cause, restatements too, by amount"
    assert {tenant for tenant, _ in first[8:]} == {"tenant-06"}, "which has no customer all month"
    assert len(notable_hours(troubled)) == len(set(notable_hours(troubled))) == 21 * 24 + 7


def test_a_tenant_with_statements_but_no_usage_is_not_left_out() -> None:
    books = quiet_books(["cohoes", "troy"], days=1)
    gone = books.usage_monthly.filter(pl.col("tenant_id") == "cohoes")
    table = usage_by_tenant(with_frames(books, usage_monthly=gone))
    assert set(table["tenant_id"]) == {"cohoes", "troy"}
    assert table.filter(pl.col("tenant_id") == "troy")["quantity"].to_list() == [None, None]
