"""The Stripe account of a simulation as it truly is: the sandbox's own books, and what others do in the dashboard."""

from __future__ import annotations

import base64
import http.client
import json
from collections import Counter
from typing import Any
from urllib.parse import urlencode, urlsplit

from fridge_pipeline.calendar.hours import Hour

#: Customer, event name, hour: what Stripe keeps one total of.
Slot = tuple[str, str, Hour]

KEY = {"Authorization": f"Basic {base64.b64encode(b'sk_test_sandbox:').decode()}"}

#: More than faults strike in a row.
TRIES_MAX = 40

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Account:
    """The sandbox over one connection that stays open; as whoever has the dashboard, and with its control endpoints.

    ``is_stirred`` says that what counts may be otherwise than when it was last looked at.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._http = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
        self.told: dict[str, Any] = {}
        self.is_stirred = True

    def begin(self, lag_seconds: int, deleted_customers: str) -> None:
        """An empty account."""
        self._post("/_sandbox/reset", {})
        self.settings(lag_seconds=lag_seconds, calls_per_second=None, deleted_customers=deleted_customers)

    def settings(self, **wish: Any) -> None:
        """Changes the settings that are named."""
        self._post("/_sandbox/settings", wish)

    def set_clock(self, now: float) -> None:
        """The clock stands still there; what was due meanwhile arrives."""
        self._post("/_sandbox/clock", {"now": now, "frozen": True})
        self.is_stirred = True

    def strike(self, *faults: dict[str, Any]) -> None:
        """Something is to befall the next calls."""
        self._post("/_sandbox/faults", list(faults))

    def clear_faults(self) -> None:
        """Nothing is."""
        self._control("DELETE", "/_sandbox/faults")

    def totals(self) -> Counter[Slot]:
        """What truly counts, of all meters of a name together; ``told`` keeps the rest of the answer."""
        self.told = self._get("/_sandbox/usage")
        self.is_stirred = False
        counted: Counter[Slot] = Counter()
        for row in self.told["data"]:
            counted[row["customer"], row["event_name"], Hour.from_key(row["hour"])] += row["value"]
        return counted

    def requests(self) -> list[dict[str, Any]]:
        """The Stripe requests that it saw, oldest first."""
        seen: list[dict[str, Any]] = self._get("/_sandbox/requests")["data"]
        return seen

    def active_meters(self) -> dict[str, str]:
        """Event name → id."""
        meters = self._get("/v1/billing/meters?status=active&limit=100")["data"]
        return {meter["event_name"]: meter["id"] for meter in meters}

    def meters_are_others_now(self) -> None:
        """Somebody made one."""
        self.is_stirred = True

    def archive_meter(self, event_name: str) -> None:
        """It takes no more events; what it counted stays with it."""
        meter_id = self.active_meters().get(event_name)
        if meter_id is not None:
            self._control("POST", f"/v1/billing/meters/{meter_id}/deactivate")
            self.meters_are_others_now()

    def delete_customer(self, customer: str) -> None:
        """Later events for it are refused; its usage stays. Nothing happens to one that Stripe never saw."""
        self._control("DELETE", f"/v1/customers/{customer}")

    def state_usage(self, identifier: str, slot: Slot, value: int) -> bool:
        """Somebody else's statement; whether Stripe may have it."""
        customer, event_name, hour = slot
        form = {
            "event_name": event_name,
            "identifier": identifier,
            "payload[stripe_customer_id]": customer,
            "payload[value]": str(value),
            "timestamp": str(int(hour.start.timestamp()) + 1800),
        }
        self.is_stirred = True
        try:
            status, _ = self._call("POST", "/v1/billing/meter_events", urlencode(form), FORM)
        except (http.client.HTTPException, ConnectionError):
            self._http.close()  # a fault that was meant for us
            return True
        return status == http.client.OK or status >= http.client.INTERNAL_SERVER_ERROR

    def create(self, what: str, **wish: Any) -> dict[str, Any]:
        """A product, a price or a subscription is made in the dashboard."""
        status, body = self._control("POST", f"/v1/{what}", urlencode(wish), FORM)
        assert status == http.client.OK, body
        made: dict[str, Any] = json.loads(body)
        return made

    def invoices(self) -> list[dict[str, Any]]:
        """As Stripe has them, the oldest first."""
        return self.all_of("invoices")[::-1]

    def all_of(self, what: str) -> list[dict[str, Any]]:
        """Everything of a kind, the newest first; the simulation's are fewer than a page."""
        for _ in range(TRIES_MAX):
            try:
                status, body = self._call("GET", f"/v1/{what}?limit=100")
            except (http.client.HTTPException, ConnectionError):
                self._http.close()  # a fault that was meant for the pipeline, as below
                continue
            if status == http.client.OK:
                answer = json.loads(body)
                assert not answer["has_more"]
                found: list[dict[str, Any]] = answer["data"]
                return found
        raise AssertionError(f"{what} could not be read: {body!r}")

    def edit_invoice(self, invoice_id: str, **told: Any) -> None:
        """Somebody else does this to an invoice."""
        self._post("/_sandbox/invoices", {"invoice": invoice_id, **told})

    def _get(self, path: str) -> dict[str, Any]:
        status, body = self._control("GET", path)
        assert status == http.client.OK, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def _post(self, path: str, wish: object) -> None:
        status, body = self._control("POST", path, json.dumps(wish))
        assert status == http.client.OK, body

    def _control(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """No fault is meant for these: a connection that is gone was idle for longer than the sandbox keeps one."""
        try:
            return self._call(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._http.close()
            return self._call(method, path, body, headers)

    def _call(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        self._http.request(method, path, body, {**KEY, **(headers or {})})
        response = self._http.getresponse()
        return response.status, response.read()
