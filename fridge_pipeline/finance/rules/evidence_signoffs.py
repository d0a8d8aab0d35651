"""Who signed the month of an evidence pack: the two people of the closing, as its table of sign-offs names them.

Standard library only, like the format.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path, unguarded
from fridge_pipeline.finance.rules.evidence_rows import rows_of_csv

SIGNOFFS = table_path("month_signoffs")


@dataclass(frozen=True, slots=True)
class Signoff:
    """One of the two: the name that was typed, the login that the database knew (earlier packs have none), and when."""

    name: str
    login: str
    signed_at: str

    @property
    def person(self) -> str:
        """Who it was: what was typed is a label only, where there is a login."""
        return self.login or self.name

    def __str__(self) -> str:
        return f"{self.person} ({f'as {self.name}, ' if self.name != self.person else ''}{self.signed_at})"

    def is_of(self, person: str) -> bool:
        """Whether a person is meant; case and blanks do not tell people apart."""
        return plain_name(person) == plain_name(self.person)


@dataclass(frozen=True, slots=True)
class Signoffs:
    """A closed month has both."""

    month: str
    prepared: Signoff
    approved: Signoff

    def __str__(self) -> str:
        return f"{self.month} was prepared by {self.prepared} and approved by {self.approved}"


def read_signoffs(month: str, lines: Iterable[str]) -> Signoffs:
    """The last preparation and approval. Raises ``DoesNotHoldError`` unless there are both, by two people."""
    rows = rows_of_csv(SIGNOFFS, lines)
    columns = next(rows, [])
    if missing := {"action", "signed_by", "signed_at"} - set(columns):
        raise DoesNotHoldError(f"{SIGNOFFS} has no column {', '.join(sorted(missing))}")
    last: dict[str, Signoff] = {}
    for row in rows:
        said = dict(zip(columns, map(unguarded, row), strict=True))
        if said["action"] in {"prepare", "approve"}:
            last[said["action"]] = Signoff(said["signed_by"], said.get("acted_by", ""), said["signed_at"])
    if "prepare" not in last or "approve" not in last:
        raise DoesNotHoldError(f"{SIGNOFFS} does not say who prepared {month} and who approved it")
    found = Signoffs(month, last["prepare"], last["approve"])
    if found.prepared.is_of(found.approved.person):
        raise DoesNotHoldError(f"{SIGNOFFS} says that {found.approved.person} both prepared and approved {month}")
    return found


def plain_name(name: str) -> str:
    """What tells one person from another."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()
