"""What subscription items were before, from the readings of them: prices, trials, pauses, billing periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, pairwise

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.invoice import PAUSED, SubscriptionItem


@dataclass(frozen=True, slots=True)
class _Read:
    """An item as it was read once."""

    item_id: str
    price_id: str
    status: str
    period_start: datetime
    period_end: datetime
    trial_start: datetime | None
    trial_end: datetime | None
    read_at: datetime

    @property
    def billed_until(self) -> datetime:
        """Of a paused one: a pause has no time of its own, but it ends a period."""
        return self.period_end if self.period_end <= self.read_at else self.period_start


def with_history(
    connection: psycopg.Connection, items: Mapping[str, SubscriptionItem], since: datetime
) -> dict[str, SubscriptionItem]:
    """The same items, with what they were since."""
    parameters = {"item_ids": list(items), "since": since}
    with connection.cursor(row_factory=class_row(_Read)) as cursor:
        rows = cursor.execute(statement("item_readings"), parameters).fetchall()
    found = dict(items)
    for item_id, every in groupby(rows, key=lambda row: row.item_id):
        found[item_id] = _with(items[item_id], list(every))
    return found


def _with(item: SubscriptionItem, read: list[_Read]) -> SubscriptionItem:
    """Of a trial that was cut short or extended the last word counts."""
    trials = {
        each.trial_start: each.trial_end
        for each in read
        if each.trial_start is not None and each.trial_end is not None and each.trial_start != item.trial_start
    }
    pauses = {
        (one.billed_until, after.period_start)
        for one, after in pairwise(read)
        if one.status == PAUSED and after.status != PAUSED and one.billed_until < after.period_start
    }
    starts = sorted({each.period_start: each.period_end for each in read}.items())
    following = [*(start for start, _ in starts[1:]), item.ended_at or datetime.max.replace(tzinfo=UTC)]
    periods = [
        (max(start, item.created_at), min(end, after)) for (start, end), after in zip(starts, following, strict=True)
    ]
    return replace(
        item,
        other_prices=frozenset(each.price_id for each in read) - {item.price_id},
        other_trials=tuple(sorted(trials.items())),
        pauses=tuple(sorted(pauses)),
        periods=frozenset(periods),
    )
