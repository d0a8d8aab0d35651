"""Who may do what: the pipeline's role, and that of finance."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from fridge_pipeline.database.queries import statement

#: Loads, counts, states and signs; changes no schema, and nothing that is append only.
PIPELINE = "fridge_pipeline"

#: Reads the marts and nothing else.
FINANCE = "fridge_finance"


def create_roles(connection: psycopg.Connection) -> bool:
    """Makes both roles where they are missing; says whether whoever is signed in may do that, or they exist."""
    try:
        with connection.transaction():
            connection.execute(statement("create_roles"))
    except psycopg.errors.InsufficientPrivilege:
        return acts_as(connection, PIPELINE)
    return True


def grant_rights(connection: psycopg.Connection, marts: Sequence[str]) -> None:
    """Brings the rights of the roles that there are up to the tables that there are; the owner's task."""
    with connection.transaction():
        connection.execute(statement("grant_rights"), {"marts": list(marts)})


def owns_schema(connection: psycopg.Connection) -> bool:
    """Whether whoever is signed in owns the schema."""
    row = connection.execute(statement("owns_schema")).fetchone()
    return bool(row and row[0])


def acts_as(connection: psycopg.Connection, role: str) -> bool:
    """Whether whoever is signed in may take a role's place."""
    row = connection.execute(statement("acts_as"), {"role": role}).fetchone()
    return bool(row and row[0])
