"""The tables of a pack as frames: CSV to Parquet when it is made, and both compared when it is verified."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.domain.evidence import DoesNotHoldError

if TYPE_CHECKING:
    import polars as pl

#: So many rows in one piece: it bounds what is in memory, and makes the bytes the same on every machine.
ROW_GROUP_ROWS = 100_000

#: PostgreSQL's types by their names → the type in Parquet; whatever else there is stays text as in the CSV.
TYPES = {
    "int2": "Int64",
    "int4": "Int64",
    "int8": "Int64",
    "float4": "Float64",
    "float8": "Float64",
    "numeric": "Float64",
    "bool": "Boolean",
    "date": "Date",
    "timestamptz": "Datetime",
}

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_parquet(csv_path: Path, parquet_path: Path, types: Mapping[str, str]) -> None:
    """The CSV's rows as Parquet; ``types`` are PostgreSQL's, by column, in order."""
    rows = _typed(csv_path, {name: TYPES.get(given, "String") for name, given in types.items()})
    rows.sink_parquet(parquet_path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def require_same_rows(path: str, csv_path: Path, parquet_path: Path) -> None:
    """Raises ``DoesNotHoldError`` unless a Parquet file holds exactly the rows of its CSV file, in order.

    Column by column, so that a table of any length fits into memory.
    """
    import polars as pl  # noqa: PLC0415  # not needed to verify what is signed, so perhaps not there

    try:
        packed = pl.scan_parquet(parquet_path)
        types = {name: type(kind).__name__ for name, kind in packed.collect_schema().items()}
        named = list(pl.scan_csv(csv_path, infer_schema=False).collect_schema())
        if list(types) != named:
            raise DoesNotHoldError(f"{path} has the columns {', '.join(types)}; its CSV file has {', '.join(named)}")
        for name in named:
            ours = _typed(csv_path, types).select(name).collect()
            theirs = packed.select(name).collect()
            if ours.height != theirs.height:
                raise DoesNotHoldError(f"{path} has {theirs.height} rows, its CSV file {ours.height}")
            if not ours.equals(theirs, null_equal=True):
                raise DoesNotHoldError(f"{path} and its CSV file differ in the column {name}")
    except pl.exceptions.PolarsError as error:
        raise DoesNotHoldError(f"{path} cannot be read as Parquet: {error}") from error


def _typed(csv_path: Path, types: Mapping[str, str]) -> pl.LazyFrame:
    import polars as pl  # noqa: PLC0415

    def column(name: str, kind: str) -> pl.Expr:
        text = pl.col(name)
        if kind == "Datetime":
            return text.str.to_datetime(_TIME_FORMAT, time_unit="us", time_zone="UTC")
        if kind == "Date":
            return text.str.to_date("%Y-%m-%d")
        if kind == "Boolean":
            return text == "true"
        plain = {"Int64": pl.Int64, "Float64": pl.Float64}.get(kind)
        return text if plain is None else text.cast(plain)

    rows = pl.scan_csv(csv_path, infer_schema=False)
    return rows.select(column(name, kind) for name, kind in types.items())
