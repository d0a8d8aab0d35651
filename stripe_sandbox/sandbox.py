"""The sandbox itself: clock, books and journal, and the one way in which anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox.books import Books
from stripe_sandbox.calls import Traffic
from stripe_sandbox.clock import REAL_TIME, ClockSetting, FreshStart
from stripe_sandbox.customer import any_well_formed_customer
from stripe_sandbox.faults import Faults
from stripe_sandbox.late import LateCalls
from stripe_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from stripe_sandbox.clock import SandboxClock
    from stripe_sandbox.customer import CustomerPolicy
    from stripe_sandbox.journal import Journal, JournalEntry


class Sandbox:
    """One account's worth of Stripe metering.

    Without a journal it lives in memory only; with one, its books start from what the journal holds.
    ``seconds`` gives real monotonic seconds, for the rate limit. ``exists_unsigned`` decides about customers
    whom nobody created. Traffic, faults and late calls are of this process only.
    """

    def __init__(
        self,
        clock: SandboxClock,
        seconds: Callable[[], float],
        journal: Journal | None = None,
        exists_unsigned: CustomerPolicy = any_well_formed_customer,
    ) -> None:
        self.clock = clock
        self._seconds = seconds
        self._exists_unsigned = exists_unsigned
        self._start_over()
        self._journal = journal
        if journal is not None:
            for entry in journal.entries():
                self._adopt(entry)

    @property
    def keeps_state(self) -> bool:
        """Whether the books survive a restart."""
        return self._journal is not None

    def exists_unsigned(self, customer: str) -> bool:
        """Whether a customer whom nobody created is taken to exist."""
        return self.settings.unsigned_customers and self._exists_unsigned(customer)

    def record(self, entry: JournalEntry) -> None:
        """Let something become true: it enters the books at once and the journal with the next batch."""
        self._adopt(entry)
        if self._journal is not None:
            self._journal.append(entry)

    async def settled(self) -> None:
        """Wait until everything recorded so far would survive a crash. Raises ``StateFileError``.

        Every answer waits here, readings and refusals too: none may speak of a state that could be lost.
        """
        if self._journal is not None:
            await self._journal.settled()

    def _adopt(self, entry: JournalEntry) -> None:
        if isinstance(entry, FreshStart):
            self._start_over()
        elif isinstance(entry, Settings):
            self.settings = entry
        elif isinstance(entry, ClockSetting):
            self.clock.adopt(entry)
        else:
            self.books.enter(entry)

    def _start_over(self) -> None:
        self.books = Books()
        self.settings = Settings()
        self.faults = Faults()
        self.late = LateCalls()
        self.traffic = Traffic(self._seconds)
        self.clock.adopt(REAL_TIME)
