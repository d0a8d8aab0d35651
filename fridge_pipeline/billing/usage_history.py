"""The history of usage: what a tenant and meter are used to, asked for many cases at once."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from fridge_pipeline.billing.rules.staging import StagingCase
from fridge_pipeline.catalogue.variance import History
from fridge_pipeline.database.queries import statement


def histories_to_judge(connection: psycopg.Connection, cases: Sequence[StagingCase]) -> dict[StagingCase, History]:
    """Case → its history, only for those whose usage may stand out from it and is not released.

    PostgreSQL leaves out the others: nearly all, so that judging many ordinary hours costs one query. It is not even
    asked about usage that cannot stand out from any history, whose hours have at least 1 each.
    """
    cases = [case for case in cases if (case.value or 0) > case.meter.tolerance.factor]
    if not cases:
        return {}
    tolerances = [case.meter.tolerance for case in cases]
    rows = connection.execute(
        statement("usage_history"),
        {
            "event_names": [case.meter.event_name for case in cases],
            "measures": [case.meter.measure.value for case in cases],
            "tenant_ids": [case.tenant_id for case in cases],
            "hours": [case.hour.start for case in cases],
            "values": [case.value for case in cases],
            "factors": [tolerance.factor for tolerance in tolerances],
            "hours_max": [tolerance.hours for tolerance in tolerances],
            "hours_min": [tolerance.hours_min for tolerance in tolerances],
        },
    ).fetchall()
    return {cases[number]: History(*figures) for number, *figures in rows}
