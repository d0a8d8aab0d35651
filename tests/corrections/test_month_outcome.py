"""A month's headline: billed, recoverable and lost come to its usage, whatever has become of each hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.finance.month_record import month_rows
from fridge_pipeline.finance.rules.outcomes import outcome_in_words, outcomes_by_meter
from fridge_pipeline.reason_terms import How
from tests.pipeline import Pipeline, readings


def test_the_outcomes_of_a_month_come_to_its_usage_and_expired_unmapped_usage_is_lost(pipeline: Pipeline) -> None:
    """Billed 10, invoiced by hand 4 and lost 6 of three old hours; unmapped 7 of one that Stripe still takes."""
    pipeline = replace(pipeline, catalogue=CATALOGUE[:1])
    old = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.advance(days=-20)  # when these hours could still be stated
    pipeline.add_tenant("cohoes")
    pipeline.land(old, "a.csv", readings("cohoes", old, 1, 10) + readings("unheard", old, 1, 6))
    pipeline.run(old)
    pipeline.advance(days=20)
    pipeline.land(old, "late.csv", readings("cohoes", old, 1, 4, start=3))
    pipeline.run(old)
    found = pipeline.one("select exception_id from fridge.open_exceptions where tenant_id = 'cohoes'")
    settle_exceptions(pipeline.as_run(), [found], Decision(How.INVOICED_BY_HAND, "by mail", "ii_1"))
    young = Hour.containing(pipeline.clock.now - timedelta(days=3))
    pipeline.land(young, "b.csv", readings("unheard", young, 1, 7))
    pipeline.run(young)
    pipeline.run_models(old)
    pipeline.run_models(young)

    with pipeline.database.connect() as connection, connection.transaction():
        of_old, of_young = (
            outcomes_by_meter(month_rows(connection, "month_outcome", Month.containing(each.start)).to_dicts())
            for each in (old, young)
        )
    assert outcome_in_words(of_old["temperature_readings"]) == (
        "of 20 used 14 billed (70.0 %: 4 invoiced by hand), 0 recoverable, 6 lost (30.0 %: 6 too late)"
    )
    assert outcome_in_words(of_young["temperature_readings"]) == (
        "of 7 used 0 billed, 7 recoverable (100.0 %: 7 unmapped), 0 lost"
    )
    assert "outcomes_add_up_to_usage" not in pipeline.failing_tests()

    # Before the next sweep has judged the hour, usage that ran out of time is lost all the same.
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = opened_at where closed_at is null")
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " values ('unmapped', 'unheard', %s, 'temperature_readings', 'd', %s)",
            [old.start, pipeline.clock()],
        )
    assert pipeline.rows(
        "select cause, quantity::int from fridge.month_outcome where outcome = 'lost' and usage_month = %s",
        Month.containing(old.start).first_day,
    ) == [("too_late", 6)]
