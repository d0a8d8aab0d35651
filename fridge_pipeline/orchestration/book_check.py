"""What tests the books every day without anyone looking."""

import dagster as dg

from fridge_pipeline.orchestration.jobs import CHECK_BOOKS

#: Half an hour after the reconciliation, whose differences it judges.
BOOK_CHECK_CRON = "45 7 * * *"


def daily_book_check() -> dg.ScheduleDefinition:
    """Derives the last days anew and runs every test of the SQL models."""
    return dg.ScheduleDefinition(
        name="daily_book_check",
        job_name=CHECK_BOOKS,
        cron_schedule=BOOK_CHECK_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Derives the last days anew in SQL and tests everything that finance reads.",
    )
