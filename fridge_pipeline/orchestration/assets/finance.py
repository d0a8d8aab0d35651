"""Group ``finance``: the SQL models that finance and auditors read."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from fridge_pipeline.adapters.sql_models import SqlModel, read_models
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.steps.build_models import build_models

#: Tables that are assets of their own; the others (tenants) are imported, not materialized.
TABLE_ASSETS = frozenset({"inserted_counts", "active_sensors", "meter_events"})


def finance_assets(folder: Path) -> list[dg.AssetsDefinition]:
    """One asset per SQL model in a folder; its dependencies are read from its SQL."""
    models = read_models(folder)
    names = {model.name for model in models}

    @dg.multi_asset(
        name="finance_models",
        specs=[_spec(model, names) for model in models],
        can_subset=True,
    )
    def finance_models(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        rows = build_models(installation.database, models, installation.clock())
        for model in models:
            if dg.AssetKey(model.name) in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=model.name, metadata={"dagster/row_count": rows[model.name]})

    return [finance_models]


def _spec(model: SqlModel, names: set[str]) -> dg.AssetSpec:
    columns = [dg.TableColumn(name, description=meaning) for name, meaning in model.columns.items()]
    return dg.AssetSpec(
        key=model.name,
        deps=[_dependency(name) for name in sorted(model.reads & (names | TABLE_ASSETS))],
        group_name="finance",
        kinds={"sql", "postgres", "view"},
        owners=["team:finance"],
        description=f"{model.description}\n\n```sql\n{model.text.strip()}\n```",
        metadata={
            "dagster/table_name": f"fridge.{model.name}",
            "dagster/column_schema": dg.TableSchema(columns=columns),
        },
    )


def _dependency(name: str) -> dg.AssetDep:
    """A view reads every hour, but Dagster need not look up each of thousands of partitions before it is remade."""
    return dg.AssetDep(name, partition_mapping=dg.LastPartitionMapping() if name in TABLE_ASSETS else None)
