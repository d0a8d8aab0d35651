"""Shapes that public formats have, which a source read as something else, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, as_parquet, plain
from tests.ingest.landing.test_sources import read, source


@pytest.mark.parametrize("kind", [pa.decimal64(9, 2), pa.decimal128(38, 2), pa.decimal256(50, 2)], ids=str)
def test_a_decimal_is_the_number_that_its_text_is_in_any_other_file(kind: pa.DataType) -> None:
    """8.2 that is read as 8.200000000000001 is above 8.2, and a measure of that counts it."""
    numbers = [Decimal(hundredths).scaleb(-2) for hundredths in range(-10_000, 15_001, 7)]
    content = as_parquet(
        s=pa.array([str(number) for number in numbers]),
        at=pa.array([AT] * len(numbers)),
        t=pa.array(numbers, kind),
    )
    found = read(source(plain("decimals")), content, "d.parquet")
    assert [degrees for *_, degrees in found.valid] == [float(str(number)) for number in numbers]
