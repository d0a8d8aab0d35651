"""Several JSON objects on one line, as stream services deliver them: each is the row that it is."""

from __future__ import annotations

import gzip
import json

import pytest

from fridge_pipeline.ingest.landing import lines
from tests.ingest.landing.delivery import deliver, line


def joined(first: int, last: int, between: str = "") -> str:
    return between.join(line(f"s{number}") for number in range(first, last + 1))


def sensors(*numbers: int, at: int = 1) -> list[tuple[int, str]]:
    return [(at, f"s{number}") for number in numbers]


@pytest.mark.parametrize("between", ["", " ", "\t \r", "\ufeff", "\u00a0"], ids=ascii)
@pytest.mark.parametrize("block_bytes", [50, 2**20])
def test_a_file_of_one_line_holds_as_many_rows_as_objects(between: str, block_bytes: int) -> None:
    outcome = deliver(joined(1, 200, between), "x.ndjson", block_bytes=block_bytes)

    assert (outcome.error, outcome.row_count) == (None, 200)
    assert outcome.sensors == sensors(*range(1, 201))


def test_rows_keep_the_number_of_their_line_however_many_share_it() -> None:
    outcome = deliver(f"{line('s1')}\n{joined(2, 4)}\n\n{line('warm', 'null')}{line('s5')}\n", "x.ndjson")

    assert outcome.sensors == [(1, "s1"), (2, "s2"), (2, "s3"), (2, "s4"), (4, "s5")]
    assert outcome.rejected == [(4, "missing temperature_c", line("warm", "null"))]


@pytest.mark.parametrize("block_bytes", [50, 2**20])
def test_an_object_cut_off_is_one_rejected_row_at_the_end_of_a_line(block_bytes: int) -> None:
    cut = line("x")[:-20]
    outcome = deliver(f"{joined(1, 9)}{cut}\n{joined(10, 12)}\n", "x.ndjson", block_bytes=block_bytes)

    assert outcome.sensors == sensors(*range(1, 10)) + sensors(10, 11, 12, at=2)
    assert outcome.rejected == [(1, "not a JSON object", cut)]


@pytest.mark.parametrize(
    "broken",
    ['{"tenant_id":"t"', '{"tenant_id":"t', '{"a', "{bad}", "{]}", '{"a":"b}', "{'a':1}", '{"a":1,}', '{"a":{}', "{ "],
)
@pytest.mark.parametrize("block_bytes", [50, 2**20])
def test_an_object_that_is_none_or_was_cut_off_costs_itself_only(broken: str, block_bytes: int) -> None:
    outcome = deliver(f"{joined(1, 5)}{broken}{joined(6, 9)}", "x.ndjson", block_bytes=block_bytes)

    assert outcome.sensors == sensors(*range(1, 10))
    assert outcome.rejected == [(1, "not a JSON object", broken.strip())]


@pytest.mark.parametrize("broken", ['{"a":1, "b":', '{"envelope":[', '{"a":1,'])
def test_an_object_that_may_belong_to_one_that_was_cut_off_is_no_row_of_its_own(broken: str) -> None:
    outcome = deliver(f"{line('s1')}\n{broken}{line('s2')}\n{line('s3')}\n", "x.ndjson")

    assert outcome.sensors == [(1, "s1"), (3, "s3")]
    assert outcome.rejected == [(2, "not a JSON object", f"{broken}{line('s2')}")]


@pytest.mark.parametrize("objects", range(1, 17))
def test_braces_in_a_text_are_text_however_few_objects_a_thread_of_polars_decodes(objects: int) -> None:
    """A thread that found one object in what it was given had it stand for every line that it was given."""
    outcome = deliver("".join(line(f"{number}}}{{") for number in range(objects)), "x.ndjson")

    assert (outcome.error, outcome.row_count) == (None, objects)
    assert [sensor for _, sensor in outcome.sensors] == [f"{number}}}{{" for number in range(objects)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{"tenant_id":"t', '{","sensor_id":"s","recorded_at":"2026-01-24T18:00:00Z","temperature_c":4}'),
        ('{"a":[{}', "{}]}"),
    ],
)
@pytest.mark.parametrize("between", [0, 1, 40])
def test_two_lines_that_would_be_one_object_together_are_two_rejected_rows(
    first: str, second: str, between: int
) -> None:
    others = "".join(f"{line(f's{number}')}\n" for number in range(between))
    outcome = deliver(f"{line('s')}\n{others}{first}\n{second}\n", "x.ndjson")

    assert len(outcome.sensors) == between + 1
    assert [raw for _, _, raw in outcome.rejected] == [first, second]


@pytest.mark.parametrize("text", ["}{", "a}{b", "} {", "}\\u007b{", '\\"}{\\"', "\\\\"])
@pytest.mark.parametrize("block_bytes", [50, 2**20])
def test_braces_in_a_text_are_text(text: str, block_bytes: int) -> None:
    content = "".join(line(f"{number}{text}") for number in range(50))
    outcome = deliver(content, "x.ndjson", block_bytes=block_bytes)

    meant = json.loads(f'"{text}"')
    assert [sensor for _, sensor in outcome.sensors] == [f"{number}{meant}" for number in range(50)]


def test_nested_objects_are_no_rows_of_their_own() -> None:
    nested = line("s1").replace("{", '{"gps":{"a":[{"b":{}},{}]},"tenant_id":"t1",', 1)

    assert deliver(nested * 3, "x.ndjson").sensors == sensors(1, 1, 1)


def test_a_line_longer_than_the_limit_of_a_line_is_read_if_its_objects_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = lines.BlockReader.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(lines.BlockReader.__init__, "__kwdefaults__", {**defaults, "line_bytes_max": 1_000})
    outcome = deliver(joined(1, 500), "x.ndjson", block_bytes=300)

    assert outcome.sensors == sensors(*range(1, 501))


def test_gzip_cut_off_in_a_file_of_one_line_loads_the_whole_objects_and_rejects_the_last() -> None:
    content = joined(1, 2_000).encode()
    for cut in (500, 1_501):
        outcome = deliver(gzip.compress(content)[:-cut], "x.ndjson.gz", block_bytes=1_000)

        count = len(outcome.valid)
        assert outcome.error is not None
        assert outcome.error.startswith("gzip cut off")
        assert 100 < count < 2_000
        assert outcome.sensors == sensors(*range(1, count + 1))
        assert outcome.reasons == [(1, "cut off where the file is damaged")]


@pytest.mark.parametrize("block_bytes", [300, 2**20])
def test_a_broken_object_before_the_end_of_cut_off_gzip_costs_itself_only(block_bytes: int) -> None:
    plain = f"{joined(1, 5)}{{bad}}{joined(6, 7)}{line('s8')[:-3]}"
    outcome = deliver(gzip.compress(plain.encode())[:-4], "x.ndjson.gz", block_bytes=block_bytes)

    assert outcome.sensors == sensors(*range(1, 8))
    assert outcome.reasons == [(1, "not a JSON object"), (1, "cut off where the file is damaged")]


def test_block_size_changes_nothing() -> None:
    content = f"{joined(1, 30)}{{bad}}{joined(31, 40)}\n{line('s41')}\n{joined(42, 60)}"
    whole = deliver(content, "x.ndjson")
    for block_bytes in (20, 97, 300, 1_000):
        pieces = deliver(content, "x.ndjson", block_bytes=block_bytes)
        assert (pieces.valid, pieces.rejected) == (whole.valid, whole.rejected)
