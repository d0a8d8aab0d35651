from __future__ import annotations

import subprocess
import sys

import dagster as dg

ASSETS = {
    "raw_readings": "ingest",
    "inserted_counts": "usage",
    "active_sensors": "usage",
    "meter_events": "billing",
    "stripe_reconciliation": "billing",
    "usage_hourly": "finance",
    "usage_daily": "finance",
    "usage_monthly": "finance",
    "billing_ledger": "finance",
    "evidence_pack": "finance",
}


def test_the_asset_graph_is_exactly_the_one_in_the_design(definitions: dg.Definitions) -> None:
    """An unplanned rename or a lost edge is a red difference here."""
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name: spec.group_name for name, spec in specs.items()} == ASSETS
    edges = {(dep.asset_key.to_user_string(), name) for name, spec in specs.items() for dep in spec.deps}
    assert edges == {
        ("raw_readings", "inserted_counts"),
        ("raw_readings", "active_sensors"),
        ("inserted_counts", "meter_events"),
        ("active_sensors", "meter_events"),
        ("inserted_counts", "usage_hourly"),
        ("active_sensors", "usage_hourly"),
        ("usage_hourly", "usage_daily"),
        ("usage_daily", "usage_monthly"),
        ("meter_events", "stripe_reconciliation"),
        ("meter_events", "billing_ledger"),
        ("usage_hourly", "evidence_pack"),
        ("usage_daily", "evidence_pack"),
        ("usage_monthly", "evidence_pack"),
        ("billing_ledger", "evidence_pack"),
        ("stripe_reconciliation", "evidence_pack"),
    }


def test_every_asset_says_what_one_row_is_and_who_owns_it(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert (spec.description or "").startswith("One row per "), spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


def test_a_fresh_interpreter_loads_the_definitions_without_any_environment(tmp_path: object) -> None:
    code = "import fridge_pipeline.definitions as module; print(len(list(module.defs().resolve_all_asset_keys())))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) == len(ASSETS)
