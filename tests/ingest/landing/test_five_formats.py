"""One table, five formats: the format of a delivery changes neither its readings nor its rejections."""

from __future__ import annotations

import csv
import gzip
import json
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fridge_pipeline.ingest.rules.reading import FIELDS
from tests.ingest.landing.delivery import HEADER, TIME, Outcome, deliver

if TYPE_CHECKING:
    from datetime import datetime

Table = list[tuple[str | None, str | None, str | None, str | None]]

_IDS = st.one_of(
    st.sampled_from(["t1", "007", '"', '""', "a,b", "a\nb", "a\r\nb", "\r", ",", "x" * 501, "a\0b", "\ufffd"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.none(),
)
_TIMES = st.one_of(
    st.just(TIME),
    st.sampled_from(["2026-01-24 18:30:00+02:00", "2026-01-24", "2020-01-01T00:00:00Z", "", "n,o"]),
    st.none(),
)
_TEMPERATURES = st.one_of(
    st.floats(allow_nan=False, min_value=-200, max_value=200).map(repr),
    st.sampled_from(["4.5", "nan", "inf", "warm", "", '"5"', " 5 ", "150", "1e400"]),
    st.none(),
)
_TABLES = st.lists(st.tuples(_IDS, _IDS, _TIMES, _TEMPERATURES), min_size=1, max_size=30)


def as_csv(table: Table, quoting: int) -> bytes:
    """A csv file with every field quoted, or only those that need it; null and empty look the same."""
    text = StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]  # an int enum of C
    writer.writerow(FIELDS)
    for row in table:
        writer.writerow(["" if value is None else value for value in row])
    return text.getvalue().encode()


def as_ndjson(table: Table, *, escape: bool) -> bytes:
    lines = (json.dumps(dict(zip(FIELDS, row, strict=True)), ensure_ascii=escape) for row in table)
    return "\n".join(lines).encode()


def as_parquet(table: Table) -> bytes:
    columns = dict(zip(FIELDS, zip(*table, strict=True), strict=True))
    target = BytesIO()
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), target)
    return target.getvalue()


def summary(outcome: Outcome) -> tuple[list[tuple[str, str, datetime, float]], list[str], int, str | None]:
    """All of an outcome that does not depend on where a row stands in its file."""
    valid = [reading[1:] for reading in outcome.valid]
    return valid, [reason for _, reason in outcome.reasons], outcome.row_count, outcome.error


@settings(deadline=None, max_examples=30)
@given(table=_TABLES, block_bytes=st.sampled_from([50, 300, 2**20]))
def test_the_same_table_gives_the_same_readings_and_rejections_in_every_format(table: Table, block_bytes: int) -> None:
    """Nulls and empties, quotes, line ends, NUL and broken encoding included; and no row is lost."""
    expected = summary(deliver(as_parquet(table), "x.parquet"))
    deliveries = {
        "minimal.csv": as_csv(table, csv.QUOTE_MINIMAL),
        "quoted.csv": as_csv(table, csv.QUOTE_ALL),
        "x.csv.gz": gzip.compress(as_csv(table, csv.QUOTE_MINIMAL)),
        "plain.ndjson": as_ndjson(table, escape=False),
        "x.ndjson.gz": gzip.compress(as_ndjson(table, escape=True)),
    }

    assert expected[2] == len(table)
    for name, content in deliveries.items():
        assert summary(deliver(content, name, block_bytes=block_bytes)) == expected, name


_CSV_PIECES = st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "t1", "4.5", TIME, " ", f"t,s,{TIME},4.5\n"])


@settings(deadline=None, max_examples=100)
@given(pieces=st.lists(_CSV_PIECES, max_size=40), block_bytes=st.sampled_from([10, 60]))
def test_the_fast_ways_and_the_careful_way_read_any_csv_text_alike(pieces: list[str], block_bytes: int) -> None:
    """A broken quote at the very end makes the one block of the file careful; small blocks go the fast ways."""
    text = HEADER + "".join(pieces).rstrip("\r\n") + "\n"
    careful = deliver(text + 't,s,"x"y,z\n', "x.csv")
    mixed = deliver(text + 't,s,"x"y,z\n', "x.csv", block_bytes=block_bytes)

    assert (mixed.valid, mixed.rejected) == (careful.valid, careful.rejected)


_JSON_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2)
)


@settings(deadline=None, max_examples=40)
@given(table=st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, _JSON_VALUES)), min_size=1, max_size=10))
def test_the_fast_way_and_the_careful_way_read_any_json_alike(table: list[dict[str, object]]) -> None:
    lines = [json.dumps({**row, "recorded_at": TIME}) for row in table]
    separately = [deliver(f"{line}\n", "x.ndjson") for line in lines]
    careful = deliver("\n".join([*lines, "{bad"]), "x.ndjson")

    assert summary(careful)[0] == [reading for one in separately for reading in summary(one)[0]]
    assert summary(careful)[1][:-1] == [reason for one in separately for reason in summary(one)[1]]


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv.zip", "x"])
def test_a_file_of_an_unknown_format_is_unreadable_and_the_error_lists_the_known_ones(name: str) -> None:
    assert deliver(b"anything", name).error == (
        "unknown format: a landing file's name ends in one of .parquet, .csv, .csv.gz, .ndjson, .ndjson.gz"
    )
