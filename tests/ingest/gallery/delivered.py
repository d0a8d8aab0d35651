"""The made-up file of each gallery entry, in the exact shape of the delivery, and where it lies below its hour."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import fastavro
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from fridge_pipeline.ingest.landing.private_copy import take_snapshot
from fridge_pipeline.ingest.landing.source_rows import source_batches
from fridge_pipeline.ingest.rules.source import Source

HERE = Path(__file__).parent

#: Where each file lies below the folder of its hour, as its gateway would name it.
PATHS = {
    "chirpstack-up": "chirpstack-20260124.ndjson",
    "delta-parquet": "tenant_id=troy/part-00000-3f1e.c000.snappy.parquet",
    "elitech-datareader": "elitech-rc4-17.txt",
    "event-hubs-capture": "00.avro",
    "firehose-json": "readings-stream-1-2026-01-24-18-00-00-5a1c",
    "govee-home": "govee-cellar.csv",
    "hoboware-csv": "hobo-north.csv",
    "home-assistant-history": "history.csv",
    "influxdb-annotated": "influxdb-1.csv",
    "iot-hub-storage": "iot-hub-18.json",
    "mosquitto-sub": "mosquitto-18.ndjson",
    "netatmo-csv": "netatmo-north.csv",
    "purpleair-history": "purpleair-164351.csv",
    "ruuvi-station": "RuuviTag_A1B2_20260124T194000-0000.csv",
    "senml": "pack.senml.json",
    "sensor-community": "2026-01-24_bme280_sensor_11246.csv",
    "sensorpush-app": "sensorpush-16965.csv",
    "sensorthings": "observations-1.json",
    "telegraf-json": "telegraf-1.json",
    "things-stack-storage": "things-stack-storage-1.json",
    "things-stack-webhook": "things-stack-1.ndjson",
    "who-pqs-emd": "emd-1.json",
    "zabbix-export": "history-history-syncer-1.ndjson",
}


def content_of(name: str) -> bytes:
    """What the entry's file holds."""
    match name:
        case "event-hubs-capture":
            return _captured()
        case "delta-parquet":
            return _table()
        case _:
            (file,) = (path for path in HERE.iterdir() if path.name.split(".")[0] == name)
            return file.read_bytes()


def rows_of(name: str, source: Source, content: bytes | None = None) -> pl.DataFrame:
    """The rows of the entry's file, or of other content under its name, as its source gives them to ``judge``."""
    delivered = content_of(name) if content is None else content
    with (
        tempfile.TemporaryDirectory() as folder,
        take_snapshot(BytesIO(delivered), Path(folder), None, by_content=True) as snapshot,
    ):
        return pl.concat(source_batches(snapshot, source, PATHS[name], 1_000))


def _captured() -> bytes:
    values = ["long", "double", "string", "bytes"]
    fields = [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": values}},
        {"name": "Properties", "type": {"type": "map", "values": values}},
        {"name": "Body", "type": ["null", "bytes"]},
    ]
    schema = {"type": "record", "name": "EventData", "namespace": "Microsoft.ServiceBus.Messaging", "fields": fields}
    bodies = [
        {"deviceId": "probe-1", "ts": 1_769_279_400_000, "temperature": 4.5},
        {"deviceId": "probe-2", "ts": 1_769_279_460_000, "temperature": -18.5},
        {"deviceId": "probe-2", "ts": 1_769_279_520_000, "door": "open"},
    ]
    envelope = {"Offset": "0", "EnqueuedTimeUtc": "1/24/2026 6:31:00 PM", "SystemProperties": {}, "Properties": {}}
    records = [
        {"SequenceNumber": number, "Body": json.dumps(body).encode(), **envelope} for number, body in enumerate(bodies)
    ]
    buffer = BytesIO()
    fastavro.writer(buffer, schema, records, codec="deflate")
    return buffer.getvalue()


def _table() -> bytes:
    measures = [{"temperature": value, "humidity": 40.0} for value in (4.5, -18.5, None)]
    table = pa.table(
        {
            "sensor_id": pa.array([17, 18, 19], pa.int64()),
            "recorded_at": [datetime(2026, 1, 24, 18, minute, tzinfo=UTC) for minute in (30, 31, 32)],
            "measures": measures,
        }
    )
    buffer = BytesIO()
    pq.write_table(table, buffer, use_deprecated_int96_timestamps=True, compression="snappy")
    return buffer.getvalue()
