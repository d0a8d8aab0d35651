"""A session of ours: the same whatever a server, a database or a role has made the defaults of its sessions."""

from __future__ import annotations

#: Everything that would change a result, an order of events or a right, and that any role may set for itself.
#: PostgreSQL's own defaults, but for the time zone: hours are UTC hours.
_PARAMETERS = {
    "timezone": "UTC",
    "datestyle": "ISO,MDY",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "search_path": '"$user",public',
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "check_function_bodies": "on",
    "exit_on_error": "off",
    "default_transaction_isolation": "read committed",  # locks and marks rely on seeing what others have committed
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}


def session_options(given: str | None, **changed: str) -> str:
    """The value of libpq's ``options``: what the DSN gives first, so that ours hold."""
    ours = [f"-c {name}={_escaped(value)}" for name, value in {**_PARAMETERS, **changed}.items()]
    return " ".join([*([given] if given else []), *ours])


def _escaped(value: str) -> str:
    """PostgreSQL splits the options at blanks that no backslash stands before."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
