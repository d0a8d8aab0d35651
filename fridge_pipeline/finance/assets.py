"""Group ``finance``: the SQL models that finance and auditors read, and their tests as checks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import COUNTS
from fridge_pipeline.database.check_models import TestResult, check_models, tests_of
from fridge_pipeline.database.fill_models import HOURS_OF_A_RUN, fill_hours, fill_tables, keep_figures
from fridge_pipeline.database.models import Materialized, SourceTable, SqlModel
from fridge_pipeline.ingest.landing_record import hours_with_files
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import (
    BACKFILL_POLICY,
    Hourly,
    hours_in_tags,
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress, described, table_metadata
from fridge_pipeline.orchestration.told_hours import tell_loaded_hours

#: Which assets fill the tables that models read; of the others (tenants, exceptions) no asset is the only source.
ASSETS_OF_TABLES = {
    "readings": ("raw_readings",),
    "landing_files": ("raw_readings",),
    "landing_file_tenants": ("raw_readings",),
    "usage": tuple(COUNTS),
    "counted_hours": tuple(COUNTS),
    "meter_events": ("meter_events",),
    "stripe_reconciliation": ("stripe_reconciliation",),
    "newest_hourly_reads": ("stripe_reconciliation",),
    "newest_stripe_sums": ("stripe_reconciliation",),
}

#: What the run of an hour fills.
BY_HOUR = (Materialized.INCREMENT, Materialized.KEPT)

#: So far back the nightly run derives usage anew: what was changed directly in the database since shows.
DERIVED_ANEW = timedelta(days=2)


def finance_assets(models: Sequence[SqlModel], hourly: Hourly) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """One asset per SQL model; its dependencies are read from its SQL.

    A view is always as the books are, so nothing materializes it: Dagster shows it, and runs its checks. Only the
    others are filled: increments and kept figures by the run of an hour, tables at night.
    """
    known = {model.name: model for model in models}
    views = [model for model in models if model.materialized is Materialized.VIEW]
    return [*(_spec(model, known) for model in views), _increments(known, hourly), _kept(known, hourly), _tables(known)]


def _increments(models: Mapping[str, SqlModel], hourly: Hourly) -> dg.AssetsDefinition:
    own = [model for model in models.values() if model.materialized is Materialized.INCREMENT]

    @dg.multi_asset(
        name="finance_increments",
        specs=[_spec(model, models, hourly.freshness) for model in own],
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        can_subset=True,
    )
    def increments(
        context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
    ) -> Iterator[dg.MaterializeResult[None]]:
        hours = hours_of(context)
        chosen = [model for model in own if dg.AssetKey(model.name) in context.selected_asset_keys]
        progress = Progress(context.log, f"{', '.join(model.name for model in chosen)} for {hours}")
        with retried_when_the_database_is_lost():
            filled = fill_hours(ledger.database, chosen, hours, ledger.catalogue, ledger.clock)
        progress.finish(f"{sum(sum(rows.values()) for rows in filled.values()):,} rows")
        with ledger.database.connect() as connection:
            with_files = set(hours_with_files(connection, hours))
        for name, rows in filled.items():
            counts = {hour: {"dagster/partition_row_count": rows.get(hour, 0)} for hour in with_files | rows.keys()}
            yield tell_loaded_hours(context, hours, counts, name)

    return increments


def _kept(models: Mapping[str, SqlModel], hourly: Hourly) -> dg.AssetsDefinition:
    own = [model for model in models.values() if model.materialized is Materialized.KEPT]

    @dg.multi_asset(
        name="finance_kept",
        specs=[_spec(model, models) for model in own],
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        can_subset=True,
    )
    def kept(
        context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Of whatever has changed, of the hours of the run and of others."""
        hours, progress = hours_of(context), Progress(context.log, "figures kept beside the books")
        with retried_when_the_database_is_lost():
            kept_anew = keep_figures(ledger.database, models.values(), HOURS_OF_A_RUN)
        progress.finish(f"{kept_anew:,} hours")
        with ledger.database.connect() as connection:
            held: dict[Hour, dict[str, int]] = {hour: {} for hour in hours_with_files(connection, hours)}
        for model in own:
            if dg.AssetKey(model.name) in context.selected_asset_keys:
                yield tell_loaded_hours(context, hours, held, model.name)

    return kept


def _tables(models: Mapping[str, SqlModel]) -> dg.AssetsDefinition:
    own = [model for model in models.values() if model.materialized is Materialized.TABLE]

    @dg.multi_asset(name="finance_tables", specs=[_spec(model, models) for model in own], can_subset=True)
    def tables(
        context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
    ) -> Iterator[dg.MaterializeResult[None]]:
        chosen = [model for model in own if dg.AssetKey(model.name) in context.selected_asset_keys]
        progress = Progress(context.log, ", ".join(model.name for model in chosen))
        now, start = ledger.clock(), ledger.settings.partitions_start
        lately = HourRange(max(Hour.containing(now - DERIVED_ANEW), start), Hour.containing(now))
        fill_hours(ledger.database, models.values(), lately, ledger.catalogue, ledger.clock)
        filled = fill_tables(ledger.database, chosen, ledger.catalogue)
        keep_figures(ledger.database, models.values())
        progress.finish(f"{sum(filled.values()):,} rows")
        for name, rows in filled.items():
            yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": rows})

    return tables


def _spec(model: SqlModel, models: Mapping[str, SqlModel], freshness: dg.FreshnessPolicy | None = None) -> dg.AssetSpec:
    made_of = {
        column: tuple((asset, source) for table, source in of for asset in ASSETS_OF_TABLES.get(table, (table,)))
        for column, of in model.made_of.items()
    }
    return dg.AssetSpec(
        key=model.name,
        deps=_dependencies(model, models),
        group_name=f"finance/{model.layer}",
        kinds={"sql", "postgres", model.materialized.value},
        tags={"fridge/layer": model.layer},
        owners=["team:finance"],
        description=f"{described(model.description, model.example)}\n\n```sql\n{model.text.strip()}\n```",
        metadata=table_metadata(SourceTable(model.name, model.name, model.example, model.columns, made_of)),
        freshness_policy=freshness,
    )


def _dependencies(model: SqlModel, models: Mapping[str, SqlModel]) -> list[dg.AssetDep]:
    """The models and assets that a model reads.

    What is filled waits for those who fill what it reads, also where it reads them through views, which nobody runs. An
    increment reads its own hours; a table reads all, but Dagster need not look up each of thousands before that.
    """
    assets = _assets_of(model) if model.materialized is Materialized.VIEW else _assets_below(model, models)
    by_hour = assets | {name for name, each in models.items() if each.materialized in BY_HOUR}
    last = dg.LastPartitionMapping() if model.materialized is Materialized.TABLE else None
    return [
        dg.AssetDep(name, partition_mapping=last if name in by_hour else None)
        for name in sorted(assets | (model.reads & models.keys()))
    ]


def _assets_of(model: SqlModel) -> set[str]:
    """The assets that fill the tables which a model reads."""
    return {asset for table in model.reads for asset in ASSETS_OF_TABLES.get(table, ())}


def _assets_below(model: SqlModel, models: Mapping[str, SqlModel]) -> set[str]:
    """The same, also through other models."""
    return _assets_of(model).union(*(_assets_below(models[name], models) for name in model.reads & models.keys()))


def finance_checks(models: Sequence[SqlModel]) -> dg.AssetChecksDefinition:
    """One check per test; run together at night, or each by itself from its asset's page.

    Those of increments also run with the hours that were filled, and look at these.
    """

    @dg.multi_asset_check(
        name="finance_checks",
        specs=[
            dg.AssetCheckSpec(test.name, asset=test.model, description=test.says)
            for model in models
            for test in tests_of(model, None)
        ],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]
    ) -> Iterator[dg.AssetCheckResult]:
        chosen = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        of_the_run = hours_in_tags(context.run.tags)
        hours = HourRange(of_the_run[0], of_the_run[-1]) if of_the_run else None
        for result in check_models(ledger.database, models, chosen, hours):
            yield _result(result)

    return checks


def _result(result: TestResult) -> dg.AssetCheckResult:
    metadata: dict[str, int | dg.TableMetadataValue] = {"rows": result.count}
    if result.examples:
        records = [dg.TableRecord({name: str(value) for name, value in row.items()}) for row in result.examples]
        metadata["examples"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(
        asset_key=result.test.model,
        check_name=result.test.name,
        passed=result.holds,
        severity=dg.AssetCheckSeverity[result.test.severity.name],
        description=result.test.says if result.holds else f"{result.count} rows contradict: {result.test.says}",
        metadata=metadata,
    )
