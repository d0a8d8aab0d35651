"""What becomes of every line of a csv file, however badly it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fridge_pipeline.ingest.landing import csv_rows, lines
from tests.ingest.landing.delivery import HEADER, TIME, deliver, row

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize("quoted", ["a", '"a"'])
def test_a_row_with_more_or_fewer_fields_than_the_header_is_rejected_alone(quoted: str) -> None:
    content = f"{HEADER}{row(quoted)},extra\n{row(quoted)}\nt1,{quoted},{TIME}\n{row('b')}\n,,,\n,,\n"
    outcome = deliver(content, "x.csv")

    assert outcome.sensors == [(3, "a"), (5, "b")]
    assert outcome.reasons == [
        (2, "wrong number of fields"),
        (4, "wrong number of fields"),
        (6, "missing tenant_id"),
        (7, "wrong number of fields"),
    ]
    assert outcome.rejected[0][2] == f"{row(quoted)},extra"


def test_a_half_written_last_line_is_rejected_and_the_rows_before_it_load() -> None:
    outcome = deliver(HEADER + row("a") + "\n" + "t1,s2,2026-01-24T18:3", "x.csv")

    assert outcome.sensors == [(2, "a")]
    assert outcome.rejected == [(3, "wrong number of fields", "t1,s2,2026-01-24T18:3")]
    assert outcome.error is None


def test_quoted_fields_hold_commas_quotes_and_line_ends_and_line_numbers_stay_true() -> None:
    content = f'{HEADER}{row(chr(34) + "a,b" + chr(34))}\n"t ""1""","x\ny",{TIME},4.5\n{row("c")}\n'
    outcome = deliver(content, "x.csv")

    assert outcome.sensors == [(2, "a,b"), (3, "x\ny"), (5, "c")]
    assert outcome.valid[1][1] == 't "1"'


def test_a_quote_inside_an_unquoted_field_is_an_ordinary_character() -> None:
    assert deliver(HEADER + row('5" shelf') + "\n" + row("b") + "\n", "x.csv").sensors == [
        (2, '5" shelf'),
        (3, "b"),
    ]


@pytest.mark.parametrize("block_bytes", [64, 2**20])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(block_bytes: int) -> None:
    good = "".join(row(f"s{number}") + "\n" for number in range(4, 50))
    content = f'{HEADER}{row("s2")}\nt1,"s3,{TIME},4.5\n{good}'
    outcome = deliver(content, "x.csv", block_bytes=block_bytes)

    assert outcome.sensors == [(line, f"s{line}") for line in (2, *range(4, 50))]
    assert outcome.rejected == [(3, "broken quotes", f't1,"s3,{TIME},4.5')]


def test_a_quote_closed_by_the_next_quoted_field_costs_its_own_line_only() -> None:
    quoted = [f'"t1","s{number}","{TIME}","4.5"' for number in range(2, 8)]
    quoted[2] = quoted[2].removesuffix('"')
    outcome = deliver(HEADER + "\n".join(quoted) + "\n", "x.csv")

    assert outcome.sensors == [(line, f"s{line}") for line in (2, 3, 5, 6, 7)]
    assert outcome.reasons == [(4, "broken quotes")]


def test_a_quote_closed_lines_later_does_not_swallow_the_lines_between() -> None:
    outcome = deliver(f'{HEADER}"t1,s2,{TIME},4.5\n{row("s3")}\n{row("s4")}"\n{row("s5")}\n', "x.csv")

    assert outcome.sensors == [(3, "s3"), (5, "s5")]
    assert outcome.reasons == [(2, "broken quotes"), (4, "unreadable temperature")]


def test_text_after_a_closing_quote_rejects_the_row() -> None:
    outcome = deliver(f'{HEADER}"t"1,s,{TIME},4.5\n{row("b")}\n', "x.csv")

    assert (outcome.sensors, outcome.reasons) == ([(3, "b")], [(2, "broken quotes")])


def test_a_quoted_record_longer_than_the_limit_is_broken_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "RECORD_LENGTH_MAX", 200)
    long = "\n".join(["x" * 50] * 10)
    outcome = deliver(f'{HEADER}t1,"{long}",{TIME},4.5\n{row("b")}\n', "x.csv", block_bytes=64)

    assert outcome.sensors == [(12, "b")]
    assert outcome.reasons[0] == (2, "broken quotes")
    assert [line for line, _ in outcome.reasons] == list(range(2, 12))


def test_bytes_that_are_not_utf8_reject_their_row_and_leave_its_neighbours() -> None:
    content = HEADER.encode() + b"\n".join(
        [row("a").encode(), b"t1,K\xfchlschrank," + TIME.encode() + b",4.5", row("c").encode()]
    )
    outcome = deliver(content, "x.csv")

    assert outcome.sensors == [(2, "a"), (4, "c")]
    assert outcome.reasons == [(3, "id with NUL or broken encoding")]


def test_bytes_that_are_not_utf8_in_an_ignored_column_do_not_matter() -> None:
    content = b"note," + HEADER.encode() + b"K\xfcche," + row("a").encode() + b"\n"

    assert deliver(content, "x.csv").sensors == [(2, "a")]


@pytest.mark.parametrize("quote", ["", '"'])
def test_nul_rejects_its_row_and_is_visible_in_what_is_kept_of_it(quote: str) -> None:
    sensor = quote + "a\0b" + quote
    outcome = deliver(f"{HEADER}{row(sensor)}\n{row('c')}\n", "x.csv")

    assert outcome.sensors == [(3, "c")]
    assert outcome.reasons == [(2, "id with NUL or broken encoding")]
    assert f"a{chr(0x2400)}b" in outcome.rejected[0][2]


def test_a_line_longer_than_the_limit_is_rejected_and_its_neighbours_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines.BlockReader.__init__, "__kwdefaults__", _limits(line_bytes_max=1_000))
    content = f"{HEADER}{row('a')}\n{row('x' * 5_000)}\n{row('c')}\n{row('y' * 5_000)}"
    outcome = deliver(content, "x.csv", block_bytes=100)

    assert outcome.sensors == [(2, "a"), (4, "c")]
    assert outcome.reasons == [(3, "line too long"), (5, "line too long")]
    assert outcome.rejected[0][2] == f"t1,{'x' * 997}"


def _limits(line_bytes_max: int) -> dict[str, object]:
    defaults = lines.BlockReader.__init__.__kwdefaults__
    return {**(defaults or {}), "line_bytes_max": line_bytes_max}


def test_what_is_kept_of_a_rejected_row_is_bounded() -> None:
    outcome = deliver(f"{HEADER}{row('x' * 100_000)}\n", "x.csv")

    assert outcome.reasons == [(2, "id too long")]
    assert outcome.rejected[0][2] == f"t1,{'x' * 997}"
