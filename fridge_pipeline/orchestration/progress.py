"""What the UI shows of a table and of a run: meaning, columns, and how far it is."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from fridge_pipeline.database.models import Column, SourceTable
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.load import HourLoad


def described(meaning: str, example: str) -> str:
    """The text of an asset: what a row is, and what one looks like."""
    return f"{meaning.strip()}\n\nFor example: {example}"


#: A column says of so many others that it is made of them; the lineage knows all.
ORIGINS_SHOWN = 5


def column_schema(source: SourceTable) -> dg.TableSchema:
    """The columns with their types and meanings, and what they are made of: the UI draws no lineage of columns."""

    def meaning(name: str, column: Column) -> str:
        of = [f"{asset}.{of_column}" for asset, of_column in source.made_of.get(name, ())]
        more = f" and {len(of) - ORIGINS_SHOWN} more" if len(of) > ORIGINS_SHOWN else ""
        return f"{column.meaning} Made of {', '.join(of[:ORIGINS_SHOWN])}{more}." if of else column.meaning

    return dg.TableSchema(
        [dg.TableColumn(name, each.type, meaning(name, each)) for name, each in source.columns.items()]
    )


def table_metadata(source: SourceTable) -> dict[str, Any]:
    """Name, columns and lineage of a table that an asset fills."""
    lineage = {
        column: [dg.TableColumnDep(dg.AssetKey(asset), name) for asset, name in sources]
        for column, sources in source.made_of.items()
    }
    return {
        "dagster/table_name": f"fridge.{source.table}",
        "dagster/column_schema": column_schema(source),
        **({"dagster/column_lineage": dg.TableColumnLineage(lineage)} if lineage else {}),
    }


def as_table(asset: dg.AssetsDefinition, sources: Mapping[str, SourceTable]) -> dg.AssetsDefinition:
    """The asset with all that `sources.yml` says of the table that it fills."""

    def told(spec: dg.AssetSpec) -> dg.AssetSpec:
        source = sources[spec.key.to_user_string()]
        told = spec.replace_attributes(description=described(spec.description or "", source.example))
        return told.merge_attributes(metadata=table_metadata(source))

    return asset.map_asset_specs(told)


#: Seconds between two lines of one step: a run of a week's hours stays readable, and nobody wonders whether it hangs.
SAY_EVERY_SECONDS = 10.0

#: What a step has got done, by the failpoints that it reaches.
DONE = {
    Failpoint.USAGE_WRITTEN: "portions of hours counted",
    Failpoint.ANSWERED: "calls answered by Stripe",
    Failpoint.READ_BACK: "sums read back from Stripe",
}


class Progress:
    """Begins with a line of what is being done; ``seconds`` is how long ago that was."""

    def __init__(self, log: logging.Logger, doing: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._doing = doing
        self._clock = clock
        self._began = self._said_at = clock()
        self._done: Counter[Failpoint] = Counter()
        log.info(doing)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def at_failpoint(self, failpoint: Failpoint) -> None:
        """Says how much of what is done, where a step takes long."""
        self._done[failpoint] += 1
        self._say(lambda: ", ".join(f"{self._done[each]:,} {what}" for each, what in DONE.items() if self._done[each]))

    def follow(self, loads: Iterable[HourLoad], count: int) -> Iterator[HourLoad]:
        """The loads of so many hours as they come; says of how many."""
        rows = 0
        for number, load in enumerate(loads, 1):
            rows += load.rows
            self._say(lambda number=number, rows=rows: f"{number} of {count} hours, {rows:,} rows")  # type: ignore[misc]
            yield load

    def finish(self, came_to: str) -> None:
        """The last line: what it came to, and how long it took."""
        self._log.info(f"{came_to} ({self.seconds:.1f} s)")

    def _say(self, so_far: Callable[[], str]) -> None:
        now = self._clock()
        if now - self._said_at >= SAY_EVERY_SECONDS:
            self._said_at = now
            self._log.info(f"{self._doing}: {so_far()} after {self.seconds:.0f} s")
