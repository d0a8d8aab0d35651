"""What can happen to a landing file on its way: each mutation takes a seed and gives bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa

from fridge_pipeline.ingest.rules.landing_files import FileFormat
from tests.fuzz.seeds import FIELDS, Seed, Values, packed, parquet_of, parquet_table, written

#: What people, broken gateways and attackers put where a value belongs.
ODD_TEXTS = (
    "", " ", "\t", "\0", "\x01", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\u200b", "\ufffd", "\ud800",
    "é" * 700, "x" * 501, "x" * 5_000, "𝔘" * 400, '"', '""', '"""', '"a', 'a"b', "'", "\\", "\\N", "\\.", ",", ",,", "\n",
    "\r", "\r\n", ";", "|", "%s", "%(a)s", "{}", "{0}", "${x}", "$1", "';drop table fridge.tenants;--", "../../etc/passwd",
    "null", "None", "NULL", "NaN", "nan", "inf", "-inf", "Infinity", "1e309", "-1e309", "1e-400", "0x10", "1_000", "1,5",
    "١٢", "+4.5", "4.5.6", "4.5C", " 4.5 ", "true", "99999999999999999999999999", "-0", "150.0000001", "-100", "1" * 400,
    "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-01-01", "20260101T000000Z", "now",
    "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+99:99", "1700000000", "-62135596800", "٢٠٢٦",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00.9999999999999Z", "2026-W01-1T00:00Z",
    "2026-01-01t00:00:00z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00Z", "2026-01-01T00:00:00+",
)  # fmt: skip
ODD_JSON = (
    "{", "}", "[]", "[[", "[" * 3000, "{}" , '{"a":' * 500, "null", "true", "1", '"x"', '{"tenant_id":{}}', '{"tenant_id":[1]}',
    '{"tenant_id":1.5,"sensor_id":"a"}', '{"tenant_id":1e2}', '{"tenant_id":"a","tenant_id":"b"}', '{"":1}', '{"\\u0000":1}',
    '{"tenant_id":"\\ud800"}', '{"tenant_id":"\\u0000"}', '{"temperature_c":1e999}', '{"temperature_c":NaN}', "{'a':1}",
    '{"tenant_id":123456789012345678901234567890}', '{"recorded_at":{"$date":1}}', '{"temperature_c":-}', "{,}", '{"a":1,}',
    '{"tenant_id":' + "9" * 5000 + "}", '{"temperature_c":' + "9" * 5000 + "}", '{"tenant_id":-0}', '{"sensor_id":00}',
)  # fmt: skip
#: Values of a column that is none of ours, with others inside them.
NESTED = ([1], [["x" * 5_000] * 20] * 5, {"a": {"b": {"c": [1, 2]}}}, {"a": ["x" * 50_000]}, [{"tenant_id": "a"}])
ODD_BYTES = (
    b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r", b"\n\n", b'"', b",", b"PAR1", b"\x1f\x8b",
    b"\xf0\x9f", b"\x80" * 9, b"\r\r\n", b'","', b'"\n"', b"\0" * 64,
)  # fmt: skip


def mutated(seed: Seed, other: Seed, random: Random) -> bytes:
    """The seed after one to three accidents, some in its values, some in its bytes, some in its compression."""
    body = seed.body
    if random.random() < 0.5:
        body = _with_other_values(seed, random)
    if random.random() < 0.6:
        is_text = seed.format is not FileFormat.PARQUET
        spared = body.index(b"\n") + 1 if is_text and b"\n" in body and random.random() < 0.7 else 0  # a csv's header
        head, body = body[:spared], body[spared:]
        for _ in range(random.choice((1, 1, 2, 3))):
            body = random.choice(_BYTE_MUTATIONS)(body, other.body, random)
        body = head + body
    if seed.format.is_gzip:
        return _packed(body, random)
    return _parquet_end(body, random) if seed.format is FileFormat.PARQUET and random.random() < 0.4 else body


def bytes_mutated(body: bytes, other: bytes, random: Random) -> bytes:
    """After one accident in its bytes."""
    return random.choice(_BYTE_MUTATIONS)(body, other, random)


def odd_name(number: int, file_format: FileFormat, random: Random) -> str:
    """Mostly a plain name; sometimes one that another program would stumble over."""
    if random.random() < 0.9:
        return f"{number:06}.{file_format.value}"
    odd = random.choice(
        ("'", '"', ";", "%s", "{}", " ", "\n", "\u202e", "é", "..", "$(x)", "\\", "\udcff", "x" * 200, "💧")
    )
    suffix = random.choice(
        (file_format.value, file_format.value.upper(), random.choice(list(FileFormat)).value, "xlsx")
    )
    return f"a{odd}{number:06}{odd[:20]}.{suffix}"


def _with_other_values(seed: Seed, random: Random) -> bytes:
    names, rows = list(seed.names), [list(row) for row in seed.rows]
    if seed.format is FileFormat.PARQUET and random.random() < 0.7:
        try:
            return _other_types(names, rows, random)
        except (pa.ArrowException, ValueError, OverflowError):  # parquet cannot hold it
            return seed.body
    change = random.choice(
        (_odd_value, _odd_value, _odd_value, _swap_columns, _rename, _drop_column, _repeat_rows, _ragged)
    )
    change(names, rows, random)
    if seed.format is FileFormat.PARQUET:
        try:
            return parquet_of(names, rows, random)
        except (pa.ArrowException, ValueError, TypeError, IndexError, OverflowError):  # no table can hold this mixture
            return seed.body
    body = written(random, seed.format, names, rows)
    if seed.format in (FileFormat.NDJSON, FileFormat.NDJSON_GZ) and random.random() < 0.4:
        lines = body.split(b"\n")
        lines.insert(random.randrange(len(lines)), random.choice(ODD_JSON).encode(errors="replace"))
        body = b"\n".join(lines)
    return body


def _odd_value(names: list[str], rows: list[Values], random: Random) -> None:
    odd: tuple[Any, ...] = (None, 1, -1, 2**63, 1.5, True, [], {}, [1], {"a": {"b": []}}, float("nan"), 1e308)
    for _ in range(random.choice((1, 1, 3))):
        row = random.choice(rows)
        row[random.randrange(len(names))] = random.choice(ODD_TEXTS if random.random() < 0.7 else odd)


def _swap_columns(names: list[str], _: list[Values], random: Random) -> None:
    first, second = random.sample(range(len(names)), 2)
    names[first], names[second] = names[second], names[first]


def _rename(names: list[str], _: list[Values], random: Random) -> None:
    name = random.choice(FIELDS)
    names[random.randrange(len(names))] = random.choice((name, name.upper(), f" {name} ", f'"{name}"', *ODD_TEXTS[:40]))


def _drop_column(names: list[str], rows: list[Values], random: Random) -> None:
    at = random.randrange(len(names))
    del names[at]
    for row in rows:
        del row[at]


def _repeat_rows(_: list[str], rows: list[Values], random: Random) -> None:
    rows.extend(list(random.choice(rows)) for _ in range(random.choice((1, 10, 200))))
    random.shuffle(rows)


def _ragged(names: list[str], rows: list[Values], random: Random) -> None:
    row = random.choice(rows)
    row.append("more") if random.random() < 0.5 or len(row) < len(names) else row.pop()


def _other_types(names: list[str], rows: list[Values], random: Random) -> bytes:
    columns = {name: pa.array([row[at] for row in rows]) for at, name in enumerate(names) if name in FIELDS}
    for _ in range(random.choice((1, 2))):
        name = random.choice(FIELDS)
        columns[name] = random.choice(_COLUMNS)(len(rows), columns[name], random)
    columns = {name: column for name, column in columns.items() if column is not None}
    if random.random() < 0.2:
        columns["extra"] = pa.array([random.choice(NESTED)] * len(rows))
    found = list(columns)
    if found and random.random() < 0.05:
        return parquet_table(pa.Table.from_arrays([*columns.values(), columns[found[0]]], [*found, found[0]]), random)
    return parquet_table(pa.table(columns), random)


def _long(count: int, _: Any, random: Random) -> Any:
    """Values longer than any field, mostly few of them, which a dictionary holds once."""
    lengths = random.choices((1, 4_096, 5_000, 100_000, 300_000), k=random.choice((1, 1, 3)))
    values = [random.choice(("x", "é", "\0", "7")) * length for length in lengths]
    column = pa.array([random.choice(values) for _row in range(count)], random.choice((pa.string(), pa.binary())))
    return column.dictionary_encode() if random.random() < 0.5 else column


def _timestamps(unit: str, zone: str | None) -> Callable[[int, Any, Random], Any]:
    def column(count: int, _: Any, random: Random) -> Any:
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        now = int((datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=random.randrange(9000))).timestamp()) * per_second
        odd = (now, now, now, 0, -1, 2**62, -(2**62), 2**63 - 1, -(2**63), None, 253_402_300_800 * per_second)
        values = [
            value if value is None else max(-(2**63), min(2**63 - 1, value)) for value in random.choices(odd, k=count)
        ]
        return pa.array(values, pa.int64()).cast(pa.timestamp(unit, zone))

    return column


def _of(dtype: Any, *values: Any) -> Callable[[int, Any, Random], Any]:
    return lambda count, _, random: pa.array(random.choices(values, k=count), dtype)


def _invalid_utf8(count: int, _: Any, random: Random) -> Any:
    raw = pa.array([random.choice((b"ok", b"\xff", b"a\xc3", b"\0")) for _ in range(count)], pa.binary())
    return pa.Array.from_buffers(pa.string(), count, raw.buffers())


def _encoded(_: int, column: Any, __: Random) -> Any:
    return column.dictionary_encode() if column is not None else None  # it may have been taken away just before


_COLUMNS: tuple[Callable[[int, Any, Random], Any], ...] = (
    *(_timestamps(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Asia/Tokyo", "+05:30")),
    _of(pa.string(), *(text for text in ODD_TEXTS if text.isprintable()), None),
    _of(pa.large_string(), "a", None, "2026-01-01T00:00:00Z"),
    _of(pa.string_view(), "a" * 40, None, "b"),
    _of(pa.int8(), 1, -1, None), _of(pa.uint64(), 2**64 - 1, 0), _of(pa.int64(), 2**63 - 1, -(2**63), 4),
    _of(pa.float16(), 4.5, float("inf")), _of(pa.float32(), 4.5, float("nan")), _of(pa.float64(), 1e308, -0.0, None),
    _of(pa.decimal128(38, 4), Decimal("4.5"), Decimal("9" * 30), None), _of(pa.decimal256(76, 2), Decimal("9" * 70), Decimal(4)),
    _of(pa.bool_(), True, False), _of(pa.date32(), 1, 20000), _of(pa.time64("us"), 1), _of(pa.duration("s"), 1),
    _of(pa.binary(), b"a", b"\xff"), _of(pa.binary(4), b"abcd"), _of(pa.list_(pa.int8()), [1], [], None),
    _of(pa.struct({"a": pa.int8()}), {"a": 1}, None), _of(pa.map_(pa.string(), pa.int8()), [("a", 1)]), _of(pa.null(), None),
    _of(pa.large_list(pa.string()), ["a"]), _invalid_utf8, _encoded, _encoded, lambda *_: None,
    lambda count, _, __: _of(pa.string(), "a", None)(count, None, __).dictionary_encode(), _long, _long, _long,
    lambda count, _, __: _of(pa.timestamp("us"), 0, None)(count, None, __).dictionary_encode(),
)  # fmt: skip


def _flip(body: bytes, _: bytes, random: Random) -> bytes:
    changed = bytearray(body)
    for _i in range(random.choice((1, 2, 8)) if changed else 0):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _insert(body: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    odd = random.choice(ODD_BYTES) if random.random() < 0.6 else random.choice(ODD_TEXTS).encode(errors="surrogatepass")
    return body[:at] + odd + body[at:]


def _remove(body: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + body[at + random.choice((1, 4, 100)) :]


def _repeat(body: bytes, _: bytes, random: Random) -> bytes:
    start = random.randrange(len(body) + 1)
    piece = body[start : start + random.choice((1, 20, 400))]
    return body[:start] + piece * random.choice((2, 3, 50)) + body[start + len(piece) :]


def _truncate(body: bytes, _: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _splice(body: bytes, other: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)] + other[random.randrange(len(other) + 1) :]


def _swap(body: bytes, _: bytes, random: Random) -> bytes:
    first, second = sorted(random.randrange(len(body) + 1) for _i in range(2))
    return body[second:] + body[first:second] + body[:first]


def _long_line(body: bytes, _: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    length = 17 * 2**20 if random.random() < 0.01 else random.choice((2_000, 70_000))
    return body[:at] + random.choice((b"x", b'"', b",", b"[", b"9", b"\\")) * length + body[at:]


def _foreign(_: bytes, other: bytes, __: Random) -> bytes:
    return other


_BYTE_MUTATIONS = (
    _flip,
    _flip,
    _insert,
    _insert,
    _insert,
    _remove,
    _repeat,
    _truncate,
    _splice,
    _swap,
    _long_line,
    _long_line,
    _insert,
    _flip,
    _repeat,
    _remove,
    _foreign,
)


def _packed(body: bytes, random: Random) -> bytes:
    whole = packed(body, random)
    accident = random.random()
    if accident < 0.7:
        return whole
    if accident < 0.85:
        return random.choice((_flip, _remove, _truncate, _repeat))(whole, b"", random)
    return random.choice((body, whole + body, gzip.compress(whole), whole + whole[:9], whole[:-8], whole + b"\0\0junk"))


def _parquet_end(body: bytes, random: Random) -> bytes:
    """The footer, its length or the mark at the end damaged, which is where a parquet reader starts."""
    if len(body) < 12:
        return body
    length = min(int.from_bytes(body[-8:-4], "little"), len(body) - 8)
    head, footer, end = body[: -8 - length], body[-8 - length : -8], body[-8:]
    choice = random.randrange(3)
    if choice == 0:
        footer = _flip(footer, b"", random)
    elif choice == 1:
        end = random.choice((0, 1, length + 1, 2**31 - 1, 2**32 - 1)).to_bytes(4, "little") + b"PAR1"
    else:
        end = end[:4] + random.choice((b"PARE", b"\0\0\0\0", b"PAR2"))
    return head + footer + end
