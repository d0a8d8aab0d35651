"""The server's settings. They stand on its command line, so an existing data directory gets them too."""

from __future__ import annotations

HOST = "127.0.0.1"

SETTINGS = {
    "listen_addresses": HOST,  # this machine only
    "unix_socket_directories": "",  # socket paths end at 107 characters, project paths do not
    "password_encryption": "scram-sha-256",
    # Iterations slow down guessing. Nobody guesses 256 random bits, and one instead of the usual 4096 halves the cost
    # of every new connection (3.8 ms instead of 7.2 ms measured).
    "scram_iterations": "1",
    "max_connections": "200",  # Dagster opens one per statement, next to webserver, daemon and runs
    "max_locks_per_transaction": "256",  # a query over years of partitions locks every one of them
    "shared_buffers": "256MB",  # the hot months of a laptop's data, without crowding out polars
    "max_wal_size": "2GB",  # a five-million-row load in one checkpoint, not in several
    "timezone": "UTC",  # hours are UTC hours
    "log_timezone": "UTC",
    "jit": "off",  # queries are short: compiling them costs more than it saves
    "log_min_messages": "warning",
    "log_checkpoints": "off",  # two lines every few minutes would be most of the log
    "fsync": "on",  # said aloud, because billing stands on it: what was committed survives a power cut
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


def as_arguments(values: dict[str, str]) -> list[str]:
    """Settings as arguments of the ``postgres`` program."""
    return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
