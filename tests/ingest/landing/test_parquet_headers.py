"""Headers of parquet files are read as anybody may have written them: never with an error other than ours."""

from __future__ import annotations

from random import Random

import pytest

from fridge_pipeline.ingest.landing.parquet_thrift import INT32, INT64, NotAStructError, Struct, ThriftReader

# A field one further than the last, by its type: see the compact protocol.
I32, I64, LIST_OF_LISTS, STRUCT, END = b"\x15", b"\x16", b"\x19", b"\x1c", b"\0"


@pytest.mark.parametrize(
    "within",
    [STRUCT, LIST_OF_LISTS + b"\x19" * 1_000, b"\x1b" + b"\x01\xbb" * 1_000, STRUCT * 1_000],
    ids=["cut off", "lists", "maps", "structs"],
)
def test_what_is_within_itself_too_often_or_never_ends_is_no_struct(within: bytes) -> None:
    with pytest.raises((NotAStructError, IndexError)):
        ThriftReader(within, INT64).struct()


def test_a_field_of_another_type_than_expected_is_not_there() -> None:
    found = ThriftReader(I64 + b"\x54" + I32 + b"\x54" + STRUCT + I64 + b"\x02" + END + END, INT64).struct()
    assert [found.number(field) for field in (1, 2, 3, 4)] == [42, None, None, None]
    assert [found.part(field) for field in (1, 2, 3, 4)] == [Struct(), Struct(), Struct({1: 1}), Struct()]
    assert [found.parts(field) for field in (1, 2, 3, 4)] == [[], [], [], []]


def test_any_bytes_are_a_struct_or_say_that_they_are_none() -> None:
    random = Random(1)  # noqa: S311  # the same bytes every time
    outcomes: set[type] = set()
    for _ in range(5_000):
        data = bytes(random.choice((0x15, 0x16, 0x19, 0x1B, 0x1C, 0, random.randrange(256))) for _ in range(40))
        try:
            outcomes.add(type(ThriftReader(data, INT32).struct()))
        except (NotAStructError, IndexError) as error:
            outcomes.add(type(error))
    assert outcomes == {Struct, NotAStructError, IndexError}
