"""Test clocks: a time of their own for the customers on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

LIFE = 30 * 86_400  # seconds
MOST_CUSTOMERS = 3  # of one clock
MOST_INTERVALS = 2  # of its shortest subscription, in one advance


@dataclass(frozen=True)
class TestClock:
    """One test clock as it stands; one kind of journal entry. It advances while it has a ``target``."""

    id: str
    created: int
    frozen_time: int
    name: str | None = None
    target: int | None = None
    deleted: bool = False

    __test__ = False  # pytest would take the class for tests

    def at(self, moment: int, *, arrived: bool) -> TestClock:
        """The clock at a later moment; it goes on advancing unless it has ``arrived``."""
        return replace(self, frozen_time=moment, target=None if arrived else self.target)

    def as_stripe(self) -> dict[str, object]:
        """The ``test_helpers.test_clock`` object, or what Stripe shows of a deleted one."""
        if self.deleted:
            return {"id": self.id, "object": "test_helpers.test_clock", "deleted": True}
        details = {} if self.target is None else {"advancing": {"target_frozen_time": self.target}}
        return {
            "id": self.id,
            "object": "test_helpers.test_clock",
            "created": self.created,
            "deletes_after": self.created + LIFE,
            "frozen_time": self.frozen_time,
            "livemode": False,
            "name": self.name,
            "status": "ready" if self.target is None else "advancing",
            "status_details": details,
        }
