"""Numbers of any length cost no more time than their bytes: one small file must not keep a load for hours."""

from __future__ import annotations

import time

import pytest

from tests.ingest.landing.test_sources import read, source
from tests.security.test_memory import MB, avro, varint

AT = b"2026-01-24T18:30:00Z"
BY = """
name = "m"
match = "*"
tenant_id = { value = "t" }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
temperature = { column = "t" }
format = """
SECONDS_MAX = 20.0  # of the processor; before, one avro number of 1 MB took two minutes


def decimal(kind: object, value: bytes, *, length: bool = True) -> bytes:
    """An avro record with a temperature of 4 and another decimal, then one with that decimal as its temperature."""
    number = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}
    fields = {"s": "string", "at": "string", "t": number, "x": kind}
    ids = varint(1) + b"s" + varint(len(AT)) + AT
    other = (varint(len(value)) if length else b"") + value
    return avro(fields, 1, ids + varint(2) + b"\x01\x90" + other)


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}
LONG = 900_000
NUMBERS = {
    "avro, of bytes": (decimal(DECIMAL, b"\x7f" * LONG), '"avro"'),
    "avro, fixed": (
        decimal(DECIMAL | {"type": "fixed", "name": "f", "size": LONG}, b"\x7f" * LONG, length=False),
        '"avro"',
    ),
    "ndjson": (b'{"s":"s","at":"%s","t":4,"x":%s}\n' % (AT, b"9" * 3 * MB), '"ndjson"'),
    "ndjson, of fractions": (b'{"s":"s","at":"%s","t":4,"x":0.%s}\n' % (AT, b"9" * 3 * MB), '"ndjson"'),
    "json": (b'[{"s":"s","at":"%s","t":4,"x":%s}]' % (AT, b"9" * 3 * MB), '"json"'),
    "json, an exponent": (b'[{"s":"s","at":"%s","t":4,"x":1e%s}]' % (AT, b"9" * 3 * MB), '"json"'),
    "json, as the temperature": (b'[{"s":"s","at":"%s","t":%s}]' % (AT, b"9" * 3 * MB), '"json"'),
    "csv, as the temperature": (b"s,at,t\ns,%s,%s\n" % (AT, b"9" * 500_000), '"csv"'),
    "csv, as the time": (b"s,at,t\ns,%s,4\n" % (b"9" * 500_000), '"csv"'),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_number_of_a_million_digits_is_read_or_rejected_at_once(what: str) -> None:
    content, format_of = NUMBERS[what]
    before = time.process_time()
    outcome = read(source(BY + format_of), content, "x")
    assert time.process_time() - before < SECONDS_MAX
    assert len(outcome.valid) + len(outcome.rejected) == 1 or outcome.error


def test_decimals_of_avro_are_read_as_what_they_say() -> None:
    outcome = read(source(BY + '"avro"'), decimal(DECIMAL, b"\x01\x90"), "x")
    assert [degrees for *_, degrees in outcome.valid] == [4.0]
    long_one = decimal(DECIMAL, b"\x7f" * LONG)
    assert [degrees for *_, degrees in read(source(BY + '"avro"'), long_one, "x").valid] == [4.0]
