"""A meter that is renamed keeps the hours of before: they tie out, and what changes of them is owed under its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.reason_terms import How
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from tests.laws.test_removed_meters import (
    READINGS,
    RENAMED,
    open_exceptions,
    pipeline_hours,
    swept,
    two_hours_billed,
)
from tests.laws.test_too_late import close
from tests.laws.test_withdrawals import withdraw
from tests.pipeline import Pipeline, readings


@pytest.fixture
def history(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    return two_hours_billed(pipeline, two_days_ago)


def rename(pipeline: Pipeline, old: Meter = CATALOGUE[0], new: Meter = RENAMED) -> None:
    """As an operator does it: made in Stripe first, then deployed."""
    if new.event_name not in pipeline.gateway.meters():
        pipeline.gateway.create_meter(new)
    pipeline.catalogue = tuple(new if meter.event_name == old.event_name else meter for meter in pipeline.catalogue)


def tied_out(
    pipeline: Pipeline, hour: Hour, columns: str = "usage_quantity, stated_quantity, cause"
) -> dict[str, object]:
    """Meter → what the tie-out says of an hour of cohoes."""
    pipeline.run_models(hour)
    rows = pipeline.rows(
        f"select meter, {columns} from fridge.tie_out where hour = %s and tenant_id = 'cohoes'", hour.start
    )
    return {meter: tuple(found) for meter, *found in rows}


def owed(pipeline: Pipeline) -> list[tuple[object, ...]]:
    return pipeline.rows(
        "select kind, tenant_id, subject, hour, owed from fridge.open_exceptions order by hour, tenant_id, subject"
    )


def test_hours_of_a_former_name_tie_out_with_the_usage_of_its_measure(history: Pipeline) -> None:
    old, new = pipeline_hours(history)
    rename(history)
    swept(history)
    later = new.plus(1)
    history.advance(hours=2)
    history.land(later, "a.csv", readings("cohoes", later, 1, 3))
    history.run(later)
    reconcile_days(history.as_run(), lambda: history.gateway, DayRange(day_of(old), day_of(old)))
    reconcile_days(history.as_run(), lambda: history.gateway, DayRange(day_of(new), day_of(later)))
    assert tied_out(history, old) == {READINGS: (20, 20, None), RENAMED.event_name: (20, None, "not_billed")}
    assert tied_out(history, new) == {READINGS: (20, 20, None), RENAMED.event_name: (20, 20, None)}
    assert tied_out(history, later) == {RENAMED.event_name: (3, 3, None)}
    assert history.failing_tests() == set()


def test_what_changes_of_an_hour_that_the_new_name_states_is_not_the_business_of_the_old_one(
    history: Pipeline,
) -> None:
    _, new = pipeline_hours(history)
    rename(history)
    swept(history)
    history.land(new, "late.csv", readings("cohoes", new, 1, 5, start=7))
    history.run(new)
    assert history.stripe_totals("cohoes")[RENAMED.event_name, new.key] == 25
    assert open_exceptions(history) == []
    assert tied_out(history, new) == {READINGS: (25, 20, "not_billed"), RENAMED.event_name: (25, 25, None)}
    assert history.failing_tests() == set()


@pytest.mark.parametrize("window", [Window.HOUR, Window.NONE])
@pytest.mark.parametrize("change", ["late file", "withdrawal", "another tenant"])
def test_what_changes_of_an_hour_before_the_new_name_is_owed_under_the_old_one(
    history: Pipeline, change: str, window: Window
) -> None:
    """Nobody else has it. Once it is settled, it is told no more."""
    old, _ = pipeline_hours(history)
    rename(history, new=replace(RENAMED, window=window))
    swept(history)
    tenant, quantity = ("troy", 5) if change == "another tenant" else ("cohoes", 5 if change == "late file" else -20)
    if change == "withdrawal":
        withdraw(history, f"{old.folder}/a.csv")
    else:
        history.land(old, "late.csv", readings(tenant, old, 1, 5, start=7))
    history.run(old)
    assert owed(history) == [("too_late", tenant, READINGS, old.start, quantity)]
    assert swept(history) == []
    assert history.stripe_totals("cohoes")[READINGS, old.key] == 20
    history.run_models(old)
    assert history.rows(
        "select usage_quantity, stated_quantity, cause from fridge.tie_out"
        " where hour = %s and tenant_id = %s and meter = %s",
        old.start,
        tenant,
        READINGS,
    ) == [{"late file": (25, 20, "too_late"), "withdrawal": (None, 20, "too_late")}.get(change, (5, None, "too_late"))]
    assert history.failing_tests() == set()

    (exception_id,) = history.rows("select exception_id from fridge.open_exceptions")
    how = How.WRITTEN_OFF if quantity > 0 else How.CREDITED
    (settled,) = settle_exceptions(history.as_run(), exception_id, Decision(how, "agreed", "in_1"))
    assert (settled.quantity, settled.event_name) == (quantity, READINGS)
    assert swept(history) == []
    history.run(old)
    assert owed(history) == []
    history.run_models(old)
    assert history.failing_tests() == set()


def test_a_late_file_that_is_withdrawn_again_ends_what_was_told_under_the_old_name(history: Pipeline) -> None:
    old, _ = pipeline_hours(history)
    rename(history)
    swept(history)
    history.land(old, "late.csv", readings("cohoes", old, 1, 5, start=7))
    history.run(old)
    withdraw(history, f"{old.folder}/late.csv")
    history.run(old)
    assert owed(history) == []
    assert swept(history) == []


def test_in_a_month_that_was_closed_before_the_rename_a_change_is_owed_under_the_old_name(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Also once it is reopened: the new name never states it."""
    hour = Hour(two_days_ago)
    pipeline.catalogue = CATALOGUE[:1]
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.run(hour)
    close(pipeline, hour)
    rename(pipeline)
    assert swept(pipeline) == []
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
    pipeline.run(hour)
    assert owed(pipeline) == [("month_closed", "cohoes", READINGS, hour.start, 5)]
    assert tied_out(pipeline, hour) == {
        READINGS: (25, 20, "month_closed"),
        RENAMED.event_name: (25, None, "not_billed"),
    }
    (detail,) = pipeline.rows("select detail, deadline_at from fridge.open_exceptions")
    assert "reopen" not in detail[0]
    assert "Add an invoice item for 5" in detail[0]


def test_of_two_renames_in_a_row_each_name_keeps_its_hours(history: Pipeline) -> None:
    old, new = pipeline_hours(history)
    rename(history)
    swept(history)
    history.advance(days=40)
    third = replace(RENAMED, event_name="readings_v3")
    rename(history, RENAMED, third)
    assert swept(history) == []
    for hour in (old, new):
        history.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
        history.run(hour)
    assert owed(history) == [
        ("too_late", "cohoes", READINGS, old.start, 5),
        ("too_late", "cohoes", RENAMED.event_name, new.start, 5),
    ]
    assert swept(history) == []
    history.run_models(new)
    assert history.failing_tests() == set()


def test_a_name_that_is_back_owes_nothing_of_what_the_other_has_billed_meanwhile(history: Pipeline) -> None:
    _, new = pipeline_hours(history)
    rename(history)
    swept(history)
    meanwhile = new.plus(2)
    history.advance(hours=3)
    history.land(meanwhile, "a.csv", readings("cohoes", meanwhile, 1, 3))
    history.run(meanwhile)
    history.advance(days=40)
    rename(history, RENAMED, CATALOGUE[0])
    assert swept(history) == []
    history.run(meanwhile)
    assert owed(history) == []
    history.land(meanwhile, "late.csv", readings("cohoes", meanwhile, 1, 4, start=7))
    history.run(meanwhile)
    assert owed(history) == [("too_late", "cohoes", RENAMED.event_name, meanwhile.start, 4)]


def test_hours_in_which_no_meter_billed_a_measure_are_nobodys(history: Pipeline) -> None:
    """Counted, and not billed: nor once the meter is back, as far as Stripe takes them no more."""
    old, new = pipeline_hours(history)
    history.catalogue = CATALOGUE[1:]
    swept(history)
    without = new.plus(5)
    history.advance(hours=6)
    history.land(without, "a.csv", readings("cohoes", without, 1, 3))
    history.run(without)
    history.advance(days=40)
    history.catalogue = CATALOGUE
    swept(history)
    history.run(without)
    assert owed(history) == []
    assert tied_out(history, without, "usage_quantity, cause")[READINGS] == (3, "not_billed")
    history.land(old, "late.csv", readings("cohoes", old, 1, 5, start=7))
    history.run(old)
    assert ("too_late", "cohoes", READINGS, old.start, 5) in owed(history)


def test_hours_of_the_first_stretch_of_a_name_that_is_back_are_reconciled_as_billed(history: Pipeline) -> None:
    """Not as hours of before the meter: what changed there is too late, and what others state there is not hidden."""
    old, new = pipeline_hours(history)
    history.sandbox.set_clock(now=old.plus(2).start.timestamp(), frozen=True)
    history.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "identifier": "somebody else",
            "timestamp": int(old.plus(1).start.timestamp()) + 3000,
            "payload": {"stripe_customer_id": history.customers["cohoes"], "value": "77"},
        }
    )
    rename(history)
    swept(history)
    meanwhile = new.plus(24)
    history.advance(days=2)
    history.land(meanwhile, "a.csv", readings("cohoes", meanwhile, 1, 3))
    history.run(meanwhile)
    history.advance(days=40)
    rename(history, RENAMED, CATALOGUE[0])
    swept(history)
    history.land(old, "late.csv", readings("cohoes", old, 1, 5, start=7))
    history.run(old)
    history.reconcile(DayRange(day_of(old), day_of(old)))
    assert history.rows(
        "select hour, usage_value, stripe_value::int, cause from fridge.stripe_reconciliation"
        " where hour is not null and event_name = %s order by hour",
        READINGS,
    ) == [(old.start, 25, 20, "too_late"), (old.plus(1).start, None, 77, "not_stated_by_us")]
    history.reconcile(DayRange(day_of(meanwhile), day_of(meanwhile)))
    assert history.rows(
        "select event_name, usage_value, cause from fridge.stripe_reconciliation where day = %s and hour is null"
        " order by event_name",
        day_of(meanwhile),
    ) == [(RENAMED.event_name, 3, None), (READINGS, 3, "not_billed")]
