"""The real parts that the settings name: the books, the landing zone, and Stripe. Nothing opens what it does not need.

Who takes a ``Ledger`` cannot call Stripe: a signature shows what a step touches (law L9).
"""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fridge_pipeline.billing.delivery_record import require_own_books
from fridge_pipeline.billing.open_stripe import billing_start, keep_billing_start
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.measure_record import keep_measures, require_same_measures, require_same_meters
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database, SystemUser
from fridge_pipeline.database.embedded.logins import APPLICATION, FINANCE, METRICS, SUPERUSER
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.database.run import AtFailpoint, Run, pass_by
from fridge_pipeline.ingest.landing_record import has_landing_files
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.ingest.rules.source import numbers_of
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER, Settings
from fridge_pipeline.stripe.local_sandbox import LocalSandbox
from fridge_pipeline.stripe.rules.api_key import KeyMode, stripe_location

if TYPE_CHECKING:
    from fridge_pipeline.ingest.landing.zone import LandingZone
    from fridge_pipeline.stripe.gateway import StripeGateway


class BillingStartDiffersError(RuntimeError):
    """A process was told to bill from another hour on than the books say."""


def utc_now() -> datetime:
    """The clock; everything below takes it as an argument."""
    return datetime.now(UTC)


def system_user() -> SystemUser:
    """Who runs this process and where, by the kernel: no variable of the environment says it."""
    user_id = os.geteuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # as in a container with a user of its own
        name = f"user id {user_id}"
    return SystemUser(name, socket.gethostname())


class Ledger:
    """The books, and what all work on them needs: settings, clock and database. ``open_ledger`` makes one."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock

    @cached_property
    def billing_start(self) -> BillingStart:
        """From which hour on usage is stated, as the books say; looked up when it is first asked for."""
        with self.database.connect() as connection:
            return billing_start(connection)

    def require_agreed_start(self) -> None:
        """For processes that bill without deciding from when: raises ``BillingStartDiffersError``."""
        wanted = self.settings.bill_from
        if wanted is not None and wanted != self.billing_start:
            raise BillingStartDiffersError(
                f"FRIDGE_BILL_FROM is {wanted} in this process, and the books say {self.billing_start}: nothing was "
                "done. fridge up, fridge serve code and fridge bill write it into the books; give all processes the "
                "same, or none"
            )

    def require_own_books(self) -> None:
        """Raises ``WrongBooksError`` for a live key over books of a rehearsal, also when nothing is to be sent."""
        if self.settings.key_mode is KeyMode.LIVE and self.settings.live_stripe_allowed:
            with self.database.connect() as connection:
                require_own_books(connection, is_live=True)

    def keep_measures(self) -> None:
        """Says in the books what is counted from now on. Raises errors of ``catalogue.measure_record``."""
        with self.database.connect() as connection:
            require_same_meters(connection, self.catalogue)
            keep_measures(connection, self.settings.measures, self.clock(), numbers_of(self.settings.sources))

    def as_run(self, run_id: str, at_failpoint: AtFailpoint = pass_by) -> Run:
        """What the steps of a run, or of a command, share."""
        return Run(self.database, self.catalogue, self.clock, run_id, at_failpoint)

    @property
    def catalogue(self) -> tuple[Meter, ...]:
        """The meters that usage is stated to."""
        return self.settings.catalogue

    @property
    def stripe_location(self) -> str:
        """Where usage goes, to show to people; opens nothing."""
        return stripe_location(self.settings.key_mode, self.settings.stripe_base)

    def report_folder(self, month: Month) -> Location:
        """Where the month's report of the asset stands; made when it is written."""
        return self.settings.archive / "reports" / month.key

    @property
    def report_address(self) -> str:
        """Under which folders of months are opened in a browser."""
        return self.settings.reports_url or (self.settings.archive / "reports").as_uri()

    def grid(self) -> HourRange:
        """The partition grid up to the hour that is running now."""
        return HourRange(self.settings.partitions_start, Hour.containing(self.clock()))


@dataclass(frozen=True, slots=True)
class Landing:
    """Where gateways deliver."""

    ledger: Ledger

    @property
    def zone(self) -> LandingZone:
        """The landing zone; our own default folder is made before the first file, and never another one.

        Made again, it would look like a landing zone in which nothing was delivered.
        """
        from fridge_pipeline.ingest.landing.zone import open_landing_zone  # noqa: PLC0415 # brings clients of buckets

        settings = self.ledger.settings
        if settings.landing_is_default and not Path(settings.landing_uri).exists():
            with self.ledger.database.connect() as connection:
                if not has_landing_files(connection):
                    Path(settings.landing_uri).mkdir(parents=True, exist_ok=True)
        return open_landing_zone(settings.landing_uri, settings.sources)


class Stripe:
    """Stripe, or the sandbox in its place; nothing is started or called before the gateway is asked for."""

    def __init__(self, ledger: Ledger, stack: ExitStack) -> None:
        self._ledger = ledger
        self._stack = stack
        self._gateway: StripeGateway | None = None

    def gateway(self) -> StripeGateway:
        """The door to Stripe, opened at the first call.

        Without a key and an address the local sandbox is started, and gets the catalogue's meters.
        Raises ``LiveKeyRefusedError``, ``WrongBooksError`` and ``SandboxStartError``.
        """
        if self._gateway is None:
            # They bring Stripe's SDK, which takes longer than all else: most commands never ask for the gateway.
            from fridge_pipeline.stripe.gateway import StripeGateway  # noqa: PLC0415
            from fridge_pipeline.stripe.retries import RateLimiter  # noqa: PLC0415

            settings = self._ledger.settings
            key = settings.api_key()
            self._ledger.require_own_books()
            base = settings.stripe_base
            if settings.uses_local_sandbox:
                base = self._stack.enter_context(LocalSandbox(settings.home / "sandbox").hold())
            limiter = RateLimiter(settings.calls_per_second(), time.monotonic, time.sleep)
            self._gateway = StripeGateway(key, base, limiter, self._ledger.billing_start)
            if settings.stripe_key is None:
                self._prepare_sandbox(self._gateway)
        return self._gateway

    def _prepare_sandbox(self, gateway: StripeGateway) -> None:
        """Without a key there is only a sandbox, which gets the catalogue's meters by itself."""
        from fridge_pipeline.stripe.gateway import StripeCallError  # noqa: PLC0415
        from fridge_pipeline.stripe.writes import create_missing_meters  # noqa: PLC0415 # as above

        try:
            create_missing_meters(gateway, self._ledger.catalogue)
        except StripeCallError as error:
            # An unreachable one is reported by the delivery, with what waits for it and what happens next.
            if error.reached:
                raise

    def dashboard_of_meters(self) -> dict[str, str]:
        """The page of each meter in Stripe's dashboard, as far as Stripe was asked; none for a sandbox."""
        if self._gateway is None:
            return {}
        from fridge_pipeline.stripe.reads import dashboard_of_meters  # noqa: PLC0415 # as above

        return dashboard_of_meters(self._gateway)

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Keeps the local sandbox, where it is used, up across several runs instead of starting it for each."""
        settings = self._ledger.settings
        with ExitStack() as stack:
            if settings.uses_local_sandbox:
                stack.enter_context(LocalSandbox(settings.home / "sandbox").hold())
            yield


class Installation(NamedTuple):
    """All three, for a command that needs more than the books."""

    ledger: Ledger
    landing: Landing
    stripe: Stripe


@contextmanager
def open_ledger(
    settings: Settings, clock: Callable[[], datetime] = utc_now, *, decides_start: bool = False
) -> Iterator[Ledger]:
    """Opens the books with their schema up to date; what was started for them stops when the last user leaves.

    Only a process that ``decides_start`` writes its ``FRIDGE_BILL_FROM`` into the books: whoever only looks moves
    nothing. Raises ``DatabaseUnreachableError``, ``SharedFolderError``, the embedded server's errors, those of
    ``keep_billing_start`` and ``Ledger.keep_measures``, and for such a process ``WrongBooksError``.
    """
    with ExitStack() as stack:
        make_private(settings.home)
        found, owner = logins(settings, stack)
        shared = not settings.uses_embedded_server  # with code of another version, perhaps
        database = prepare_database(found, MODELS_FOLDER, clock(), owner=owner, leave_newer=shared).database
        ledger = Ledger(settings, database, clock)
        if decides_start:
            ledger.require_own_books()
            ledger.keep_measures()
        elif settings.measures or numbers_of(settings.sources):
            with database.connect() as connection:
                require_same_measures(connection, settings.measures, numbers_of(settings.sources))
        if decides_start and settings.bill_from is not None:
            with database.connect() as connection:
                keep_billing_start(connection, settings.bill_from, settings.catalogue, clock())
        yield ledger


@contextmanager
def open_stripe(ledger: Ledger) -> Iterator[Stripe]:
    """Stripe for these books; a sandbox that was started for it stops when the last user leaves."""
    with ExitStack() as stack:
        yield Stripe(ledger, stack)


@contextmanager
def open_installation(settings: Settings, *, decides_start: bool = False) -> Iterator[Installation]:
    """Books, landing zone and Stripe together; raises what ``open_ledger`` does."""
    with open_ledger(settings, decides_start=decides_start) as ledger, open_stripe(ledger) as stripe:
        yield Installation(ledger, Landing(ledger), stripe)


def logins(settings: Settings, stack: ExitStack) -> tuple[Database, Database]:
    """How daily work signs in, and how the owner of the schema does.

    The embedded server is held until the stack closes. Of a server elsewhere we know the one login that
    FRIDGE_DATABASE_URL names, and it is used for both.
    """
    here = system_user()
    if settings.database_url is not None:
        named = Database(settings.database_url, system_user=here)
        return named, named
    server = EmbeddedServer(settings.home / "postgres")
    owner = stack.enter_context(server.hold())
    daily = Database(server.signed_in(owner, APPLICATION).dsn(), system_user=here)
    return daily, Database(owner.dsn(), system_user=here)


def finance_login(settings: Settings, stack: ExitStack) -> Database | None:
    """How finance signs in: as FRIDGE_FINANCE_DATABASE_URL says, else to the embedded server; else nobody knows."""
    if settings.finance_url is not None:
        return Database(settings.finance_url)
    return _embedded_login(settings, stack, FINANCE) if settings.uses_embedded_server else None


def metrics_login(settings: Settings, stack: ExitStack) -> Database:
    """How the metrics sign in: as FRIDGE_DATABASE_URL says, else to the embedded server, as a role of their own."""
    return Database(settings.database_url) if settings.database_url else _embedded_login(settings, stack, METRICS)


def _embedded_login(settings: Settings, stack: ExitStack, role: str) -> Database:
    """Holds the embedded server until the stack closes."""
    server = EmbeddedServer(settings.home / "postgres")
    return Database(server.signed_in(stack.enter_context(server.hold()), role).dsn())


@contextmanager
def administrator_login(settings: Settings) -> Iterator[Database]:
    """Who makes logins for people: the embedded server's superuser; elsewhere FRIDGE_DATABASE_URL has to be one."""
    with ExitStack() as stack:
        dsn = settings.database_url or _embedded_login(settings, stack, SUPERUSER).dsn
        yield Database(dsn, system_user=system_user())
