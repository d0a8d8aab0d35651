"""The embedded PostgreSQL server of one home: hold it, pin it, stop it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from fridge_pipeline.database import process_lock
from fridge_pipeline.database.embedded import binaries, cluster, postmaster
from fridge_pipeline.database.embedded.cluster import server_account
from fridge_pipeline.database.embedded.layout import (
    HOST,
    Layout,
    ServerStartError,
    choose_port,
    is_port_free,
    write_durably,
)
from fridge_pipeline.database.embedded.logins import APPLICATION, OWNER, ServerAddress, ensure_roles, read_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT_ATTEMPTS = 3  # another program can take the port between our look and the server's

logger = logging.getLogger(__name__)


class EmbeddedServer:
    """The server of one home (``FRIDGE_HOME/postgres``), shared by every process that names the same home.

    Making the object opens nothing. A process that is killed, SIGTERM included, gives up its hold at once
    (the kernel does it), but stops nothing: the server then runs on until the next holder leaves, or
    ``stop``. A forked child shares the hold of its parent, so leave ``hold`` in the process that entered it.
    Every method may raise the errors of ``layout``.
    """

    def __init__(self, home: Path) -> None:
        self._layout = Layout(home)

    @contextmanager
    def hold(self) -> Iterator[ServerAddress]:
        """Keep the server up for the time of a ``with`` block, starting it if it does not run.

        Yields the owner's login. The last holder to leave stops the server, unless it is pinned. Holds may be nested
        and shared by threads.
        """
        with self._holding(pin=False) as address:
            yield address

    def pin(self) -> ServerAddress:
        """Start the server if it does not run, and keep it up without holders until ``stop``."""
        with self._holding(pin=True) as address:
            return address

    def ensure_running(self) -> ServerAddress:
        """Where the server answers now; started again, on the same port, if it has died.

        For a supervisor's loop, inside ``hold``: without one, nobody is there to stop what it starts.
        """
        self._layout.prepare()
        with process_lock.exclusive(self._layout.start_lock) as lock:
            return self._ensure_running(lock)

    def signed_in(self, address: ServerAddress, role: str) -> ServerAddress:
        """The same server for another of its logins than the owner: see ``logins``."""
        return replace(address, user=role, password=read_password(self._layout, role))

    def restore_logins(self) -> None:
        """Gives finance's login the password of its file and the bounds of a reader; starts the server if need be."""
        self._layout.prepare()
        with process_lock.exclusive(self._layout.start_lock) as lock:
            ensure_roles(self._layout, self._ensure_running(lock).port)

    def stop(self) -> bool:
        """Unpin the server and stop it now; says whether it ran.

        An explicit stop stops: holders lose their connections (it is logged that there were some), and one
        that calls ``ensure_running`` in a loop, as ``fridge up`` does, will start the server again.
        """
        if not self._layout.home.exists():
            return False
        self._layout.prepare()
        with process_lock.exclusive(self._layout.start_lock):
            self._layout.pinned.unlink(missing_ok=True)
            held = process_lock.is_held(self._layout.holders_lock)
            was_running = self._stop()
        if was_running and held:
            logger.warning("the embedded PostgreSQL of %s was stopped while others held it", self._layout.home)
        return was_running

    def is_pinned(self) -> bool:
        """Whether the server is to stay up without holders."""
        return self._layout.pinned.exists()

    def unpin(self) -> None:
        """Let the last holder stop the server again."""
        self._layout.prepare()
        with process_lock.exclusive(self._layout.start_lock):
            self._layout.pinned.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """Whether the server process lives now (it may still be starting)."""
        return self.process_id() is not None

    def process_id(self) -> int | None:
        """Of the server process that lives now."""
        process = postmaster.find(self._layout.data) if self._layout.data.exists() else None
        return None if process is None else process.pid

    @contextmanager
    def _holding(self, *, pin: bool) -> Iterator[ServerAddress]:
        self._layout.prepare()
        # Whoever waits here waits for the last leaver: it keeps the lock exclusively while stopping the server.
        with process_lock.shared(self._layout.holders_lock) as holders:
            try:
                with process_lock.exclusive(self._layout.start_lock) as lock:
                    address = self._ensure_running(lock)
                    if pin:
                        write_durably(self._layout.pinned, "until 'fridge db stop'\n")
                yield address
            finally:
                if process_lock.is_alone(holders):
                    self._stop_unless_pinned()

    def _stop_unless_pinned(self) -> None:
        with process_lock.exclusive(self._layout.start_lock):
            if not self._layout.pinned.exists():
                self._stop()

    def _stop(self) -> bool:
        was_running = postmaster.stop(self._layout)
        binaries.remove_copies(self._layout.home)
        return was_running

    def _ensure_running(self, lock: int) -> ServerAddress:
        process = postmaster.find(self._layout.data) if self._layout.data.exists() else None
        if process is None or not postmaster.wait_until_ready(self._layout, process):
            self._start(lock)
        record = postmaster.read_record(self._layout.data)
        if record is None:
            raise ServerStartError(f"PostgreSQL ended right after its start; see {self._layout.log}")
        if not self._layout.password_file(APPLICATION).exists():
            ensure_roles(self._layout, record.port)  # started by an earlier version, which did not have it
        password = read_password(self._layout, OWNER)
        return ServerAddress(HOST, record.port, OWNER, password, OWNER)

    def _start(self, lock: int) -> None:
        layout = self._layout
        postmaster.clear_remains(layout.data)
        account = server_account(layout.data)
        programs = binaries.programs_for(account, layout.home)
        if not layout.data.exists():
            cluster.create(layout, programs, account, lock)
        cluster.check_version(layout)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = choose_port(layout)
            try:
                postmaster.start(layout, programs, account, port)
            except ServerStartError:
                if attempt == PORT_ATTEMPTS or is_port_free(port):
                    raise  # the port was not the reason, or we are out of luck
            else:
                ensure_roles(layout, port)
                return
