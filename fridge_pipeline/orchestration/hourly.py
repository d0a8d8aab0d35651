"""What all hourly assets have in common: their grid, when they count as stale, and what they survive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import psycopg

from fridge_pipeline.database.connection import DatabaseUnreachableError
from fridge_pipeline.orchestration.partitions import hourly_partitions
from fridge_pipeline.settings import Settings

#: Runs that call Stripe share its rate limit; `dagster.yaml` says how many of them there are at once.
STRIPE_POOL = "stripe"

#: A lost connection or a deadlock is over in seconds; what lasts longer is left to the next run.
RETRIES_MAX = 3
RETRY_AFTER_SECONDS = 5

#: An hour's files come while it runs, so even a punctual hourly asset is an hour old.
STALE_AT_LEAST = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Hourly:
    """The grid of hours, and after how long without news an asset on it is late, then stale."""

    hours: dg.HourlyPartitionsDefinition
    freshness: dg.FreshnessPolicy


def hourly_of(settings: Settings) -> Hourly:
    """As the settings say; Dagster judges an asset by its newest materialization, whichever hour that was of."""
    stale = max(settings.alerts.stale_after, STALE_AT_LEAST)
    return Hourly(
        hourly_partitions(settings.partitions_start),
        dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=stale * 3 / 4),
    )


@contextmanager
def retried_when_the_database_is_lost() -> Iterator[None]:
    """Lets Dagster run the step once more: everything that was committed stays, and is not done again."""
    try:
        yield
    except (psycopg.OperationalError, DatabaseUnreachableError) as error:
        raise dg.RetryRequested(max_retries=RETRIES_MAX, seconds_to_wait=RETRY_AFTER_SECONDS) from error
