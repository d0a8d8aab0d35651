"""The jobs: one per automation, so that the UI tells their runs apart."""

from __future__ import annotations

import dagster as dg

from fridge_pipeline.finance.assets import MATERIALIZED_TAG

#: Has days where the others have hours, so it is no link of their chain.
RECONCILIATION = dg.AssetSelection.assets("stripe_reconciliation")

INCREMENTS = dg.AssetSelection.tag(MATERIALIZED_TAG, "increment")

#: With the checks of these assets. Views are always as the books are, so no hour makes them anew.
CHAIN = (dg.AssetSelection.groups("ingest", "usage", "billing") - RECONCILIATION) | INCREMENTS

#: The models without hours: their rows are counted, and what must be true of them is checked, in one run.
FINANCE = dg.AssetSelection.tag(MATERIALIZED_TAG, "view") | dg.AssetSelection.tag(MATERIALIZED_TAG, "table")

LOAD_AND_BILL = "load_and_bill"
BILL_CLOSED_HOURS = "bill_closed_hours"
RECONCILE_DAYS = "reconcile_days"
CHECK_BOOKS = "check_books"
PLAN_BACKFILL = "plan_backfill"


def jobs(checks: dg.AssetChecksDefinition) -> list[dg.UnresolvedAssetJobDefinition]:
    """One job for the landing sensor, one for the hourly schedule, two for the day: comparison and ``checks``."""
    return [
        dg.define_asset_job(
            LOAD_AND_BILL,
            selection=CHAIN,
            tags={"fridge/does": "load and bill"},
            description="Loads an hour's new landing files, counts, and bills the hour once it is closed.",
        ),
        dg.define_asset_job(
            BILL_CLOSED_HOURS,
            selection=CHAIN,
            tags={"fridge/does": "bill"},
            description="Sweeps closed hours that are not fully loaded, counted and delivered.",
        ),
        dg.define_asset_job(
            RECONCILE_DAYS,
            selection=RECONCILIATION,
            tags={"fridge/does": "reconcile"},
            description="Compares days of usage and ledger with Stripe's own books.",
        ),
        dg.define_asset_job(
            PLAN_BACKFILL,
            selection=dg.AssetSelection.groups("planning"),
            tags={"fridge/does": "plan"},
            description="Shows what a backfill of hours would change at Stripe, before anything is sent.",
        ),
        dg.define_asset_job(
            CHECK_BOOKS,
            selection=FINANCE.without_checks() | dg.AssetSelection.checks(checks),
            tags={"fridge/does": "check"},
            description="Derives the last days anew in SQL and tests everything that finance reads.",
        ),
    ]
