#!/usr/bin/env bash
# Dagster plans a partitioned asset check for every partition of a ranged run, and ends none of them.
#
# Seen with dagster 1.13.27 (2026-11-30, Linux x86-64, Python 3.11): a check with a partitions_def (preview) of a run
# over one partition is recorded for that partition. Of a run over a range, as a backfill with BackfillPolicy.single_run
# or multi_run makes them, a planned record is written for each partition, and the one evaluation has no partition: the
# check succeeds, the run succeeds, and each partition of the range stays PLANNED for ever. Asset materializations of the
# same run are written for each partition.
#
# Fails when the partitions of a range are evaluated, or are no longer planned.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dagster==1.13.27 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import warnings

warnings.simplefilter("ignore")
import dagster as dg

HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00", end_date="2026-01-02-00:00")


@dg.asset(partitions_def=HOURS, backfill_policy=dg.BackfillPolicy.single_run())
def readings() -> dg.MaterializeResult:
    """One hour or several."""
    return dg.MaterializeResult()


@dg.asset_check(asset=readings, partitions_def=HOURS)
def are_complete() -> dg.AssetCheckResult:
    """Always."""
    return dg.AssetCheckResult(passed=True)


job = dg.Definitions([readings], asset_checks=[are_complete]).resolve_implicit_global_asset_job_def()
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
with dg.DagsterInstance.ephemeral() as instance:
    for tags in (
        {"dagster/partition": "2026-01-01-05:00"},
        {FIRST: "2026-01-01-07:00", LAST: "2026-01-01-09:00"},
    ):
        assert job.execute_in_process(instance=instance, tags=tags).success
    key = dg.AssetCheckKey(dg.AssetKey("readings"), "are_complete")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    found = {record.partition: record.status.value for record in records}
    made = instance.get_materialized_partitions(dg.AssetKey("readings"))
print(found)
assert found == {
    "2026-01-01-05:00": "SUCCEEDED",
    **{f"2026-01-01-0{hour}:00": "PLANNED" for hour in (7, 8, 9)},
    None: "SUCCEEDED",
}
assert made == {f"2026-01-01-0{hour}:00" for hour in (5, 7, 8, 9)}
PYTHON
