"""The people of the tests: logins of the test server, registered in every database that is made of the template."""

from __future__ import annotations

import psycopg

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.people_record import Role, add_person

PASSWORD = "for tests alone"

#: Who may what; bob has two roles, and is one person all the same.
PEOPLE = {
    "ada": [Role.PREPARER],
    "grace": [Role.APPROVER],
    "bob": [Role.PREPARER, Role.APPROVER],
    "olga": [Role.OPERATOR],
    "oscar": [Role.OPERATOR],
}


def add_people(superuser: psycopg.Connection) -> None:
    """All of them."""
    for login, roles in PEOPLE.items():
        for role in roles:
            add_person(superuser, login, role, PASSWORD)


def signed_in(database: Database, login: str) -> Database:
    """The database, with acts recorded as this person's."""
    return database.as_person(login, PASSWORD)
