"""Group ``finance``: the SQL models that finance and auditors read, and their tests as checks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.database.build_models import STAGING, ModelRun, run_models
from fridge_pipeline.database.check_models import TestResult, check_models, tests_of
from fridge_pipeline.database.models import Materialized, Severity, SqlModel
from fridge_pipeline.finance.month_record import derive_hours
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.partitions import (
    BACKFILL_POLICY,
    Hourly,
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress, column_schema, described

#: Which assets fill the tables that models read; of the others (tenants, exceptions) no asset is the only source.
ASSETS_OF_TABLES = {
    "readings": ("raw_readings",),
    "landing_files": ("raw_readings",),
    "landing_file_tenants": ("raw_readings",),
    "usage": tuple(measure.asset for measure in Measure),
    "counted_hours": tuple(measure.asset for measure in Measure),
    "meter_events": ("meter_events",),
    "stripe_reconciliation": ("stripe_reconciliation",),
}

#: By this tag a model's asset says what it is in the database.
MATERIALIZED_TAG = "fridge/materialized"

#: So far back the nightly run derives usage anew: what was changed behind the program's back since shows.
DERIVED_ANEW = timedelta(days=2)


def finance_assets(models: Sequence[SqlModel], hourly: Hourly) -> list[dg.AssetsDefinition]:
    """One asset per SQL model; its dependencies are read from its SQL.

    They are grouped by what they can be run with: views of what was loaded, increments of its hours, views of what was
    billed, views above all of these, and tables, which are filled at night. So an hour is derived also while Stripe is
    down.
    """
    staging = [model for model in models if model.layer == STAGING]
    billed = [model for model in staging if "meter_events" in _assets_below(model, _by_name(models))]
    loaded = [model for model in staging if model not in billed]
    increments = _those(models, Materialized.INCREMENT)
    marts = [model for model in _those(models, Materialized.VIEW) if model.layer != STAGING]
    return [
        _views("finance_loaded", loaded, models),
        _increments(increments, models, hourly),
        _views("finance_billed", billed, models),
        _views("finance_marts", marts, models),
        _tables(_those(models, Materialized.TABLE), models),
    ]


def _views(name: str, own: Sequence[SqlModel], models: Sequence[SqlModel]) -> dg.AssetsDefinition:
    @dg.multi_asset(name=name, specs=[_spec(model, models) for model in own], can_subset=True)
    def views(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        yield from _results(context, installation, models, None)

    return views


def _increments(own: Sequence[SqlModel], models: Sequence[SqlModel], hourly: Hourly) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="finance_increments",
        specs=[_spec(model, models, hourly.freshness) for model in own],
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        can_subset=True,
    )
    def increments(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with retried_when_the_database_is_lost():
            yield from _results(context, installation, models, hours_of(context), by_hour=True)

    return increments


def _tables(own: Sequence[SqlModel], models: Sequence[SqlModel]) -> dg.AssetsDefinition:
    @dg.multi_asset(name="finance_tables", specs=[_spec(model, models) for model in own], can_subset=True)
    def tables(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        derive_anew(installation, models)
        yield from _results(context, installation, models, None)

    return tables


def derive_anew(installation: Installation, models: Sequence[SqlModel]) -> None:
    """Makes the increments of the last days once more, from what is stored now."""
    now, start = installation.clock(), installation.settings.partitions_start
    lately = HourRange(max(Hour.containing(now - DERIVED_ANEW), start), Hour.containing(now))
    derive_hours(installation.database, models, installation.catalogue, lately, installation.clock)


def _results(
    context: dg.AssetExecutionContext,
    installation: Installation,
    models: Sequence[SqlModel],
    span: HourRange | None,
    *,
    by_hour: bool = False,
) -> Iterator[dg.MaterializeResult[None]]:
    chosen = sorted(key.to_user_string() for key in context.selected_asset_keys)
    progress = Progress(context.log, f"{', '.join(chosen)}{f' for {span}' if span is not None else ''}")
    runs = run_models(installation.database, models, chosen, span, installation.catalogue, installation.clock())
    rows = sum(run.rows or sum((run.rows_per_hour or {}).values()) for run in runs)
    progress.finish(f"{len(runs)} models, {rows:,} rows")
    for run in runs:
        if by_hour and span is not None:
            for hour in span.hours():
                rows = (run.rows_per_hour or {}).get(hour, 0)
                context.add_asset_metadata(
                    {"dagster/partition_row_count": rows}, asset_key=run.model, partition_key=hour.key
                )
        yield dg.MaterializeResult(asset_key=run.model, metadata=_metadata(run))


def _metadata(run: ModelRun) -> dict[str, dg.TableColumnLineage | int]:
    metadata: dict[str, dg.TableColumnLineage | int] = {"dagster/column_lineage": _lineage(run)}
    if run.rows is not None:
        metadata["dagster/row_count"] = run.rows
    elif run.rows_per_hour is not None:
        metadata["rows of the run's hours"] = sum(run.rows_per_hour.values())
    return metadata


def _lineage(run: ModelRun) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=source)
                for table, source in sources
                for asset in ASSETS_OF_TABLES.get(table, (table,))
            ]
            for column, sources in run.sources.items()
        }
    )


def _spec(model: SqlModel, models: Sequence[SqlModel], freshness: dg.FreshnessPolicy | None = None) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=model.name,
        deps=_dependencies(model, _by_name(models)),
        group_name="finance",
        kinds={"sql", "postgres", model.materialized.value},
        tags={MATERIALIZED_TAG: model.materialized.value, "fridge/layer": model.layer},
        owners=["team:finance"],
        description=f"{described(model.description, model.example)}\n\n```sql\n{model.text.strip()}\n```",
        metadata={
            "dagster/table_name": f"fridge.{model.name}",
            "dagster/column_schema": column_schema(model.columns),
        },
        freshness_policy=freshness,
    )


def _dependencies(model: SqlModel, models: dict[str, SqlModel]) -> list[dg.AssetDep]:
    """The models and assets that a model reads.

    A view reads every hour, but Dagster need not look up each of thousands of partitions before it is remade. An
    increment reads its own hours, and waits for those who fill them also where it reads them through views.
    """
    if model.materialized is Materialized.INCREMENT:
        return [dg.AssetDep(name) for name in sorted(_assets_below(model, models) | (model.reads & models.keys()))]
    assets = {asset for table in model.reads for asset in ASSETS_OF_TABLES.get(table, ())}
    by_hour = {name for name in model.reads & models.keys() if models[name].materialized is Materialized.INCREMENT}
    last = dg.LastPartitionMapping()
    return [
        *(dg.AssetDep(name, partition_mapping=last) for name in sorted(assets | by_hour)),
        *(dg.AssetDep(name) for name in sorted((model.reads & models.keys()) - by_hour)),
    ]


def _assets_below(model: SqlModel, models: dict[str, SqlModel]) -> set[str]:
    """The assets that fill the tables which a model reads, also through other models."""
    assets = {asset for table in model.reads for asset in ASSETS_OF_TABLES.get(table, ())}
    for name in model.reads & models.keys():
        assets |= _assets_below(models[name], models)
    return assets


def _by_name(models: Sequence[SqlModel]) -> dict[str, SqlModel]:
    return {model.name: model for model in models}


def _those(models: Sequence[SqlModel], materialized: Materialized) -> list[SqlModel]:
    return [model for model in models if model.materialized is materialized]


SEVERITIES = {Severity.ERROR: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}


def finance_checks(models: Sequence[SqlModel]) -> dg.AssetChecksDefinition:
    """One check per test; run together at night, or each by itself from its asset's page."""

    @dg.multi_asset_check(
        name="finance_checks",
        specs=[
            dg.AssetCheckSpec(test.name, asset=test.model, description=test.says)
            for model in models
            for test in tests_of(model)
        ],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.AssetCheckResult]:
        chosen = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        for result in check_models(installation.database, models, chosen):
            yield _result(result)

    return checks


def _result(result: TestResult) -> dg.AssetCheckResult:
    metadata: dict[str, int | dg.TableMetadataValue] = {"rows": result.findings.count}
    if result.findings.examples:
        records = [
            dg.TableRecord({name: str(value) for name, value in row.items()}) for row in result.findings.examples
        ]
        metadata["examples"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(
        asset_key=result.test.model,
        check_name=result.test.name,
        passed=result.holds,
        severity=SEVERITIES[result.test.severity],
        description=result.test.says
        if result.holds
        else f"{result.findings.count} rows contradict: {result.test.says}",
        metadata=metadata,
    )
