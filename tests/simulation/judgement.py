"""The judgement: what was landed, what the books say and what Stripe counts, compared in plain Python.

Usage is the record's, Stripe's totals are the sandbox's own. Of the pipeline only what it has written down is read:
its counts, its statements and its open exceptions; none of the queries by which it compares them itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import INSERTED_COUNT
from fridge_pipeline.catalogue.meter import Window
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP, RESEND_WINDOW
from tests.simulation.account import Slot
from tests.simulation.others import METER_EVENTS
from tests.simulation.record import READINGS, SENSORS, Place
from tests.simulation.world import ScheduleWorld

Key = TypeVar("Key", bound=Hashable)

COUNTS = """
    select 'temperature_readings', tenant_id, hour, inserted_count from fridge.inserted_counts
    union all
    select 'active_sensors', tenant_id, hour, active_sensors from fridge.active_sensors
"""
STATEMENTS = """
    select identifier, event_name, tenant_id, stripe_customer_id, hour, value, status, first_sent_at
    from fridge.meter_events
"""
HOLDERS = """
    select measure, event_name, extract(epoch from begins_at)::float8, extract(epoch from bill_until)::float8
    from fridge.billed_hours
"""
EXCEPTIONS = "select kind, tenant_id, hour, subject, detail, owed from fridge.exceptions where closed_at is null"

#: How an exception's detail says what the usage is and what Stripe has of it; nothing of it where it does not say.
FIGURES = (
    re.compile(
        r"Stripe has (?P<stated>\d+) \S+ and the usage is (?P<usage>\d+)\. "
        r"(?:(?P<settled>\d+) were (?P<credited>credited|invoiced) by hand before\. )?"
    ),
    re.compile(r"Usage is (?P<usage>\d+) \S+, the accepted statements come to (?P<stated>\d+)"),
    re.compile(
        r"\d+ \S+ (?:more|less) than Stripe has \(usage (?P<usage>\d+), stated (?P<stated>\d+)"
        r"(?:, settled (?P<settled>-?\d+))?\)"
    ),
    re.compile(
        r"(?P<usage>\d+) [^\s,]+?(?:, of which (?:Stripe has (?P<stated>\d+))?(?: and )?"
        r"(?:(?P<settled>\d+) are (?P<credited>settled|credited))?)?(?:: | for customer )"
    ),
)

#: ... and what a person is to do about it.
INVOICE_ITEM = re.compile(r"invoice item for (\d+)")
CREDIT = re.compile(r"[Gg]ive a credit for (\d+)")

TENANTS_NAMED = re.compile(r"tenant '(\w+)'")

#: What it says of Stripe's own total.
SHOWN = re.compile(
    r"for customer (?P<customer>\S+)(?: and this hour)? Stripe shows (?P<shown>nothing|\d+)", re.IGNORECASE
)

#: These promise that the usage is billed once something is done, which nobody can promise after 35 days.
PROMISING = {"unmapped", "customer_taken", "held_for_review", "month_closed", "refused"}

#: These keep usage from being what Stripe has, so each of them says how much is owed.
OWING = {*PROMISING, "too_late", "customer_gone", "credit_due"}


@dataclass(frozen=True)
class Statement:
    """A row of the ledger."""

    identifier: str
    event_name: str
    tenant: str
    customer: str
    hour: Hour
    value: int
    status: str
    first_sent_at: datetime | None

    @property
    def place(self) -> Place:
        """Whose usage it states."""
        return self.tenant, self.event_name, self.hour

    @property
    def slot(self) -> Slot:
        """Where Stripe counts it."""
        return self.customer, self.event_name, self.hour


@dataclass(frozen=True)
class Excepted:
    """An open exception about a tenant, meter and hour."""

    kind: str
    place: Place
    detail: str
    figure: int | None

    @property
    def owed(self) -> set[int]:
        """What it says is to be billed still, negative when Stripe has too much; nothing where it says nothing."""
        figures = next(filter(None, (form.match(self.detail) for form in FIGURES)), None)
        said = set() if figures is None else {_owed(figures.groupdict())}
        said |= {int(number) for number in INVOICE_ITEM.findall(self.detail)}
        return said | {-int(number) for number in CREDIT.findall(self.detail)}

    @property
    def shown(self) -> tuple[str, int] | None:
        """A customer, and what Stripe has of it in this hour, as the exception says."""
        found = SHOWN.search(self.detail)
        return None if found is None else (found["customer"], int(found["shown"].replace("nothing", "0")))


class Judgement:
    """The books as they stand, beside what is true."""

    def __init__(self, world: ScheduleWorld) -> None:
        self.world = world
        self.holders = world.database.look(HOLDERS)
        self.usage = Counter(
            {
                (tenant, holder, hour): value
                for (tenant, name, hour), value in world.record.usage().items()
                if (holder := self.holder(name, hour)) is not None
            }
        )
        self.stripe = world.account.totals()
        self.statements = [
            Statement(identifier, name, tenant, customer, Hour(hour), value, status, first_sent_at)
            for identifier, name, tenant, customer, hour, value, status, first_sent_at in world.database.look(
                STATEMENTS
            )
        ]
        accepted = [each for each in self.statements if each.status == "accepted"]
        self.stated: Counter[Place] = _summed((each.place, each.value) for each in accepted)
        self.counting: Counter[Slot] = _summed((each.slot, each.value) for each in accepted)
        self.tenants_stating: defaultdict[Slot, set[str]] = defaultdict(set)
        self.tenants_counting: defaultdict[Slot, set[str]] = defaultdict(set)
        for (slot, tenant), value in _summed(((each.slot, each.tenant), each.value) for each in accepted).items():
            self.tenants_stating[slot].add(tenant)
            if value:  # a total of 0 frees the hour, unless a later timestamp would let it win again
                self.tenants_counting[slot].add(tenant)
        self.excepted = self._excepted()

    def violations(self) -> list[str]:
        """Everything that is not as the laws have it; nothing, if all is well."""
        return [
            *self._miscounted(),
            *self._shared(),
            *self._usage_beside_statements(),
            *self._statements_beside_stripe(),
            *self._false_promises(),
            *self._unread_and_untold(),
            *self._wrongly_sent(),
        ]

    def holder(self, event_name: str, hour: Hour) -> str | None:
        """Of all meters that ever billed a meter's measure, the one that has the hour."""
        measure, at = self.world.meters[event_name].measure.name, hour.start.timestamp()
        names = [name for of, name, first, until in self.holders if of == measure and first <= at < until]
        assert len(names) <= 1, names
        return names[0] if names else None

    def _is_judged(self, place: Place) -> bool:
        """The meter has the hour, be it gone since."""
        return self.holder(*place[1:]) == place[1]

    def _miscounted(self) -> list[str]:
        """L1 to L3: the pipeline counted what the record says."""
        counted = _summed(
            ((tenant, name, Hour(hour)), value) for name, tenant, hour, value in self.world.database.look(COUNTS)
        )
        usage = self.world.record.usage()
        return [
            f"{_text(place)}: counted {counted[place]}, and the landing files have {usage[place]}"
            for place in sorted(counted | usage)
            if counted[place] != usage[place]
        ]

    def _shared(self) -> list[str]:
        """For a customer, meter and hour at most one tenant's statements count; who waits for whom is said."""
        shared = [
            f"{_text(slot)}: statements of {' and '.join(sorted(tenants))} count at one customer"
            for slot, tenants in sorted(self.tenants_counting.items())
            if len(tenants) > 1
        ]
        return shared + [
            f"{_text(place)}: customer_taken does not name {place[0]} and whoever has the hour: {each.detail}"
            for place, exceptions in sorted(self.excepted.items())
            for each in exceptions
            if each.kind == "customer_taken" and not self._names_both(each)
        ]

    def _names_both(self, excepted: Excepted) -> bool:
        tenant, event_name, hour = excepted.place
        others = set(TENANTS_NAMED.findall(excepted.detail)) - {tenant}
        customers = {slot[0] for slot, tenants in self.tenants_stating.items() if others & tenants}
        return bool(others) and any((customer, event_name, hour) in self.tenants_stating for customer in customers)

    def _usage_beside_statements(self) -> list[str]:
        """What is owed to us, or by us, stands in an exception with its figure, and with no other one."""
        found: list[str] = []
        places = sorted({*self.usage, *self.stated, *self.world.settled, *self.excepted})
        found += [
            f"{_text(place)}: {each.kind} says that {each.figure} is owed, and {holder} has the hour: {each.detail}"
            for place in places
            if (holder := self.holder(*place[1:])) not in {None, place[1]}
            for each in self.excepted[place]
            if each.kind in OWING and (each.figure or 0) > 0
        ]
        for place in filter(self._is_judged, places):
            owed = self.usage[place] - self.stated[place] - self.settled(place)
            said = {each.kind: each.owed for each in self.excepted[place]}
            if said.get("unexplained") == set():
                continue
            if owed and {owed} not in said.values():
                found.append(f"{_text(place)}: {owed:+} is owed, and exceptions say {said or 'nothing'}")
            found += [
                f"{_text(place)}: {owed:+} is owed, and {each.kind} says {each.figure}: {each.detail}"
                for each in self.excepted[place]
                if each.kind in OWING and (each.figure != owed or owed not in each.owed)
            ]
        return found

    def settled(self, place: Place) -> int:
        """What people have ended otherwise: a write-off only as far as so much would be owed."""
        by_how: Counter[How] = Counter()
        for name in self.world.meters:  # what another meter of the measure has settled is this one's, unless given back
            at_name = self.world.settled[place[0], name, place[2]]
            if place[1] == (self.holder(name, place[2]) if at_name.total() > 0 else name):
                by_how.update(at_name)
        by_hand = by_how[How.INVOICED_BY_HAND] + by_how[How.CREDITED]
        owed = self.usage[place] - self.stated[place] - by_hand
        return by_hand + min(max(owed, 0), by_how[How.WRITTEN_OFF])

    def _statements_beside_stripe(self) -> list[str]:
        """Stripe counts what it accepted, or an exception has Stripe's true figure."""
        shown: defaultdict[Slot, set[int]] = defaultdict(set)
        for place, exceptions in self.excepted.items():
            for customer, value in filter(None, (each.shown for each in exceptions)):
                shown[customer, *place[1:]].add(value)
        return [
            f"{_text(slot)}: stated {self.counting[slot]}, Stripe counts {self.stripe[slot]}, and exceptions say "
            f"{sorted(shown[slot]) or 'nothing'}"
            for slot in sorted(self.counting | self.stripe)
            if self.counting[slot] != self.stripe[slot] and self.stripe[slot] not in shown[slot]
        ]

    def _false_promises(self) -> list[str]:
        """After 35 days nothing is billed any more, whatever else stands in its way; a credit is given at any time."""
        oldest = self.world.clock.now - OLDEST_TIMESTAMP
        adds_up = {name for name, meter in self.world.meters.items() if meter.window is Window.NONE}
        return [
            f"{_text(place)}: older than 35 days, and still {each.kind}: {each.detail}"
            for place, exceptions in sorted(self.excepted.items())
            for each in exceptions
            if each.kind in PROMISING and place[2].end < oldest and self._is_judged(place)
            if not (
                each.kind == "month_closed"
                and (place[1] in adds_up or self.world.settled[place])
                and max(each.owed) < 0
            )
        ]

    def _unread_and_untold(self) -> list[str]:
        """A landing file that no run loads is an exception about its hour."""
        told = {hour for _, _, hour, *_ in self.world.database.look(EXCEPTIONS)}
        return [
            f"{file.path}: never loaded, and no exception says so"
            for file in self.world.record.unread()
            if file.hour.start not in told
        ]

    def _wrongly_sent(self) -> list[str]:
        """L4: nothing is sent that is not committed. L6: one identifier, one value, never after 20 hours."""
        committed = {each.identifier: each for each in self.statements}
        found = []
        for request in self.world.account.requests():
            fields = request["fields"]
            if request["path"] != METER_EVENTS or fields.get("identifier", "").startswith("theirs-"):
                continue
            statement = committed.get(fields["identifier"])
            if statement is None or statement.first_sent_at is None:
                found.append(f"{fields['identifier']}: sent, and not on record as sent")
            elif int(fields["payload"]["value"]) != statement.value:
                found.append(f"{fields['identifier']}: {statement.value} on record, {fields['payload']['value']} sent")
            elif request["at"] > (statement.first_sent_at + RESEND_WINDOW).timestamp():
                found.append(f"{fields['identifier']}: sent again more than 20 hours after its first attempt")
        return found

    def _excepted(self) -> defaultdict[Place, list[Excepted]]:
        """The open exceptions by what they are about: a meter, or one of its statements or cancellations."""
        event_of = {each.identifier: each.event_name for each in self.statements}
        found: defaultdict[Place, list[Excepted]] = defaultdict(list)
        for kind, tenant, hour, subject, detail, figure in self.world.database.look(EXCEPTIONS):
            event_name = event_of.get(subject.removeprefix("cancel:"), subject)
            if tenant is not None and event_name in self.world.meters:
                place = (tenant, event_name, Hour(hour))
                found[place].append(Excepted(kind, place, detail, figure))
        return found

    def explained(self) -> Counter[str]:
        """For the summary: how many differences are among the exceptions, by kind."""
        return Counter(
            self.excepted[place][0].kind
            for place in self.usage | self.stated
            if self.usage[place] != self.stated[place] and self.excepted[place] and self._is_judged(place)
        )


def overbilled(world: ScheduleWorld) -> list[str]:
    """Where Stripe has more than the usage has ever been, of one customer or of all that belong together.

    Not what somebody else has stated, nor once Stripe itself has counted something twice: that is found by reconciling.
    """
    stripe = world.account.totals()
    if world.account.told["faults"].get("count_twice"):
        return []
    most = world.record.most_ever
    found = []
    for event_name, hour in sorted({slot[1:] for slot in stripe} - world.meddled):
        name = READINGS if world.meters[event_name].measure == INSERTED_COUNT else SENSORS
        for customers, tenants in _families(world):
            has = [stripe[customer, event_name, hour] for customer in customers]
            may = [
                most[tenant, name, hour] - world.settled[tenant, event_name, hour][How.CREDITED] for tenant in tenants
            ]
            if sum(has) > sum(may) or max(has, default=0) > max(may, default=0):
                found.append(f"{event_name} {hour}: {customers} have {has}, and {tenants} never used more than {may}")
    return found


def _families(world: ScheduleWorld) -> list[tuple[list[str], list[str]]]:
    """Customers and tenants that have had to do with one another, however indirectly."""
    families: list[tuple[set[str], set[str]]] = []
    for customer, tenants in world.tenants_of.items():
        related = [family for family in families if family[1] & tenants]
        families = [family for family in families if family not in related]
        families.append(
            ({customer}.union(*(each[0] for each in related)), set(tenants).union(*(each[1] for each in related)))
        )
    return [(sorted(customers), sorted(tenants)) for customers, tenants in families]


def _owed(figures: dict[str, str | None]) -> int:
    settled = int(figures.get("settled") or 0) * (-1 if figures.get("credited") == "credited" else 1)
    return int(figures["usage"] or 0) - int(figures["stated"] or 0) - settled


def _summed(rows: Iterable[tuple[Key, int]]) -> Counter[Key]:
    summed: Counter[Key] = Counter()
    for key, value in rows:
        summed[key] += value
    return summed


def _text(place: Place) -> str:
    return f"{place[0]} {place[1]} {place[2]}"
