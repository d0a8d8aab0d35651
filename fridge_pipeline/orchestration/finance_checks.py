"""Checks of group ``finance``: every test of a SQL model is one."""

from collections.abc import Iterator, Sequence

import dagster as dg

from fridge_pipeline.database.check_models import TestResult, check_models, tests_of
from fridge_pipeline.database.models import Severity, SqlModel
from fridge_pipeline.installation import Installation

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
