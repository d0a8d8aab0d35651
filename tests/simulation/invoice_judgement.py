"""The judgement of invoices: what is billed, with its corrections, is what was used, or an exception says how much not.

What is invoiced is read from Stripe itself, and usage is the record's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Formula
from tests.simulation.cycle import END, LONGEST, START
from tests.simulation.judgement import EXCEPTIONS, Judgement
from tests.simulation.record import READINGS, SENSORS

#: A customer and what a measure was billed by first, of March: an hour is owed once, whatever its meter is called.
Account = tuple[str, str]

UNDER_WAY = {"staged", "sent", "unknown"}

BY_HAND = """
    select place ->> 'customer_id', event_name, (place ->> 'quantity')::int, place ->> 'period_start',
        case when how = 'credited' then place ->> 'invoice_id' end
    from fridge.settlements cross join lateral jsonb_array_elements(places) as place
"""
OUTCOMES = "select act || ' ' || outcome from fridge.invoice_holds where outcome is not null"
CORRECTIONS = "select document_kind || ' ' || state from fridge.corrections"
#: Only here an invoice is made void after it was paid; nobody looks for that.
ARRIVED = "select correction_key from fridge.corrections inner join fridge.correction_arrivals using (proposal_id)"
CAUSES = "select coalesce(cause, 'quantity is usage') from fridge.invoice_comparisons where usage_quantity > 0"

#: One period in an exception's detail.
PART = re.compile(
    r"(?P<meter>\S+) of customer (?P<customer>\S+), (?P<start>[\d-]+ [\d:]+) to [\d-]+ [\d:]+ UTC, "
    r"(?:invoice \S+|no invoice): invoiced [\d.]+, usage [\d.]+, accepted -?[\d.]+(?:, settled -?[\d.]+)?"
    r"(?:; corrected before: [^:]*)?: (?P<much>[\d.]+) too (?P<sign>little|much)"
)


def misbilled(judgement: Judgement) -> list[str]:
    """Everything about March's invoices that is not as the laws have it; nothing in a schedule without."""
    if judgement.world.cycle is None:
        return []
    found = Billed(judgement)
    for query in (OUTCOMES, CORRECTIONS, CAUSES):
        judgement.world.parts.tally.invoices.update(word for (word,) in judgement.world.database.look(query))
    return [*found.unfinished(), *found.unexplained(), *found.written_wrongly(), *found.held_too_long()]


class Billed:
    """What Stripe has billed of March, beside what was used."""

    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self.world = judgement.world
        self.invoices = self.world.account.invoices()
        self.documents = [
            each
            for what in ("invoiceitems", "credit_notes")
            for each in self.world.account.all_of(what)
            if "fridge_correction" in each["metadata"]
        ]
        self.meters = {meter_id: name for name, meter_id in self.world.account.active_meters().items()}
        self.event_of_price = {
            each["id"]: self.meters[each["recurring"]["meter"]] for each in self.world.account.all_of("prices")
        }

    def unfinished(self) -> list[str]:
        """A draft's quantity is settled when it is final, so March is not judged before that."""
        return [
            f"{each['id']} is still a draft"
            for each in self.invoices
            if each["status"] == "draft"
            and any(line["period"]["start"] < END.timestamp() for line in each["lines"]["data"])
        ]

    def unexplained(self) -> list[str]:
        """L14: of each customer and meter, quantity and corrections are usage, or it is said what is missing."""
        usage, accepted, invoiced, corrected = self._usage(), self._accepted(), self._invoiced(), self._corrected()
        said = self._said()
        gone = set(self.world.meters) - {each.event_name for each in self.world.pipeline.catalogue}
        used_of_gone, accepted_of_gone = self._usage(gone), self._accepted(gone)
        added_up = {measured_by(each.event_name) for each in self.world.meters.values() if each.formula is Formula.SUM}
        found = []
        for account in sorted({*usage, *accepted, *invoiced, *corrected, *said}):
            billed = invoiced[account] + corrected[account]
            owed = usage[account] - billed
            # Invoices of a meter that is gone are asked for what Stripe was told; of the rest its hours tell.
            by_hours = used_of_gone[account] - accepted_of_gone[account]
            if account[1] not in added_up or owed - said[account] in {0, by_hours}:
                continue
            if said[account] == 0 and billed == accepted[account]:
                continue  # Stripe was not told, and the hours' own exceptions say why
            found.append(
                f"{account[0]} {account[1]} in March: used {usage[account]}, accepted {accepted[account]}, invoiced "
                f"{invoiced[account]}, corrected {corrected[account]}: {owed:+} is owed, and exceptions say "
                f"{said[account]:+}"
            )
        return found

    def written_wrongly(self) -> list[str]:
        """L4: no document that is not approved by a second person, each once; no draft held without an intent."""
        approved = {
            key: (proposer, approver)
            for key, proposer, approver in self.world.database.look(
                "select correction_key, proposed_by, approved_by from fridge.corrections where approved_by is not null"
            )
        }
        times = Counter(each["metadata"]["fridge_correction"] for each in self.documents)
        found = [f"correction {key}: {number} documents" for key, number in times.items() if number != 1]
        found += [
            f"correction {key}: written, and approved by {approved.get(key, 'nobody')}"
            for key in times
            if key not in approved or len(set(approved[key])) == 1
        ]
        found += [
            f"correction {key} is approved and never came to an end"
            for (key,) in self.world.database.look(
                "select correction_key from fridge.corrections where state = 'approved'"
            )
        ]
        intended = {
            mark: int(at.timestamp())
            for mark, at in self.world.database.look(
                "select mark, finalizes_at from fridge.invoice_holds where mark <> ''"
            )
        }
        for request in self.world.account.requests():
            fields = request["fields"]
            if request["method"] == "POST" and request["path"].startswith("/v1/invoices/in_"):
                mark, at = fields.get("metadata", {}).get("fridge_held_by"), fields.get("automatically_finalizes_at")
                if at is None or intended.get(mark) != int(at) or str(fields.get("auto_advance")).lower() != "true":
                    found.append(f"{request['path']} was rescheduled without an intent, or without a time: {fields}")
        return found

    def held_too_long(self) -> list[str]:
        """No draft that nobody else has touched is final later than Stripe's own time, or the longest hold."""
        grace = timedelta(hours=72 if self._is_slow() else self.world.cycle.terms.grace_hours)  # type: ignore[union-attr]
        found = []
        for each in self.invoices:
            final, created = each["status_transitions"]["finalized_at"], _moment(each["created"])
            latest = max(created + grace, END + LONGEST)
            if each["id"] in self.world.cycle.edited or created > END + timedelta(days=1):  # type: ignore[union-attr]
                continue
            if final is None or _moment(final) > latest:
                found.append(f"{each['id']}: final at {final and _moment(final)}, and no later than {latest} was due")
        return found

    def _is_slow(self) -> bool:
        return "webhooks_failing" in dict(self.world.cycle.terms.switches)  # type: ignore[union-attr]

    def _usage(self, only: Container[str] | None = None) -> Counter[Account]:
        """The record's less what is settled by hour, at the customer that has the hour, else at the tenant's own."""
        holders = self._holders()
        found: Counter[Account] = Counter()
        for (tenant, event_name, hour), quantity in self.judgement.usage.items():
            measure = measured_by(event_name)
            customer = holders.get((tenant, event_name, hour)) or holders.get((tenant, measure, hour))
            customer = customer or self.world.customer_of[tenant]
            if customer is not None and hour.start < END and (only is None or event_name in only):
                settled = self.judgement.settled((tenant, event_name, hour))
                found[customer, measure] += quantity - settled
        return found

    def _holders(self) -> dict[tuple[str, str, Hour], str]:
        rows = self.world.database.look(
            "select tenant_id, event_name, hour, stripe_customer_id, status, value from fridge.meter_events"
            " order by revision"
        )
        counting, under_way = {}, {}
        for tenant, event_name, hour, customer, status, value in rows:
            for name in (measured_by(event_name), event_name):  # an hour stays with whom another name billed it to
                place = (tenant, name, Hour(hour))
                if status == "accepted" and value:
                    counting[place] = customer
                if status in UNDER_WAY and name == event_name:
                    under_way[place] = customer
        return {**under_way, **counting}

    def _accepted(self, only: Container[str] | None = None) -> Counter[Account]:
        found: Counter[Account] = Counter()
        for each in self.judgement.statements:
            holds = self.judgement.holder(each.event_name, each.hour) == each.event_name
            holds = holds and (only is None or each.event_name in only)
            if each.status == "accepted" and holds and each.hour.start < END:
                found[each.customer, measured_by(each.event_name)] += each.value
        return found

    def _invoiced(self) -> Counter[Account]:
        found: Counter[Account] = Counter()
        for invoice in self.invoices:
            if invoice["status"] == "void":
                continue
            assert not invoice["lines"]["has_more"]
            for line in invoice["lines"]["data"]:
                price = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
                if price in self.event_of_price and line["period"]["start"] < END.timestamp():
                    found[invoice["customer"], measured_by(self.event_of_price[price])] += _whole(line)
        return found

    def _corrected(self) -> Counter[Account]:
        deltas = {
            key: (customer, event_name, int(delta), start)
            for key, customer, event_name, delta, start in self.world.database.look(
                "select correction_key, stripe_customer_id, event_name, delta, period_start"
                " from fridge.correction_proposals"
            )
        }
        void = {each["id"] for each in self.invoices if each["status"] == "void"}
        paid = {key for (key,) in self.world.database.look(ARRIVED)}
        found: Counter[Account] = Counter()
        for each in self.documents:
            key = each["metadata"]["fridge_correction"]
            customer, event_name, delta, start = deltas[key]
            if START <= start < END and (each["invoice"] not in void or key in paid):
                found[customer, measured_by(event_name)] += delta
        for customer, event_name, quantity, begins, credited in self.world.database.look(BY_HAND):
            if datetime.fromisoformat(begins) < END and credited not in void:
                found[customer, measured_by(event_name)] += quantity
        return found

    def _said(self) -> Counter[Account]:
        """What open exceptions say is to be invoiced of March, below 0 to be credited."""
        found: Counter[Account] = Counter()
        for kind, _, _, _, detail, _ in self.world.database.look(EXCEPTIONS):
            if kind in {"not_invoiced", "invoiced_too_much"}:
                parts = list(PART.finditer(detail))
                assert parts, detail
                for part in parts:
                    if datetime.fromisoformat(f"{part['start']}+00:00") < END:
                        sign = 1 if part["sign"] == "little" else -1
                        found[part["customer"], measured_by(part["meter"])] += sign * int(part["much"])
        return found


def measured_by(event_name: str) -> str:
    """What the measure of a meter was billed by before the meter was ever renamed."""
    return READINGS if event_name.startswith(READINGS) else SENSORS


def _whole(line: dict[str, Any]) -> int:
    return int(Decimal(line.get("quantity_decimal") or line.get("quantity") or 0))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
