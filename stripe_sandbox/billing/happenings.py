"""What Stripe tells about itself: events of its v1 API with the whole object, thin ones of its v2 API without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

API_VERSION = "2026-10-28.endive"
KEPT = 30 * 86_400  # seconds for which events can be read


@dataclass(frozen=True)
class Happening:
    """One event; one kind of journal entry. ``shown`` is the object as it stood then, ``before`` what changed in it.

    ``thin`` ones belong to the v2 API.
    """

    id: str
    type: str
    created: int
    shown: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    thin: bool = False

    def as_stripe(self) -> dict[str, object]:
        """The ``event`` object of the v1 API."""
        data: dict[str, object] = {"object": self.shown}
        if self.before:
            data["previous_attributes"] = self.before
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": self.type,
        }

    def as_core_event(self) -> dict[str, object]:
        """The ``v2.core.event`` object: it names the invoice and does not show it."""
        created = datetime.fromtimestamp(self.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        identity = self.shown["id"]
        return {
            "id": self.id,
            "object": "v2.core.event",
            "context": "acct_sandbox",
            "created": created,
            "livemode": False,
            "related_object": {"id": identity, "type": "invoice", "url": f"/v1/invoices/{identity}"},
            "type": self.type,
        }
