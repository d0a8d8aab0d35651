#!/usr/bin/env bash
# Dagster takes a partition key that lies between two hours for the hour that comes after it.
#
# Seen with dagster 1.13.27 (2026-11-30, Linux x86-64, Python 3.11): time_window_for_partition_key of hourly partitions
# parses the key by its format, and rounds what is on no grid line up. 2026-01-24-18:30 means 19:00 to 20:00, so the
# half hour that was asked for lies in no window that is worked on. get_partition_keys does not have it, yet
# materialize(partition_key=...) accepts it and runs the asset for the key as it was written: key and window of one run
# name different hours. (A key with the hour right and a leading zero missing is refused.)
#
# Fails when such a key is refused, or means the hour that it lies in.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dagster==1.13.27 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import warnings
from datetime import datetime, timezone

warnings.simplefilter("ignore")
import dagster as dg

HOURS = dg.HourlyPartitionsDefinition(start_date="2026-01-01-00:00")
seen = {}


@dg.asset(partitions_def=HOURS)
def readings(context: dg.AssetExecutionContext) -> None:
    """Notes which key and window it was run for."""
    seen[context.partition_key] = context.partition_time_window.start


for key in ("2026-01-24-18:00", "2026-01-24-18:30"):
    dg.materialize([readings], partition_key=key)
    print(f"{key}: window from {seen[key]}")
try:
    dg.materialize([readings], partition_key="2026-1-24-18:00")
except dg.DagsterUnknownPartitionError as error:
    print(error)
known = HOURS.get_partition_keys(current_time=datetime(2026, 2, 1, tzinfo=timezone.utc))
assert "2026-01-24-18:30" not in known
assert seen["2026-01-24-18:30"] == datetime(2026, 1, 24, 19, tzinfo=timezone.utc)
assert seen["2026-01-24-18:00"] == datetime(2026, 1, 24, 18, tzinfo=timezone.utc)
PYTHON
