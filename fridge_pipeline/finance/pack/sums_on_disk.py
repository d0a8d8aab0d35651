"""The sums over a pack's tables, on the disk: there are as many as tenants and meters. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from fridge_pipeline.finance.rules.evidence_figures import Key


class SumsOnDisk:
    """Sums by figure, tenant and meter; what is added in parts is one sum when it is read."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index

    def add(self, figure: int, sums: Mapping[Key, Decimal]) -> None:
        """Adds to the sums of a figure."""
        rows = ((figure, *key, str(value)) for key, value in sums.items())
        self._index.executemany("insert into sums values (?, ?, ?, ?)", rows)

    def sums(self, figure: int) -> Iterator[tuple[Key, Decimal]]:
        """Each sum of a figure, by tenant and meter."""
        rows = self._index.execute(
            "select tenant, meter, value from sums where figure = ? order by tenant, meter, rowid", (figure,)
        )
        for (tenant, meter), parts in groupby(rows, key=itemgetter(0, 1)):
            yield (tenant, meter), sum((Decimal(value) for *_, value in parts), Decimal(0))
