"""The Stripe account of a simulation as it truly is: the sandbox's own books, and what others do in the dashboard."""

from __future__ import annotations

from collections import Counter
from typing import Any

import requests

from fridge_pipeline.domain.hour import Hour

#: Customer, event name, hour: what Stripe keeps one total of.
Slot = tuple[str, str, Hour]


class Account:
    """The sandbox over one connection that stays open; as whoever has the dashboard, and with its control endpoints."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.auth = ("sk_test_sandbox", "")
        self.told: dict[str, Any] = {}

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

    def strike(self, *faults: dict[str, Any]) -> None:
        """Something is to befall the next calls."""
        self._post("/_sandbox/faults", list(faults))

    def clear_faults(self) -> None:
        """Nothing is."""
        self._http.delete(f"{self._url}/_sandbox/faults", timeout=20).raise_for_status()

    def totals(self) -> Counter[Slot]:
        """What truly counts, of the meters that are active now; ``told`` keeps the rest of the answer."""
        self.told = self._get("/_sandbox/usage")
        active = set(self.active_meters().values())
        return Counter(
            {
                (row["customer"], row["event_name"], Hour.from_key(row["hour"])): row["value"]
                for row in self.told["data"]
                if row["meter"] in active
            }
        )

    def requests(self) -> list[dict[str, Any]]:
        """The Stripe requests that it saw, oldest first."""
        seen: list[dict[str, Any]] = self._get("/_sandbox/requests")["data"]
        return seen

    def active_meters(self) -> dict[str, str]:
        """Event name → id."""
        meters = self._get("/v1/billing/meters?status=active&limit=100")["data"]
        return {meter["event_name"]: meter["id"] for meter in meters}

    def archive_meter(self, event_name: str) -> None:
        """It takes no more events; what it counted stays with it."""
        meter_id = self.active_meters().get(event_name)
        if meter_id is not None:
            self._http.post(f"{self._url}/v1/billing/meters/{meter_id}/deactivate", timeout=20).raise_for_status()

    def delete_customer(self, customer: str) -> None:
        """Later events for it are refused; its usage stays."""
        self._http.delete(f"{self._url}/v1/customers/{customer}", timeout=20)  # of one that Stripe never saw: 404

    def state_usage(self, identifier: str, slot: Slot, value: int) -> bool:
        """Somebody else's statement; whether Stripe took it."""
        customer, event_name, hour = slot
        form = {
            "event_name": event_name,
            "identifier": identifier,
            "payload[stripe_customer_id]": customer,
            "payload[value]": str(value),
            "timestamp": str(int(hour.start.timestamp()) + 1800),
        }
        try:
            return self._http.post(f"{self._url}/v1/billing/meter_events", data=form, timeout=20).ok
        except requests.ConnectionError:
            return False  # a fault that was meant for us

    def _get(self, path: str) -> dict[str, Any]:
        response = self._http.get(f"{self._url}{path}", timeout=20)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def _post(self, path: str, wish: object) -> None:
        self._http.post(f"{self._url}{path}", json=wish, timeout=20).raise_for_status()
