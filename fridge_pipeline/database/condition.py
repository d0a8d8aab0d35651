"""The condition of the database: its version, its clock, and how it is reached."""

from __future__ import annotations

import ipaddress
from datetime import datetime

import psycopg

from fridge_pipeline.database.queries import statement


def server_version(connection: psycopg.Connection) -> int:
    """As the server counts it: 180001 for 18.1."""
    return connection.info.server_version


def unsuitable_defaults(connection: psycopg.Connection) -> dict[str, str]:
    """Parameters of this session that we cannot work with and cannot set, with what they are."""
    return dict(connection.execute(statement("unsuitable_defaults")).fetchall())


def server_clock(connection: psycopg.Connection) -> datetime:
    """What time it is for the server."""
    row = connection.execute(statement("server_clock")).fetchone()
    if row is None:
        raise LookupError("the server did not tell its time")
    moment: datetime = row[0]
    return moment


def is_private(connection: psycopg.Connection) -> bool:
    """Whether nobody on the way can read along: encrypted, or on this machine."""
    host = connection.info.host
    if connection.pgconn.ssl_in_use or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
