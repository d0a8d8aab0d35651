"""The stamp of a report or pack: of what, from which books, made by whom and with which program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fridge_pipeline.calendar.days import Month

#: What stands largest: where the usage of these books goes.
KINDS = {"live": "LIVE", "test": "TEST", "sandbox": "SANDBOX", "rehearsal": "TEST OR SANDBOX"}
NOTHING_STATED = "NOTHING STATED TO STRIPE"


@dataclass(frozen=True, slots=True)
class StripeUse:
    """Where usage of these books went from some time on: ``mode`` live, test, sandbox, or rehearsal for one of both.

    ``host`` is ``None`` where nobody recorded it, ``account_id`` where Stripe was not asked or did not say.
    """

    mode: str
    host: str | None
    account_id: str | None
    used_since: datetime

    def __str__(self) -> str:
        where = self.host or "host not recorded"
        account = self.account_id or ("no account" if self.mode == "sandbox" else "account not read")
        return f"{KINDS[self.mode]} ({where}, {account})"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What identifies a report: period, books, maker and program; no secret."""

    month: Month
    stripe: tuple[StripeUse, ...]
    parameters: Mapping[str, object]
    rows: Mapping[str, int]
    program: Mapping[str, str]
    made_by: str
    login: str
    os_user: str | None
    os_host: str | None
    books_at: datetime

    @property
    def kind(self) -> str:
        """LIVE, TEST or SANDBOX, all of them where usage of the month went to several."""
        return " AND ".join(dict.fromkeys(KINDS[use.mode] for use in self.stripe)) or NOTHING_STATED

    @property
    def line(self) -> str:
        """All that fits on every sheet and printed page."""
        accounts = ", ".join(dict.fromkeys(use.account_id for use in self.stripe if use.account_id))
        return (
            f"{self.kind}{f' {accounts}' if accounts else ''}, {self.month}, books of {self.books_at:%Y-%m-%d %H:%M} "
            f"UTC, made by {self.made_by}, program {self.program['version']} {self.program['commit'][:12]}"
        )

    def lines(self) -> list[tuple[str, str]]:
        """Everything, as label and text."""
        period = f"{self.month.start:%Y-%m-%d %H:%M} to {self.month.end:%Y-%m-%d %H:%M} UTC, the end not included"
        os_user = f"{self.os_user or 'user not known'} on {self.os_host or 'a machine not known'}"
        return [
            ("Stripe", "; ".join(map(str, self.stripe)) or NOTHING_STATED.capitalize()),
            ("Period", period),
            ("Filters", "none: all tenants and meters"),
            ("Parameters", ", ".join(f"{name} {value}" for name, value in self.parameters.items())),
            ("Rows", ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in self.rows.items())),
            ("Program", f"fridge_pipeline {self.program['version']}, commit {self.program['commit']}"),
            ("Source", f"SHA-256 {self.program['source_sha256']}"),
            ("Made by", f"{self.made_by}, database login {self.login}, {os_user}"),
            ("Moment of the books", f"{self.books_at:%Y-%m-%d %H:%M:%S} UTC"),
        ]
