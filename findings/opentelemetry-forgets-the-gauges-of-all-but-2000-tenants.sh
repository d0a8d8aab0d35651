#!/usr/bin/env bash
# From OpenTelemetry's SDK 1.45.1 to 1.45.2 the counters of tenants 2,001 and later become one counter of nobody, and
# of their gauges only the last is left.
#
# Seen with opentelemetry-sdk 1.45.2 and 1.45.1 (2026-12-01, Linux x86-64, Python 3.11): up to 1.45.1 an instrument
# keeps as many attribute sets as it is given. The patch release brought the specification's limit of 2,000 for each:
# what comes later is written with otel.metric.overflow=true in place of its own attributes, without a log line. The
# sum of a counter stays right, so no total shows it, nor an alarm on one. A gauge keeps its last value, also an
# observable one: 500 tenants with 10 sensors each are 10 sensors in all, and the sum is short. Who has a name is who
# was counted first since the start, so after a restart it is others. Metering services take usage by tenant from such
# counters; what has no name is billed to nobody. The reader's cardinality_limits, or a View's
# aggregation_cardinality_limit, raises it (_view_instrument_match.py in the SDK).
#
# Fails when 1.45.2 keeps them all, or 1.45.1 does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > count.py <<'PYTHON'
import random
import sys

from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.version import __version__

TENANTS = 2500
limited = sys.argv[1] == "1.45.2"
assert __version__ == sys.argv[1]


def read(tenants):
    """Each instrument's number of points, their sum and what has no name, after ten of everything for each tenant."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("billing")
    counter, gauge = meter.create_counter("readings"), meter.create_gauge("sensors")
    observed = [Observation(10, {"tenant": tenant}) for tenant in tenants]
    meter.create_observable_gauge("observed_sensors", [lambda _: observed])
    for tenant in tenants:
        counter.add(10, {"tenant": tenant})
        gauge.set(10, {"tenant": tenant})
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    found, named = {}, set()
    for metric in metrics:
        points = metric.data.data_points
        named = {point.attributes["tenant"] for point in points if "tenant" in point.attributes}
        nameless = sum(point.value for point in points if "otel.metric.overflow" in point.attributes)
        found[metric.name] = len(points), sum(point.value for point in points), nameless
    return found, named


in_order, first = read(list(range(TENANTS)))
other, second = read(random.Random(1).sample(range(TENANTS), TENANTS))
for name, (points, total, nameless) in in_order.items():
    print(f"{__version__}, {name}: {points} points, sum {total}, without a name {nameless}")
print(f"{__version__}: named {len(first)} tenants, in another order {len(second)}, in both {len(first & second)}")
assert in_order == other
if limited:
    gauge = 2001, 20010, 10
    assert in_order == {"readings": (2001, 25000, 5000), "sensors": gauge, "observed_sensors": gauge}
    assert len(first) == len(second) == 2000 and first != second
else:
    assert set(in_order.values()) == {(2500, 25000, 0)} and len(in_order) == 3
    assert first == second
PYTHON
for version in 1.45.1 1.45.2; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check \
        "opentelemetry-sdk==$version" 2> pip.log ||
        { cat pip.log; exit 1; }
    "$version/bin/python" count.py "$version"
done
