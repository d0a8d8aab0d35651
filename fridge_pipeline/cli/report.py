"""``fridge report``: a month as a page and a workbook."""

from __future__ import annotations

import json

import click

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.cli.options import LocationOption, MonthKey
from fridge_pipeline.cli.person_option import login_name
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.finance.pages.words import verdict_in_words
from fridge_pipeline.finance.report_month import MonthReport
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.orchestration.month_assets import make_report


@click.command()
@click.argument("month", type=MonthKey())
@click.option(
    "--out",
    "folder",
    required=True,
    type=LocationOption(is_folder=True),
    help="The folder to write into, or s3://BUCKET/PREFIX.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def report(month: Month, folder: Location, as_json: bool) -> None:
    """Write a report of MONTH (UTC), as a page and a workbook.

    The page is for reading and printing; the workbook has every row. Both hold control totals, the tie-out from
    landing files to Stripe's own sums, usage, exceptions, restatements, and every difference with its cause. They
    work without a network. The page says when it was made and whether the month is closed; an open month still
    changes.

    Example: fridge report 2026-01 --out reports
    """
    with ledger() as opened, console.status(f"reading and writing {month}"):
        written = make_report(opened, month, folder, login_name(), "")
    echo(json.dumps(as_mapping(written)) if as_json else as_text(written))


def as_text(written: MonthReport) -> str:
    """Where it is, and how the month stands."""
    summary = written.summary
    hours = (
        f"{summary.hours('tied'):,} tie out, {summary.hours('explained'):,} differ and are explained, "
        f"{summary.hours('unexplained'):,} unexplained, {summary.hours('not_read'):,} not compared with Stripe yet"
    )
    _, verdict, _ = verdict_in_words(summary)
    return "\n".join(
        [
            f"{written.month} is {summary.signatures['status']}; tie-out: {verdict[0].lower()}{verdict[1:]}",
            f"  hours     {hours}",
            f"  page      {written.page}",
            f"  workbook  {written.workbook}",
        ]
    )


def as_mapping(written: MonthReport) -> dict[str, object]:
    """The same for scripts; a number that is not known is null."""
    summary = written.summary
    return {
        "month": written.month.key,
        "status": summary.signatures["status"],
        "tie_out": summary.verdict.value,
        "page": str(written.page),
        "workbook": str(written.workbook),
        "files": {
            "rows": summary.files["file_rows"],
            "inserted": summary.files["inserted"],
            "duplicates": summary.files["duplicates"],
            "rejected": summary.files["rejected"],
        },
        "meters": [
            {name: meter[name] for name in ("meter", "derived", "usage", "stated", "stripe")}
            for meter in summary.meters
        ],
        "compared_with_stripe": dict(zip(("hours", "of"), summary.compared, strict=True)),
        "hours": {status: summary.hours(status) for status in ("tied", "explained", "unexplained", "not_read")},
        "exceptions": summary.exceptions,
        "restatements": summary.restatements,
    }
