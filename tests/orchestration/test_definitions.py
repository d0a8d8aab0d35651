from __future__ import annotations

import subprocess
import sys

import dagster as dg

from fridge_pipeline.orchestration.settings import MODELS_FOLDER

ASSETS = {
    "raw_readings": "ingest",
    "inserted_counts": "usage",
    "active_sensors": "usage",
    "meter_events": "billing",
    "stripe_reconciliation": "billing",
    **{path.stem: "finance" for path in MODELS_FOLDER.rglob("*.sql") if path.parent.name != "truths"},
    "backfill_plan": "planning",
    "evidence_pack": "finance",
    "audit_report": "finance",
}


def test_the_asset_graph_is_exactly_the_one_in_the_design(definitions: dg.Definitions) -> None:
    """An unplanned rename or a lost edge is a red difference here."""
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name: spec.group_name for name, spec in specs.items()} == ASSETS
    edges = {(dep.asset_key.to_user_string(), name) for name, spec in specs.items() for dep in spec.deps}
    assert {(above, below) for above, below in edges if ASSETS[below] != "finance"} == {
        ("raw_readings", "inserted_counts"),
        ("raw_readings", "active_sensors"),
        ("inserted_counts", "meter_events"),
        ("active_sensors", "meter_events"),
        ("meter_events", "stripe_reconciliation"),
    }
    # Those of the SQL models are read from their SQL; these are some that must be among them.
    assert edges >= {
        ("inserted_counts", "stg_usage"),
        ("active_sensors", "stg_usage"),
        ("stg_usage", "usage_hourly"),
        ("usage_hourly", "usage_daily"),
        ("usage_daily", "usage_monthly"),
        ("meter_events", "stg_statements"),
        ("stg_statements", "billing_ledger"),
        ("stripe_reconciliation", "stg_stripe_days"),
        ("hour_facts", "tie_out"),
        ("tie_out", "evidence_pack"),
        ("tie_out", "audit_report"),
    }
    assert ("raw_readings", "sensor_hours") in edges, "an increment waits for the load that its views read"


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
