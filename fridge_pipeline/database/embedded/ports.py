"""The TCP port of the server: chosen once, kept, and left only when another program has taken it."""

from __future__ import annotations

import logging
import secrets
import socket
from typing import TYPE_CHECKING

from fridge_pipeline.database.embedded import layout as files
from fridge_pipeline.database.embedded.server_errors import ServerStartError
from fridge_pipeline.database.embedded.server_settings import HOST

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.layout import Layout

# Below 30000 no kernel hands out ports to outgoing connections (Linux starts at 32768, macOS at 49152) and
# no Kubernetes node service sits, so the port is most likely still free after a restart.
FIRST_PORT, LAST_PORT = 20000, 29999
ATTEMPTS = 200

logger = logging.getLogger(__name__)


def choose(layout: Layout) -> int:
    """The kept port if it is free, else a new one, which is kept from then on; a change is logged."""
    kept = int(layout.port.read_text()) if layout.port.exists() else None
    if kept is not None and is_free(kept):
        return kept
    for _ in range(ATTEMPTS):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        if is_free(port):
            break
    else:
        raise ServerStartError(f"none of {ATTEMPTS} ports tried from {FIRST_PORT} to {LAST_PORT} is free on {HOST}")
    files.write_durably(layout.port, f"{port}\n")
    if kept is not None:
        logger.warning("another program has taken port %d; the embedded PostgreSQL moves to port %d", kept, port)
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of this machine now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
