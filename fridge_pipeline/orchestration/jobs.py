"""The jobs: the same chain of assets, once per automation, so that the UI tells their runs apart."""

from __future__ import annotations

import dagster as dg

CHAIN = dg.AssetSelection.groups("ingest", "usage", "billing", "finance")

LOAD_AND_BILL = "load_and_bill"
BILL_CLOSED_HOURS = "bill_closed_hours"


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """One job for the landing sensor, one for the hourly schedule."""
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
    ]
