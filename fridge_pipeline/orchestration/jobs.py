"""The jobs: one per automation, so that the UI tells their runs apart."""

from __future__ import annotations

import dagster as dg

#: Has days where the others have hours, so it is no link of their chain.
RECONCILIATION = dg.AssetSelection.assets("stripe_reconciliation")

HOURLY = dg.AssetSelection.groups("ingest", "usage", "billing") - RECONCILIATION

#: Has months, and is made when one was closed.
EVIDENCE = dg.AssetSelection.assets("evidence_pack")

FINANCE = dg.AssetSelection.groups("finance") - EVIDENCE

CHAIN = HOURLY | FINANCE

LOAD_AND_BILL = "load_and_bill"
BILL_CLOSED_HOURS = "bill_closed_hours"
RECONCILE_DAYS = "reconcile_days"


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """One job for the landing sensor, one for the hourly schedule, one for what is reconciled by the day."""
    return [
        dg.define_asset_job(
            LOAD_AND_BILL,
            selection=CHAIN,
            description="Loads an hour's new landing files, counts, and bills the hour once it is closed.",
        ),
        dg.define_asset_job(
            BILL_CLOSED_HOURS,
            selection=CHAIN,
            description="Sweeps closed hours that are not fully loaded, counted and delivered.",
        ),
        dg.define_asset_job(
            RECONCILE_DAYS,
            selection=RECONCILIATION,
            description="Compares days of usage and ledger with Stripe's own books.",
        ),
    ]
