"""Every row of what the world's parquet writers write, whatever encodings they choose, page by page.

``written/`` holds files of two writers that are not installed here, of the same 6,000 rows: the sensor's name repeats
in the first half, so that it is a dictionary, and never in the second, where DuckDB goes on in DELTA_LENGTH_BYTE_ARRAY
from a row group on, and arrow-rs in DELTA_BYTE_ARRAY in the middle of the only one, as parquet-mr (Spark) does. Both
are of parquet's version 2: ``copy … (format parquet, parquet_version v2, row_group_size 2048)``, and ``writer_version =
PARQUET_2_0, dictionary_page_size_limit = 1000``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.ingest.landing.delivery import deliver

WRITTEN = Path(__file__).parent / "written"
ROWS = 6_000
START = datetime(2026, 1, 24, 18, tzinfo=UTC)
EXPECTED = [
    (
        number + 1,
        f"t{number % 5}",
        f"s{number % 10}" if number < 3_000 else f"sensor-{number:08}",
        START + timedelta(milliseconds=number),
        number % 400 / 10 - 20,
    )
    for number in range(ROWS)
]
TABLE = pa.table(
    {
        name: [row[at] for row in EXPECTED]
        for at, name in enumerate(("tenant_id", "sensor_id", "recorded_at", "temperature_c"), start=1)
    }
)

#: Of ids, and so that every column has one: what writers of parquet's version 2 choose.
TEXT_ENCODINGS = ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
TEXT_TYPES = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())


def written(table: Any = TABLE, **options: Any) -> bytes:
    target = BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


def encoded(tenants: str, sensors: str, **options: Any) -> bytes:
    """Two encodings of ids, those of version 2 for time and temperature."""
    encodings = {
        "tenant_id": tenants,
        "sensor_id": sensors,
        "recorded_at": "DELTA_BINARY_PACKED",
        "temperature_c": "BYTE_STREAM_SPLIT",
    }
    return written(**{"use_dictionary": False, "column_encoding": encodings, "data_page_version": "2.0", **options})


def assert_every_row(content: bytes, batch_rows: int) -> None:
    outcome = deliver(content, "x.parquet", batch_rows=batch_rows)
    assert outcome.error is None
    assert outcome.row_count == ROWS
    assert outcome.valid == EXPECTED


@pytest.mark.parametrize("batch_rows", [100, 2_500, 250_000])
@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.iterdir()))
def test_every_row_of_another_writers_file_is_read_whose_encodings_change_midway(name: str, batch_rows: int) -> None:
    content = (WRITTEN / name).read_bytes()
    with pytest.raises(OSError, match="Not yet implemented"):  # else the file no longer shows what it is here for
        list(pq.ParquetFile(BytesIO(content), read_dictionary=["sensor_id"]).iter_batches(batch_size=batch_rows))

    assert_every_row(content, batch_rows)


@pytest.mark.parametrize("sensors", TEXT_ENCODINGS)
@pytest.mark.parametrize("tenants", TEXT_ENCODINGS)
def test_every_row_is_read_whatever_the_encodings_of_both_ids(tenants: str, sensors: str) -> None:
    assert_every_row(encoded(tenants, sensors), 2_500)


@pytest.mark.parametrize("encoding", TEXT_ENCODINGS)
@pytest.mark.parametrize("dtype", TEXT_TYPES, ids=str)
def test_every_row_is_read_of_every_type_that_holds_text(dtype: Any, encoding: str) -> None:
    cast = TABLE.set_column(1, "sensor_id", TABLE["sensor_id"].combine_chunks().cast(dtype))

    assert_every_row(encoded("PLAIN", encoding, table=cast), 2_500)
    assert_every_row(written(cast, store_schema=False), 2_500)


@pytest.mark.parametrize("page_version", ["1.0", "2.0"])
def test_every_row_is_read_where_a_dictionary_outgrows_its_page(page_version: str) -> None:
    assert_every_row(written(dictionary_pagesize_limit=1_000, data_page_version=page_version), 700)


@pytest.mark.parametrize(
    "options",
    [
        {"use_deprecated_int96_timestamps": True},  # Spark's and Impala's times
        {"write_statistics": False, "row_group_size": 777, "compression": "brotli"},
        {"write_page_index": True, "write_page_checksum": True, "data_page_version": "2.0", "compression": "zstd"},
        {"data_page_size": 500, "compression": "lz4", "store_decimal_as_integer": True},
    ],
    ids=str,
)
def test_every_row_is_read_whatever_else_a_writer_chooses(options: dict[str, Any]) -> None:
    assert_every_row(written(**options), 2_500)


def test_missing_ids_and_empty_row_groups_cost_no_other_row() -> None:
    target, nulls = BytesIO(), pa.array([row % 7 == 0 for row in range(ROWS)])
    table = TABLE.set_column(1, "sensor_id", pc.if_else(nulls, None, TABLE["sensor_id"]))
    with pq.ParquetWriter(target, table.schema, dictionary_pagesize_limit=300) as writer:
        for some in (table.slice(0, 3_000), table.slice(0, 0), table.slice(3_000)):
            writer.write_table(some)
    outcome = deliver(target.getvalue(), "x.parquet", batch_rows=700)
    assert outcome.valid == [row for row in EXPECTED if (row[0] - 1) % 7]
    assert {reason for _, reason in outcome.reasons} == {"missing sensor_id"}


def test_every_row_is_read_of_columns_that_are_dictionaries_in_arrow() -> None:
    categorical = TABLE.set_column(1, "sensor_id", TABLE["sensor_id"].combine_chunks().dictionary_encode())

    assert_every_row(written(categorical), 2_500)
    assert_every_row(written(categorical, dictionary_pagesize_limit=1_000), 2_500)


@pytest.mark.parametrize("ids", [pl.String, pl.Categorical, pl.Binary])
@pytest.mark.parametrize("group_rows", [None, 1_000])
def test_every_row_of_polars_own_writer_is_read(ids: Any, group_rows: int | None) -> None:
    target = BytesIO()
    pl.DataFrame(TABLE).with_columns(pl.col("tenant_id", "sensor_id").cast(ids)).write_parquet(
        target, row_group_size=group_rows
    )

    assert_every_row(target.getvalue(), 2_500)


def test_a_number_as_an_id_is_the_text_that_csv_shows_it_as() -> None:
    numbers = {
        "7": pa.array([7], pa.int32()),
        "7.0": pa.array([7.0]),
        "-1.5": pa.array([-1.5], pa.float32()),
        "860000000000000.0": pa.array([8.6e14]),
        "86": pa.array(["86"]).cast(pa.decimal128(38, 0)),
        "7.00": pa.array(["7.00"]).cast(pa.decimal128(9, 2)),
        "12": pa.array(["12"]).cast(pa.decimal256(50, 0)),
    }
    for text, column in numbers.items():
        one = TABLE.slice(0, 1).set_column(1, "sensor_id", column)
        assert deliver(written(one), "x.parquet").sensors == [(1, text)]


def test_a_number_that_is_none_is_a_missing_id() -> None:
    one = TABLE.slice(0, 2).set_column(1, "sensor_id", pa.array([float("nan"), None], pa.float64()))

    assert deliver(written(one), "x.parquet").reasons == [(1, "missing sensor_id"), (2, "missing sensor_id")]


def test_a_uuid_is_the_text_that_csv_shows_it_as_and_bytes_of_a_fixed_size_are_text() -> None:
    uuid = UUID("550e8400-e29b-41d4-a716-446655440000")
    for text, column in {
        str(uuid): pa.array([uuid.bytes], pa.uuid()),
        "a840": pa.array([b"a840"], pa.binary(4)),
    }.items():
        one = TABLE.slice(0, 1).set_column(1, "sensor_id", column)
        assert deliver(written(one), "x.parquet").sensors == [(1, text)]


def test_binary_that_is_no_utf8_rejects_its_row_only() -> None:
    three = TABLE.slice(0, 3).set_column(1, "sensor_id", pa.array([b"a", b"\xff", b"c"]))
    outcome = deliver(written(three), "x.parquet")

    assert outcome.sensors == [(1, "a"), (3, "c")]
    assert outcome.reasons == [(2, "id with NUL or broken encoding")]


def test_what_pyarrow_cannot_read_either_way_leaves_the_rows_before_it() -> None:
    content = bytearray(encoded("PLAIN", "DELTA_BYTE_ARRAY", row_group_size=1_000, compression="none"))
    start = pq.read_metadata(BytesIO(content)).row_group(3).column(1).data_page_offset
    content[start : start + 40] = b"\xff" * 40
    outcome = deliver(bytes(content), "x.parquet", batch_rows=1_000)

    assert outcome.valid == EXPECTED[:3_000]
    assert outcome.error is not None
    assert outcome.error.startswith("damaged parquet after row 3000: ")
