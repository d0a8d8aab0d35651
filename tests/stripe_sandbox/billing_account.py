"""What the tests do at Stripe about invoices; every answer on the way is checked against Stripe's own description."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import stripe

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox import schema
from tests.stripe_sandbox.account import DAY, HOUR, Account

if TYPE_CHECKING:
    from tests.sandbox_process import SandboxProcess

CUSTOMER = "cus_shop"
MEMBERS = {path.rpartition("/")[2]: kind for kind, path in schema.LISTS.items() if path.startswith("/v1/")}


def at(day: str) -> int:
    """Unix seconds of a UTC day or time such as ``2026-02-01`` or ``2026-02-01T10:00``."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


class CheckedClient(stripe.RequestsClient):
    """The SDK's own HTTP client, which lets no answer pass that Stripe could not have given."""

    checked = 0

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:  # type: ignore[override]
        """Send, and check what comes back."""
        answer = super().request(method, url, headers, post_data)
        told = json.loads(answer[0])
        if told.get("deleted") and told["object"] in {"invoice", "invoiceitem"}:
            assert set(told) == {"id", "object", "deleted"}  # the description at hand leaves these two out
        else:
            schema.check(self._kind(told, urlsplit(url).path), told)
        type(self).checked += 1
        return answer

    @staticmethod
    def _kind(told: dict[str, Any], path: str) -> str:
        if "error" in told:
            return "v2.error" if path.startswith("/v2/") else "error"
        if told.get("object") == "list":
            if path.startswith("/v1/credit_notes/"):
                return "list.credit_note_line_item"
            return MEMBERS[path.rpartition("/")[2]]
        if "next_page_url" in told:
            return "list.v2.core.event"
        return f"deleted_{told['object']}" if told.get("deleted") else str(told["object"])


class BillingAccount(Account):
    """An account with one hour-window meter, one product, and a clock that stands at 2026-02-01 0:00 UTC."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        super().__init__(sandbox)
        stripe.enable_telemetry = False
        http = CheckedClient(timeout=(3, 20))
        self.stripe = stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.url}, http_client=http)
        self.start = at("2026-02-01")
        sandbox.set_clock(now=self.start, frozen=True)
        self.readings = self.meter("sum", "hour")
        self.product = self.stripe.v1.products.create({"name": "Readings"})

    def price(self, **wish: Any) -> Any:
        """A monthly price of the meter, in dollars; per unit of 1 cent unless more is said."""
        recurring = {"interval": "month", "usage_type": "metered", "meter": self.readings.id}
        told: Any = {"currency": "usd", "product": self.product.id, "recurring": recurring, **wish}
        if not {"unit_amount", "unit_amount_decimal", "tiers"} & set(wish):
            told["unit_amount"] = 1
        if "tiers" in wish:
            told["billing_scheme"] = "tiered"
        return self.stripe.v1.prices.create(told)

    def subscription(self, *prices: Any, customer: str = CUSTOMER, **wish: Any) -> Any:
        """A subscription to these prices from now on."""
        told: Any = {"customer": customer, "items": [{"price": price.id} for price in prices], **wish}
        return self.stripe.v1.subscriptions.create(told)

    def use(self, value: object, moment: int | str, customer: str = CUSTOMER) -> None:
        """Usage of the meter, stamped at a time; the clock goes there where that lies ahead."""
        stamp = at(moment) if isinstance(moment, str) else moment
        if stamp > self.now():
            self.go(stamp)
        self.send(self.readings, value, stamp, customer=customer, identifier=fresh_name("event"))

    def go(self, moment: int | str) -> None:
        """Set the clock; what is due until then happens with the next call."""
        self.sandbox.set_clock(now=at(moment) if isinstance(moment, str) else moment)

    def invoices(self, **filters: Any) -> list[Any]:
        """All invoices that match, newest first."""
        told: Any = {"limit": 100, **filters}
        return list(self.stripe.v1.invoices.list(told).auto_paging_iter())

    def newest(self, **filters: Any) -> Any:
        """The newest invoice that matches."""
        return self.invoices(**filters)[0]

    def lines(self, invoice: Any) -> list[tuple[int, str | None]]:
        """(amount, quantity) of every line of an invoice, over its own endpoint."""
        return [
            (line.amount, None if line.quantity_decimal is None else format(line.quantity_decimal, "f"))
            for line in self.all_lines(invoice)
        ]

    def all_lines(self, invoice: Any) -> list[Any]:
        """Every line of an invoice."""
        return list(self.stripe.v1.invoices.line_items.list(invoice.id, {"limit": 100}).auto_paging_iter())

    def after_grace(self, end: str = "2026-03-01") -> Any:
        """The invoice of the period that ends then, final."""
        self.go(at(end) + 2 * HOUR)
        return self.newest()

    def edit(self, invoice: Any, **wish: Any) -> dict[str, Any]:
        """What somebody else does to an invoice."""
        body = {"invoice": invoice.id, **wish}
        answer = requests.post(f"{self.sandbox.url}/_sandbox/invoices", json=body, timeout=20)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def usage_at_once(self, events: list[tuple[str, int, object]], **more: Any) -> int:
        """Many events of the meter in one call: (customer, timestamp, value)."""
        body = {"event_name": self.readings.event_name, "events": events, **more}
        answer = requests.post(f"{self.sandbox.url}/_sandbox/usage", json=body, timeout=60)
        answer.raise_for_status()
        return int(answer.json()["received"])


__all__ = ["CUSTOMER", "DAY", "HOUR", "BillingAccount", "CheckedClient", "at"]
