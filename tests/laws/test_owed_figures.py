"""What an open exception says is owed is owed now, also when a run ended after it had counted and told nobody."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.billing.rules import waiting
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Tolerance, Window
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.reason_codes import EXCEPTION_KINDS
from fridge_pipeline.reason_terms import How
from tests.laws.test_closed_months import HOUR, close
from tests.laws.test_one_tenant_per_customer import customers_are
from tests.pipeline import CLOSE_AFTER, Pipeline, ProcessDied, dies_after, readings

RAW = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
WATCHFUL = replace(CATALOGUE[0], tolerance=Tolerance(factor=2, deviations=0, hours=4, hours_min=1))

AT_ONCE = {"kind": "refuse", "message": "The value has too many digits"}
LATER = {"kind": "refuse_asynchronously", "code": "meter_event_invalid_value"}

#: Where a run may end before what it counted is said, and after that.
DEATHS = (Failpoint.USAGE_WRITTEN, Failpoint.STAGED)

OWED = """
    select tenant_id, (coalesce(used.value, 0) - coalesce(told.value, 0))::int
    from (select tenant_id, quantity as value from fridge.usage where measure = 'inserted_count' and hour = %s) used
    full join (
        select tenant_id, sum(value) as value from fridge.meter_events where status = 'accepted' and hour = %s
        group by tenant_id
    ) told using (tenant_id)
    where coalesce(used.value, 0) <> coalesce(told.value, 0)
"""
SAID = "select tenant_id, owed::int from fridge.open_exceptions where hour = %s"

#: Tenants that one exception speaks of, where tenants do not each have one.
TOGETHER = {"erie": None, "troy": None}


class Books:
    """An hour of one meter; ``tenant`` is whose files land in it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.hour = Hour(pipeline.clock.now.replace(minute=0, second=0)).plus(-48)
        self.zone = LocalLanding(str(pipeline.landing))
        self.tenant = "cohoes"
        self.files: list[str] = []
        self.landed = 0
        self.measured_by(CATALOGUE[0])

    def measured_by(self, meter: Meter) -> None:
        """The only meter."""
        self.pipeline.catalogue = (meter,)
        if meter is RAW:
            self.pipeline.gateway.create_meter(meter)

    def land(self, count: int, tenant: str | None = None) -> None:
        """A file with so many new readings."""
        self.landed += 1
        self.files.append(f"{self.landed}.csv")
        rows = readings(tenant or self.tenant, self.hour, 1, count, start=self.landed)
        self.pipeline.land(self.hour, self.files[-1], rows)

    def withdraw(self, number: int) -> None:
        """A file is no usage any more."""
        path = f"{self.hour.folder}/{self.files.pop(number)}"
        withdraw_file(self.pipeline.database, self.zone, path, "test bench", "ada", self.pipeline.clock)

    def run(self, *, stripe_says: dict[str, str] | None = None, at_failpoint: AtFailpoint = pass_by) -> None:
        """A run of the hour, which may die."""
        if stripe_says:
            self.pipeline.sandbox.faults(stripe_says)
        with suppress(ProcessDied):
            self.pipeline.run(self.hour, at_failpoint=at_failpoint)

    def collect_refusals(self) -> None:
        """What Stripe refused later."""
        pipeline = self.pipeline
        pipeline.clock.advance(minutes=1)
        collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)

    def swept(self) -> list[Hour]:
        """Whether the next hourly_billing takes the hour; it does so too when it has to look at all hours."""
        pipeline, grid = self.pipeline, HourRange(self.hour, self.hour)

        def found() -> list[Hour]:
            hours = find_hours_to_bill(pipeline.as_run(), self.zone, grid, CLOSE_AFTER)
            return [hour for hour in hours if hour == self.hour]

        first = found()
        with pipeline.database.connect() as connection:
            connection.execute("update fridge.swept_catalogue set event_names = '{}'")
        assert found() == first
        return first

    def sweep(self) -> None:
        """hourly_billing, until nothing is left to it; another run has nothing to add then."""
        for _ in range(4):
            if not self.swept():
                told = self.details()
                self.run()
                assert self.details() == told
                return
            self.run()
        pytest.fail(f"swept for ever: {self.said()}")

    def said(self) -> list[tuple[str | None, int | None]]:
        """Tenant and what is said to be owed; of all that are told together in one figure, no tenant."""
        return sorted(self.pipeline.rows(SAID, self.hour.start), key=str)

    def kinds(self) -> list[str]:
        """Of what is open."""
        return [kind for kind, _ in self.details()]

    def details(self) -> list[tuple[str, str]]:
        """(kind, detail) of what is open."""
        return self.pipeline.rows(
            "select kind, detail from fridge.open_exceptions where hour = %s order by 1, 2", self.hour.start
        )

    def owed(self) -> list[tuple[str | None, int | None]]:
        """The same as it is: usage less what is accepted."""
        found: dict[str | None, int] = {}
        for tenant, owed in self.pipeline.rows(OWED, self.hour.start, self.hour.start):
            key = TOGETHER.get(tenant, tenant)
            found[key] = found.get(key, 0) + owed
        return sorted(found.items(), key=str)


def unmapped(books: Books) -> None:
    books.land(4)
    books.land(2)
    books.run()


def told_together(books: Books) -> None:
    books.land(20)
    for tenant, count in {"erie": 4, "troy": 2}.items():
        books.land(count, tenant)
        books.tenant = tenant
    books.run()
    books.files.pop(0)  # it is never withdrawn: whoever has the most is told alone


def customer_taken(books: Books) -> None:
    customer = books.pipeline.add_tenant("dale")
    books.land(3, "dale")
    books.run()
    customers_are(books.pipeline, {"dale": None, "cohoes": customer})
    books.files.clear()
    unmapped(books)


def stated(books: Books) -> str:
    """Four readings that Stripe has."""
    customer = books.pipeline.add_tenant("cohoes")
    books.pipeline.advance()
    books.land(4)
    books.run()
    return customer


def customer_gone(books: Books) -> None:
    books.pipeline.sandbox.client().v1.customers.delete(stated(books))
    books.land(2)
    books.run()


def refused(books: Books) -> None:
    books.pipeline.add_tenant("cohoes")
    books.land(4)
    books.land(2)
    books.run(stripe_says=AT_ONCE)


def refused_as_restatement(books: Books) -> None:
    stated(books)
    books.land(2)
    books.run(stripe_says=AT_ONCE)


def refused_later(books: Books) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    stated(books)
    books.land(2)
    books.run(stripe_says=LATER)
    books.collect_refusals()


def refused_before_another(books: Books) -> None:
    """Of two differences Stripe refuses the older one when it has the newer one."""
    books.measured_by(RAW)
    books.pipeline.sandbox.settings(report_seconds=0)
    books.pipeline.sandbox.faults(LATER)
    stated(books)
    books.land(2)
    books.run()
    books.collect_refusals()


def too_late(books: Books) -> None:
    books.hour = books.hour.plus(-38 * 24)
    books.pipeline.add_tenant("cohoes")
    unmapped(books)


def month_closed(books: Books) -> None:
    books.pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    books.hour = HOUR
    stated(books)
    close(books.pipeline)
    books.land(2)
    books.run()


def held_for_review(books: Books) -> None:
    books.measured_by(WATCHFUL)
    books.pipeline.add_tenant("cohoes")
    with books.pipeline.database.connect() as connection:
        used = "insert into fridge.usage values ('cohoes', %s, 'inserted_count', 1, now())"
        connection.execute(used, [books.hour.plus(-1).start])
    books.land(4)
    books.land(2)
    books.run()


def credit_due(books: Books) -> None:
    books.measured_by(RAW)
    stated(books)
    for count in (1, 9):
        books.land(count)
        books.run()
    books.pipeline.advance(hours=21)
    books.withdraw(-1)
    books.run()


WAITING: dict[str, tuple[Callable[[Books], None], ...]] = {
    "unmapped": (unmapped, told_together),
    "customer_taken": (customer_taken,),
    "customer_gone": (customer_gone,),
    "refused": (refused, refused_as_restatement, refused_later, refused_before_another),
    "too_late": (too_late,),
    "month_closed": (month_closed,),
    "held_for_review": (held_for_review,),
    "credit_due": (credit_due,),
}


@pytest.fixture
def books(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(waiting, "TOLD_ALONE_MAX", 1)
    return Books(pipeline)


@pytest.mark.parametrize(
    ("kind", "begin"),
    [pytest.param(kind, begin, id=begin.__name__) for kind, found in WAITING.items() for begin in found],
)
def test_whatever_changes_and_wherever_a_run_dies_the_next_sweep_has_every_exception_say_what_is_owed(
    books: Books, kind: str, begin: Callable[[Books], None]
) -> None:
    begin(books)
    assert kind in books.kinds()
    assert (books.said(), books.swept()) == (books.owed(), [])
    for death in DEATHS:
        books.land(1)
        books.run(at_failpoint=dies_after(death))
        books.sweep()
        assert books.said() == books.owed(), death
    for left in (len(books.files) - 1, 0):
        while len(books.files) > left:
            books.withdraw(0)
        books.pipeline.count(books.hour)
        books.sweep()
        assert books.said() == books.owed(), books.files


def test_they_are_of_every_kind_that_keeps_usage_waiting_and_says_how_much_is_owed() -> None:
    assert WAITING.keys() | {"unexplained"} == {kind for kind, each in EXCEPTION_KINDS.items() if each.waits}


def test_a_credit_gives_way_to_usage_that_is_owed_again_and_refused(books: Books) -> None:
    credit_due(books)
    books.land(12)
    books.run(stripe_says=AT_ONCE)
    assert (books.kinds(), books.said()) == (["refused"], [("cohoes", 3)])


def test_a_refusal_ends_when_usage_has_come_down_to_what_stripe_has(books: Books) -> None:
    refused_before_another(books)
    assert books.said() == [("cohoes", 4)]
    books.withdraw(0)
    books.pipeline.count(books.hour)
    books.sweep()
    assert books.said() == []


def test_what_is_told_together_is_not_settled_as_another_quantity_than_it_says(books: Books) -> None:
    told_together(books)
    together = books.pipeline.one("select exception_id from fridge.open_exceptions where tenant_id is null")
    books.land(1)
    books.run(at_failpoint=dies_after(Failpoint.USAGE_WRITTEN))
    nobody = Decision(How.WRITTEN_OFF, "nobody knows them")
    with pytest.raises(SettlementRefusedError, match="no longer says what is owed"):
        settle_exceptions(books.pipeline.as_run(), [together], nobody)
    books.sweep()
    (settled,) = settle_exceptions(books.pipeline.as_run(), [together], nobody)
    assert settled.quantity == 7
