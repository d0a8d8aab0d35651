"""The passwords of the server's roles: random, in files of mode 0600, known to the server as verifiers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from fridge_pipeline.database.embedded import layout as files
from fridge_pipeline.database.embedded.server_errors import DataDirectoryError

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.layout import Layout

SUPERUSER = "postgres"
#: Owns the schema: migrations sign in with it, and daily work does not.
OWNER = "fridge"
#: What daily work signs in with: a member of ``fridge_pipeline``, and the owner of Dagster's database.
APPLICATION = "fridge_app"
FINANCE = "fridge_finance"
PASSWORD_BYTES = 32
SALT_BYTES = 16
# Iterations slow down guessing. A random 256-bit password cannot be guessed, and one iteration instead of
# the default 4096 halves the cost of every new connection (3.8 ms instead of 7.2 ms measured).
ITERATIONS = 1


def read_or_create(layout: Layout, role: str) -> str:
    """The password of a role, made on first use and the same ever after."""
    file = layout.password_file(role)
    if not file.exists():
        files.write_durably(file, secrets.token_hex(PASSWORD_BYTES) + "\n")
    return file.read_text().strip()


def read(layout: Layout, role: str) -> str:
    """The password of a role of an existing server. Raises ``DataDirectoryError`` when its file is gone."""
    file = layout.password_file(role)
    if not file.exists():
        raise DataDirectoryError(
            f"{file} is missing, but {layout.data} was made with the password in it: put the file back "
            "from a backup; without it nobody can sign in to this server"
        )
    return file.read_text().strip()


def verifier(password: str) -> str:
    """What PostgreSQL stores instead of a password: RFC 5803, ``SCRAM-SHA-256$rounds:salt$stored:server``."""
    salt = secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
