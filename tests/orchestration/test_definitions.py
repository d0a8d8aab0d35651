from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg

from fridge_pipeline.commit import commit
from fridge_pipeline.database.models import Materialized, read_models
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY, read_settings

LAYERS = ("staging", "marts")

ASSETS = {
    "raw_readings": "ingest",
    "inserted_counts": "usage",
    "active_sensors": "usage",
    "declared_measures": "usage",
    "meter_events": "billing",
    "stripe_reconciliation": "billing",
    "stripe_invoices": "invoices",
    **{path.stem: f"finance/{layer}" for layer in LAYERS for path in (MODELS_FOLDER / layer).glob("*.sql")},
    "backfill_plan": "planning",
    "evidence_pack": "finance/month",
    "audit_report": "finance/month",
}


def test_the_asset_graph_is_exactly_the_one_in_the_design(definitions: dg.Definitions) -> None:
    """An unplanned rename or a lost edge is a red difference here."""
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name: spec.group_name for name, spec in specs.items()} == ASSETS
    edges = {(dep.asset_key.to_user_string(), name) for name, spec in specs.items() for dep in spec.deps}
    assert {(above, below) for above, below in edges if not ASSETS[below].startswith("finance/")} == {
        ("raw_readings", "inserted_counts"),
        ("raw_readings", "active_sensors"),
        ("raw_readings", "declared_measures"),
        ("raw_readings", "backfill_plan"),
        ("inserted_counts", "meter_events"),
        ("active_sensors", "meter_events"),
        ("declared_measures", "meter_events"),
        ("meter_events", "stripe_reconciliation"),
        ("stripe_reconciliation", "stripe_invoices"),
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


def test_every_asset_says_what_one_row_is_and_who_owns_it(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert (spec.description or "").startswith("One row per "), spec.key
        assert re.search(r"\bFor example: \S", spec.description or ""), spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


def test_every_table_shows_its_columns_with_types_and_meanings(definitions: dg.Definitions) -> None:
    shown = {spec.key.to_user_string(): spec.metadata for spec in definitions.resolve_all_asset_specs()}
    tables = {name: metadata for name, metadata in shown.items() if "dagster/table_name" in metadata}
    assert tables.keys() == ASSETS.keys() - {"backfill_plan", "evidence_pack", "audit_report"}
    for name, metadata in tables.items():
        columns = metadata["dagster/column_schema"].columns
        assert all(column.description and column.type for column in columns), name
    lineage = shown["meter_events"]["dagster/column_lineage"].deps_by_column["value"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage} == {
        ("inserted_counts", "inserted_count"),
        ("active_sensors", "active_sensors"),
        ("declared_measures", "quantity"),
    }


def test_a_view_is_shown_with_where_its_columns_come_from_and_is_nothing_that_can_be_run(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    made_by_nobody = {key.to_user_string() for key in graph.external_asset_keys}
    views = {model.name for model in read_models(MODELS_FOLDER) if model.materialized is Materialized.VIEW}
    assert made_by_nobody == views
    for name in views:
        assert {"dagster/column_schema", "dagster/table_name"} <= graph.get(dg.AssetKey(name)).metadata.keys()
    of = graph.get(dg.AssetKey("stg_readings")).metadata["dagster/column_lineage"].deps_by_column["recorded_at"]
    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in of] == [("raw_readings", "recorded_at")]


def test_every_asset_leads_to_the_code_that_runs_and_a_model_to_its_sql_on_the_web_where_that_is_set() -> None:
    def code(**environ: str) -> dict[str, list[str]]:
        specs = build_definitions(read_settings(environ)).resolve_all_asset_specs()
        found = {spec.key.to_user_string(): spec.metadata["dagster/code_references"].code_references for spec in specs}
        return {name: [reference.source for reference in references] for name, references in found.items()}

    here = code()
    assert here.keys() == ASSETS.keys()
    for name, (first, *_) in here.items():
        path, _, line = first.partition(":")
        text = Path(path).read_text(encoding="utf-8").splitlines()
        assert text[int(line or 1) - 1].startswith("@" if line else ("with", "select", "--")), (name, first)
    assert here["tie_out"] == [str(REPOSITORY / "dbt_like_sql" / "marts" / "tie_out.sql")]
    there = code(FRIDGE_SOURCE_URL="https://code.example/us/fridge/blob/{commit}")
    line = here["raw_readings"][0].rpartition(":")[2]
    path = f"fridge_pipeline/ingest/assets.py#L{line}"
    assert there["raw_readings"] == [f"https://code.example/us/fridge/blob/{commit()}/{path}"]


def test_all_that_can_be_materialized_begins_with_the_hours_of_raw_readings(definitions: dg.Definitions) -> None:
    """The UI asks *Materialize all…* for partitions of the assets that depend on no other that can be run."""
    graph = definitions.resolve_asset_graph()
    runnable = graph.executable_asset_keys
    first = {key for key in runnable if not graph.get(key).parent_keys & runnable and graph.get(key).is_partitioned}
    assert first == {dg.AssetKey("raw_readings")}


def test_what_is_filled_waits_for_what_fills_the_tables_that_it_reads_through_views(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    assert dg.AssetKey("raw_readings") in graph.get(dg.AssetKey("sensor_hours")).parent_keys
    assert {dg.AssetKey("raw_readings"), dg.AssetKey("sensor_hours")} <= graph.get(dg.AssetKey("data_gaps")).parent_keys


def test_hourly_assets_turn_stale_when_nothing_comes_and_only_what_calls_stripe_shares_its_pool(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    hourly = {"raw_readings", "inserted_counts", "active_sensors", "declared_measures", "meter_events"}
    hourly |= {"sensor_hours", "declared_hours", "recorded_months"}
    stale = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs() if spec.freshness_policy}
    assert stale == hourly
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.materializable_asset_keys}
    assert {name for name, names in pools.items() if names} == {
        "meter_events",
        "stripe_reconciliation",
        "stripe_invoices",
    }


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
