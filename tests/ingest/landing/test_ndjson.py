"""What becomes of every line of an ndjson file, however badly it is written."""

from __future__ import annotations

import gzip

import pytest

from tests.ingest.landing.delivery import TIME, deliver, line


def test_each_row_carries_the_number_of_its_line() -> None:
    outcome = deliver(f"\n{line('a')}\n\r\n{line('b')}\r\n  \n{line('c')}", "x.ndjson")

    assert outcome.sensors == [(2, "a"), (4, "b"), (6, "c")]
    assert outcome.row_count == 3


def test_a_byte_order_mark_changes_nothing() -> None:
    assert deliver("\ufeff" + line("a"), "x.ndjson").sensors == [(1, "a")]


@pytest.mark.parametrize(
    "broken",
    [
        "{bad",
        line("x")[:-5],
        f"[{line('x')}]",
        f"{line('x')},{line('y')}",
        "null",
        "5",
        '"text"',
        "[" * 100_000,
        '{"x":' * 100_000,
        line("x") + ",",
        "9" * 10_000,
        "{'tenant_id': 1}",
        line("a\tb"),
    ],
    ids=lambda text: str(text)[:12],
)
def test_a_line_that_is_no_json_object_is_rejected_and_its_neighbours_load(broken: str) -> None:
    outcome = deliver(f"{line('a')}\n{broken}\n{line('c')}\n", "x.ndjson")

    assert outcome.sensors == [(1, "a"), (3, "c")]
    assert outcome.rejected == [(2, "not a JSON object", broken[:1_000])]


def test_integer_ids_become_text_of_any_size() -> None:
    ids = [7, 0, -3, 18446744073709551616, 123456789012345678901234567890]
    texts = [line().replace('"t1"', str(number)) for number in ids]

    for odd in ("", "{bad"):  # the fast way, and the careful way
        valid = deliver("\n".join([*texts, odd]), "x.ndjson").valid
        assert [reading[1] for reading in valid] == [str(number) for number in ids]


@pytest.mark.parametrize("value", ["true", "false", '{"a":1}', "[1]", "NaN"])
def test_an_id_that_is_neither_text_nor_number_is_rejected(value: str) -> None:
    wrong = line("x").replace('"t1"', value)
    outcome = deliver(f"{line('a')}\n{wrong}\n", "x.ndjson")

    assert outcome.sensors == [(1, "a")]
    assert outcome.rejected == [(2, "id is neither text nor a number", wrong)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("null", "missing temperature_c"),
        ('""', "missing temperature_c"),
        ("true", "unreadable temperature"),
        ('{"celsius":4}', "unreadable temperature"),
        ("[4]", "unreadable temperature"),
        ('"warm"', "unreadable temperature"),
        ("NaN", "temperature not finite"),
        ("-Infinity", "temperature not finite"),
        ("1e400", "temperature not finite"),
        ("150.0001", "temperature out of range"),
    ],
)
def test_a_temperature_that_is_no_number_in_range_is_rejected(value: str, reason: str) -> None:
    outcome = deliver(f"{line('a')}\n{line('b', value)}\n{line('c')}", "x.ndjson")

    assert outcome.sensors == [(1, "a"), (3, "c")]
    assert outcome.reasons == [(2, reason)]


def test_a_numeric_text_is_a_temperature() -> None:
    assert [reading[4] for reading in deliver(line("a", '" 4.5 "'), "x.ndjson").valid] == [4.5]


@pytest.mark.parametrize("value", ["1769277600", "true", '{"at":1}', '"yesterday"'])
def test_a_time_that_is_no_iso_text_is_rejected(value: str) -> None:
    outcome = deliver(line("a").replace(f'"{TIME}"', value), "x.ndjson")

    assert outcome.reasons == [(1, "unreadable time")]


def test_absent_keys_of_single_lines_reject_those_lines() -> None:
    outcome = deliver(f'{line("a")}\n{{}}\n{{"tenant_id":"t","sensor_id":"s"}}\n', "x.ndjson")

    assert outcome.reasons == [(2, "missing tenant_id"), (3, "missing recorded_at")]


def test_a_key_that_no_line_has_makes_the_file_unreadable_and_names_those_found() -> None:
    outcome = deliver(f"{line('a')}\n{line('b')}\n".replace("sensor_id", "sensor"), "x.ndjson")

    assert outcome.row_count == 0
    assert outcome.error == (
        "missing columns: sensor_id; found: tenant_id, recorded_at, temperature_c, 1 other name of 6 characters"
    )


def test_a_file_in_which_no_line_is_an_object_is_unreadable() -> None:
    for content in ("[\n", "hello\nworld\n", "1\n2\n", f"[{line()},\n{line()}]\n"):
        error = deliver(content, "x.ndjson").error
        assert error is not None
        assert error.startswith("no line is a JSON object; the first has ")


def test_further_keys_and_nested_values_in_them_are_ignored() -> None:
    extra = line("a").replace("{", '{"gps":{"lat":[1,2],"tenant_id":"other"},', 1)

    assert deliver(extra, "x.ndjson").valid[0][1:3] == ("t1", "a")


@pytest.mark.parametrize("neighbour", ["", "{bad"])
def test_the_first_of_a_repeated_key_counts(neighbour: str) -> None:
    repeated = line("a").replace("}", ',"sensor_id":"b"}')

    assert deliver(f"{repeated}\n{neighbour}\n", "x.ndjson").sensors == [(1, "a")]


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udc00x"])
@pytest.mark.parametrize("neighbour", ["", "{bad"])
def test_escapes_that_postgresql_cannot_store_reject_their_line(escape: str, neighbour: str) -> None:
    outcome = deliver(f"{line('a')}\n{line(escape)}\n{neighbour}\n", "x.ndjson")

    assert outcome.sensors == [(1, "a")]
    assert outcome.reasons[0] == (2, "id with NUL or broken encoding")


def test_bytes_that_are_not_utf8_reject_their_line_only() -> None:
    wrong = line("b").encode().replace(b"b", b"\xff", 1).replace(b'"b"', b'"\xff"')
    outcome = deliver(line("a").encode() + b"\n" + wrong + b"\n" + line("c").encode(), "x.ndjson")

    assert [number for number, _ in outcome.sensors] == [1, 3]
    assert [number for number, _ in outcome.reasons] == [2]


def test_an_empty_file_is_unreadable() -> None:
    assert deliver(b"", "x.ndjson").error == "empty file"
    assert deliver("\n\n", "x.ndjson").error == "empty file: it has no line"


def test_gzip_cut_off_loads_its_whole_lines_and_then_says_so() -> None:
    content = "".join(f"{line(f's{number}')}\n" for number in range(1, 2_001)).encode()
    outcome = deliver(gzip.compress(content)[:-1_500], "x.ndjson.gz", block_bytes=1_000)

    assert outcome.error is not None
    assert outcome.error.startswith("gzip cut off")
    assert 0 < len(outcome.valid) < 2_000
    assert outcome.sensors == [(number, f"s{number}") for number in range(1, len(outcome.valid) + 1)]
    assert set(outcome.reasons) <= {(len(outcome.valid) + 1, "cut off where the file is damaged")}


def test_block_size_changes_nothing() -> None:
    content = "\n".join([line("a"), "{bad", *(line(f"s{number}", str(number)) for number in range(200))])

    whole, pieces = deliver(content, "x.ndjson"), deliver(content, "x.ndjson", block_bytes=300)
    assert (pieces.valid, pieces.rejected) == (whole.valid, whole.rejected)
