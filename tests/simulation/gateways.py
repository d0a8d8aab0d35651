"""What gateways do: deliver on time, late and twice, write files anew, and land them in wrong hours."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fridge_pipeline.calendar.hours import Hour
from tests.pipeline import csv_of
from tests.simulation.base import Actor
from tests.simulation.record import Delivery, Identity
from tests.simulation.world import HOURS, TENANTS, WRONG_HOURS

CELSIUS = 4.5
DELIVERIES = ["land again", "write a file anew", "move a file", "delete a file", "land in a wrong hour"]

numbers = st.integers(0, 99)
hours = st.integers(0, len(HOURS) - 1)
tenants = st.sampled_from(TENANTS)
endings = st.sampled_from(["csv", "csv", "csv", "csv", "blanks", "ndjson", "parquet"])


class Gateways(Actor):
    """Deliveries; each brings readings that nobody has seen, unless it says otherwise."""

    @rule(tenant=tenants, hour=hours, sensors=st.integers(1, 2), number=st.integers(1, 3), ending=endings)
    def land(self, tenant: str, hour: int, sensors: int, number: int, ending: str) -> None:
        """A file on time, or late in an hour that is billed."""
        self.did("land")
        self.deliver(tenant, HOURS[hour], sensors, number, ending)

    @precondition(lambda self: self.has_files())
    @rule(how=st.sampled_from(DELIVERIES), which=numbers, tenant=tenants, hour=hours)
    def land_otherwise(self, how: str, which: int, tenant: str, hour: int) -> None:
        """What gateways do with files that lie there already, and one whose clock is wrong."""
        self.did(how)
        files = sorted(self.now.record.lying.values(), key=lambda file: file.path)
        file = files[which % len(files)]
        match how:
            case "land again":  # the very bytes, under another name and perhaps in another hour
                self.now.land(HOURS[hour], self.new_name(), file.delivery)
            case "write a file anew":  # in place: with further readings, or with others instead
                kept = file.delivery.readings if which % 2 else ()
                readings = [*kept, *self.new_readings(tenant, HOURS[0], 1, 1)]
                self.now.take_away(file)
                self.now.land(file.hour, file.name.partition(".")[0], written(readings, "csv"))
            case "move a file":  # to another hour's folder, before it was loaded or after
                self.now.take_away(file)
                self.now.land(HOURS[hour], self.new_name(), file.delivery)
            case "delete a file":  # what was loaded stays counted, what was not never counts
                self.now.take_away(file)
            case "land in a wrong hour":  # before the grid, or ahead of now
                self.deliver(tenant, WRONG_HOURS[which % len(WRONG_HOURS)], 1, 1, "csv", HOURS[0])

    def deliver(
        self, tenant: str, hour: Hour, sensors: int, number: int, ending: str = "csv", read_in: Hour | None = None
    ) -> None:
        """A new file with new readings."""
        readings = self.new_readings(tenant, read_in or hour, sensors, number)
        self.now.land(hour, self.new_name(), written(readings, ending))

    def new_readings(self, tenant: str, hour: Hour, sensors: int, number: int) -> list[Identity]:
        """Readings at times of this hour at which there were none."""
        found: list[Identity] = []
        for _ in range(number):
            self.seconds += 1
            at = hour.start + timedelta(seconds=self.seconds)
            found += [(tenant, f"s{sensor}", at) for sensor in range(sensors)]
        return found


def written(readings: list[Identity], ending: str) -> Delivery:
    """The readings as a gateway writes them."""
    rows = [(tenant, sensor, at, CELSIUS) for tenant, sensor, at in readings]
    if ending == "parquet":
        return Delivery("parquet", _parquet(readings), tuple(readings))
    if ending == "ndjson":
        names = ("tenant_id", "sensor_id", "recorded_at", "temperature_c")
        lines = (json.dumps(dict(zip(names, (*row[:2], row[2].isoformat(), row[3]), strict=True))) for row in rows)
        return Delivery("ndjson", "\n".join(lines).encode(), tuple(readings))
    content = csv_of(rows)
    if ending == "blanks":  # as people's spreadsheets and printf write it
        content = content.replace(b",", b", ")
    return Delivery("csv", content, tuple(readings))


def _parquet(readings: list[Identity]) -> bytes:
    """As Spark's second writer does: text without a dictionary, in lengths and bytes."""
    tenant, sensor, at = zip(*readings, strict=True)
    table = pa.table(
        {"tenant_id": tenant, "sensor_id": sensor, "recorded_at": at, "temperature_c": [CELSIUS] * len(at)}
    )
    encoding = dict.fromkeys(("tenant_id", "sensor_id"), "DELTA_LENGTH_BYTE_ARRAY")
    into = io.BytesIO()
    pq.write_table(table, into, use_dictionary=False, column_encoding=encoding, data_page_version="2.0")
    return into.getvalue()
