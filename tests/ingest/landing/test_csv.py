"""What becomes of a csv file: its header, its columns, its damage, its size."""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from fridge_pipeline.ingest.landing import formats
from fridge_pipeline.ingest.landing.formats import read_batches
from fridge_pipeline.ingest.landing.private_copy import take_snapshot
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from tests.ingest.landing.delivery import HEADER, TIME, deliver, row

if TYPE_CHECKING:
    from pathlib import Path


def test_each_row_carries_the_number_of_its_line_with_the_header_as_line_one() -> None:
    outcome = deliver(HEADER + row("a") + "\n" + row("b") + "\n", "x.csv")

    assert outcome.sensors == [(2, "a"), (3, "b")]
    assert outcome.error is None


def test_a_file_without_a_last_line_end_keeps_its_last_row() -> None:
    assert deliver(HEADER + row("a"), "x.csv").sensors == [(2, "a")]


def test_a_header_alone_is_a_file_of_no_rows() -> None:
    for content in (HEADER, HEADER.strip(), HEADER + "\n\r\n"):
        outcome = deliver(content, "x.csv")
        assert (outcome.row_count, outcome.error) == (0, None)


def test_blank_lines_are_no_rows_and_do_not_shift_line_numbers() -> None:
    outcome = deliver(f"\n{HEADER}\n{row('a')}\n  \t\n\r\n{row('b')}\n\n", "x.csv")

    assert outcome.sensors == [(4, "a"), (7, "b")]
    assert outcome.row_count == 2


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    content = "\ufeff" + HEADER.replace("\n", "\r\n") + row("a") + "\r\n" + row("b", '"5.5"') + "\r\n"
    outcome = deliver(content, "x.csv")

    assert outcome.sensors == [(2, "a"), (3, "b")]
    assert [reading[4] for reading in outcome.valid] == [4.5, 5.5]


def test_columns_may_stand_in_any_order_among_others() -> None:
    content = f"note,temperature_c,sensor_id,x,recorded_at,tenant_id\nhello,4.5,s1,,{TIME},t1\n"

    assert [reading[1:3] for reading in deliver(content, "x.csv").valid] == [("t1", "s1")]


def test_column_names_may_have_spaces_and_quotes_around_them() -> None:
    content = f'"tenant_id", sensor_id , "recorded_at",temperature_c \n{row("a")}\n'

    assert deliver(content, "x.csv").sensors == [(2, "a")]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0 "], ids=ascii)
def test_blanks_before_and_behind_a_quoted_field_are_no_part_of_it(blank: str) -> None:
    content = (
        f'{blank}"tenant_id"{blank},{blank}"a, b"{blank},{blank}"sensor_id",recorded_at,temperature_c\n'
        f'"t1"{blank},{blank}"x, ""y""\nz"{blank},{blank}"s,1",{blank}"{TIME}"{blank},"4.5"{blank}\r\n'
        f"t1,x,s2,{TIME},4.5\n"
    )
    for block_bytes in (20, 2**20):
        outcome = deliver(content, "x.csv", block_bytes=block_bytes)
        assert (outcome.error, outcome.sensors) == (None, [(2, "s,1"), (4, "s2")])


@pytest.mark.parametrize("place", [0, 99, 100, 5_000, 9_996])
def test_ten_thousand_columns_are_read_wherever_the_four_stand(place: int) -> None:
    names = [f"c{number}" for number in range(9_996)]
    names[place:place] = ["tenant_id", "sensor_id", "recorded_at", "temperature_c"]
    values = ["x"] * 9_996
    values[place:place] = ["t1", "s1", TIME, "4.5"]
    short, quoted = values[:-1], [*values]
    quoted[place + 1] = '"s,2"'
    content = "\n".join(",".join(line) for line in (names, values, short))

    outcome = deliver(content, "x.csv")
    assert (outcome.sensors, outcome.reasons) == ([(2, "s1")], [(3, "wrong number of fields")])
    assert deliver(content + "\n" + ",".join(quoted), "x.csv").sensors == [(2, "s1"), (4, "s,2")]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Tenant_id", "tenant_id in other letters, 1 other name of 9 characters"),
        ("tenant", "1 other name of 6 characters"),
        (",".join("x" * 500 for _ in range(1_000)), "1000 other names of 500 characters"),
    ],
)
def test_a_header_that_does_not_fit_is_told_by_our_names_and_the_number_and_length_of_others(
    header: str, found: str
) -> None:
    outcome = deliver(header + ",sensor_id,recorded_at,temperature_c\n" + row() + "\n", "x.csv")

    assert outcome.row_count == 0
    assert outcome.error == f"missing columns: tenant_id; found: sensor_id, recorded_at, temperature_c, {found}"


def test_a_field_that_two_columns_claim_to_be_makes_the_file_unreadable() -> None:
    outcome = deliver("tenant_id,sensor_id,recorded_at,temperature_c,tenant_id\n", "x.csv")

    assert outcome.error == "2 columns are called tenant_id; name one of them differently"


def test_other_columns_may_share_a_name() -> None:
    content = f"x,x,tenant_id,sensor_id,recorded_at,temperature_c,x\n1,2,{row('a')},3\n"

    assert deliver(content, "x.csv").sensors == [(2, "a")]


def test_another_separator_makes_the_file_unreadable() -> None:
    outcome = deliver(HEADER.replace(",", ";") + row().replace(",", ";") + "\n", "x.csv")

    assert outcome.error is not None
    assert "found: all four in one name, so what separates them is not a comma, 1 other name of 45" in outcome.error
    assert deliver("shop;dev;when\na;b;c\n", "x.csv").error == (
        "missing columns: tenant_id, sensor_id, recorded_at, temperature_c; found: a single name with semicolons in "
        "it, so what separates them is not a comma, 1 other name of 13 characters"
    )


def test_an_empty_file_is_unreadable_and_so_is_one_of_blank_lines() -> None:
    assert deliver(b"", "x.csv").error == "empty file"
    assert deliver(gzip.compress(b""), "x.csv.gz").error == "empty file"
    assert deliver("\n \n", "x.csv").error == "empty file: it has no header line"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_utf16_is_unreadable_and_the_error_asks_for_utf8(encoding: str) -> None:
    error = deliver((HEADER + row()).encode(encoding), "x.csv").error

    assert error is not None
    assert "; deliver " in error
    assert "UTF-8" in error


def test_gzip_cut_off_loads_its_whole_rows_rejects_the_cut_row_and_then_says_so() -> None:
    content = (HEADER + "".join(f"{row(f's{number}')}\n" for number in range(2, 2_000))).encode()
    outcome = deliver(gzip.compress(content)[:-2_000], "x.csv.gz")

    assert outcome.error is not None
    assert outcome.error.startswith("gzip cut off")
    assert 0 < len(outcome.valid) < 1_998
    assert outcome.sensors == [(line, f"s{line}") for line in range(2, len(outcome.valid) + 2)]
    assert outcome.reasons in ([], [(len(outcome.valid) + 2, "cut off where the file is damaged")])


def test_a_row_cut_by_damage_is_rejected_even_if_it_looks_whole() -> None:
    plain = HEADER + row("a") + "\n" + row("b", "14.5")[:-3]
    outcome = deliver(gzip.compress(plain.encode())[:-4], "x.csv.gz")

    assert outcome.sensors == [(2, "a")]
    assert outcome.reasons == [(3, "cut off where the file is damaged")]


def test_a_header_cut_by_damage_makes_the_file_unreadable_and_says_both() -> None:
    outcome = deliver(gzip.compress(b"tenant_id,sens")[:-4], "x.csv.gz")

    assert outcome.row_count == 0
    assert outcome.error is not None
    assert "gzip cut off" in outcome.error
    assert "header" in outcome.error


def test_leading_zeros_of_ids_survive() -> None:
    assert deliver(HEADER + row("007") + "\n", "x.csv").sensors == [(2, "007")]


def test_batches_hold_at_most_the_rows_asked_for_whatever_the_blocks() -> None:
    content = HEADER + "".join(row(f"s{number}") + "\n" for number in range(2, 1_002))
    outcome = deliver(content, "x.csv", batch_rows=100)
    small_blocks = deliver(content, "x.csv", block_bytes=1_000)

    assert outcome.batch_heights == [100] * 10
    assert len(small_blocks.batch_heights) == 1
    assert small_blocks.valid == outcome.valid == deliver(content, "x.csv").valid


def test_a_batch_of_long_rows_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "BATCH_TEXT_BYTES", 10_000)
    content = HEADER + "".join(row(f"s{number}") + "\n" for number in range(2, 1_002))
    outcome = deliver(content, "x.csv", block_bytes=1_000)

    assert outcome.row_count == 1_000
    assert max(outcome.batch_heights) < 400


def test_the_first_batch_comes_before_the_rest_of_the_file_is_read(tmp_path: Path) -> None:
    content = HEADER + "".join(row(f"s{number}") + "\n" for number in range(10_000))
    with take_snapshot(BytesIO(content.encode()), tmp_path, FileFormat.CSV) as snapshot:
        batches = read_batches(snapshot, FileFormat.CSV, batch_rows=100, block_bytes=4_000)
        first = next(batches)
        with snapshot.path.open("r+b") as copy:
            copy.truncate(len(content) // 2)
        rest = sum(batch.height for batch in batches)

    assert first.height == 100
    assert 4_000 < rest < 6_000


@pytest.mark.parametrize(
    "header",
    [
        *("sensor_id,tenant_id,recorded_at,temperature_c", '"tenant_id",shop,recorded_at,temperature_c'),
        *("a,b,c,d", "sensor_id,tenant_id,at,recorded_at,temperature_c"),
    ],
)
def test_behind_a_header_of_other_columns_nothing_is_read_as_what_it_is_not(header: str) -> None:
    """Of files put together, the second one's sensors were tenants."""
    row = f"a,s1,{TIME},4.5\n"
    longer = row if ",at," not in header else f"a,{row}"
    again = deliver(f"{HEADER}{row}{HEADER}{row}{header}\n{longer}", "two.csv")
    if header.startswith("a,") or ",at," in header:  # which is none for all we know, or one of longer rows
        assert (len(again.valid) + len(again.rejected), again.error) == (5, None)
        return
    assert (len(again.valid), [line for line, *_ in again.rejected]) == (2, [3])
    assert again.error == (
        "line 5 is a header of other columns, so what follows is not read: deliver it as a file of its own"
    )


@pytest.mark.parametrize("cells", ["sensor_id,s1", "a,temperature_c", "tenant_id,sensor_id"])
def test_ids_that_are_called_like_columns_are_ids(cells: str) -> None:
    assert len(deliver(f"{HEADER}{cells},{TIME},4.5\n", "named.csv").valid) == 1
