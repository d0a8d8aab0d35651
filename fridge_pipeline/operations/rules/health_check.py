"""Health checks: the state of one part of the installation, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from fridge_pipeline.calendar.hours import Hour, plan_ranges
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.ingest.rules.losses import SHOWN_MAX, LandingLosses, gone_told
from fridge_pipeline.reason_codes import advised, kind_of

#: A clock that is off by seconds stamps oddly. By a minute, hours close early, and Stripe refuses what lies more than
#: five minutes ahead of its own.
SKEW_NOTED, SKEW_MAX = timedelta(seconds=5), timedelta(seconds=60)

#: So long a restore is told of: Stripe takes usage of the last 35 days.
RESTORE_NOTED = timedelta(days=35)

#: ``nulls not distinct`` is what keeps one open exception per difference; tested is the newest.
POSTGRES_MIN, POSTGRES_TESTED = 15, 18


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # for a person to look at: it stops nothing
    WRONG = "WRONG"  # something does not work


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The state of one part of the installation; ``do`` is what to do about it, empty when nothing is to be done."""

    check: str
    grade: Grade
    text: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.grade.value:<5} {self.check}: {self.text}" + (f"; {self.do}" if self.do else "")

    def as_dict(self) -> dict[str, str]:
        """For a program."""
        return {"check": self.check, "grade": self.grade.value.lower(), "text": self.text, "do": self.do}


def judge_postgres(place: str, server_version: int, schema: int, *, is_private: bool) -> list[HealthCheck]:
    """Version, schema and connection of the database; ``server_version`` as the server counts it, 180001 for 18.1."""
    major, shown = server_version // 10_000, f"{server_version // 10_000}.{server_version % 10_000}"
    text = f"{place}, PostgreSQL {shown}, schema {schema:04d}"
    if major < POSTGRES_MIN:
        return [HealthCheck("database", Grade.WRONG, text, f"use PostgreSQL {POSTGRES_MIN} or newer")]
    found = [HealthCheck("database", Grade.OK, text)]
    if major != POSTGRES_TESTED:
        do = f"try a copy of the books first: tested is {POSTGRES_TESTED}"
        found = [HealthCheck("database", Grade.WARN, text, do)]
    if not is_private:
        do = "add sslmode=verify-full to FRIDGE_DATABASE_URL"
        found.append(HealthCheck("database", Grade.WARN, f"the connection to {place} is not encrypted", do))
    return found


def judge_skew(check: str, of: str, skew: timedelta) -> HealthCheck:
    """How far another clock is ahead of ours."""
    seconds = abs(skew.total_seconds())
    text = f"{of} is {seconds:.1f} s {'ahead of' if skew > timedelta(0) else 'behind'} this machine"
    if abs(skew) <= SKEW_NOTED:
        return HealthCheck(check, Grade.OK, text)
    grade = Grade.WARN if abs(skew) <= SKEW_MAX else Grade.WRONG
    return HealthCheck(check, grade, text, "set the clocks by NTP (timedatectl set-ntp true)")


def judge_landing(hours: int, shown: str, losses: LandingLosses) -> list[HealthCheck]:
    """Whether the landing zone is the one that the books know, and what in it nobody loads; the first few by name."""
    found = [HealthCheck("landing zone", Grade.OK, f"{hours} landing hours in {shown}")]
    if losses.gone:
        do = f"mount or restore it, or correct FRIDGE_LANDING_URI, which is {shown}"
        found = [HealthCheck("landing zone", Grade.WRONG, gone_told(losses.gone), do)]
    if losses.replaced is not None:
        do = f"fridge exceptions --kind landing_replaced; the landing zone is {shown}"
        found = [HealthCheck("landing zone", Grade.WRONG, losses.replaced.told, do)]
    strays = losses.strays.names()
    names = [f"{path} is in no landing hour and is not loaded" for path in strays.first]
    if strays.count > len(names):
        names.append(f"{strays.count - len(names)} more files and folders are in no landing hour")
    do = "files belong into <YYYY-MM-DD>/<HH>/ such as 2026-01-24/09/"
    found += [HealthCheck("landing zone", Grade.WRONG, name, do) for name in names]
    ahead = [each.told for each in losses.ahead[:SHOWN_MAX]]
    if len(losses.ahead) > len(ahead):
        ahead.append(f"{len(losses.ahead) - len(ahead)} more landing folders have not begun")
    do = "move its files into the folder of the hour in which they arrived, and set the clock that named it"
    return [*found, *(HealthCheck("landing zone", Grade.WRONG, told, do) for told in ahead)]


def judge_readers(drifts: Sequence[str], refusal: str | None) -> HealthCheck:
    """What finance's logins can do beyond reading; ``refusal`` is why the embedded server's cannot sign in."""
    found = [*drifts, *([f"finance cannot sign in ({refusal})"] if refusal else [])]
    if not found:
        return HealthCheck("readers", Grade.OK, "finance's logins can read, and are bounded")
    more = f" and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    do = "fridge migrate mends what it may, and prints what an administrator has to run"
    return HealthCheck("readers", Grade.WARN, "; ".join(found[:SHOWN_MAX]) + more, do)


def judge_billing_start(start: BillingStart, told: BillingStart | None, now: datetime) -> HealthCheck:
    """Which hours are only counted, and whether the books have been told what this process was, if it was.

    Worth a look while the hour that is running now is only counted.
    """
    if told is not None and told != start:
        text = f"FRIDGE_BILL_FROM is {told} here, and in the books {start.restriction or 'every hour is stated'}"
        return HealthCheck(
            "billing", Grade.WARN, text, "fridge up, fridge serve code or fridge bill write it into the books"
        )
    if start.restriction is None:
        return HealthCheck("billing", Grade.OK, "usage of every hour is stated to Stripe")
    if start.bills(Hour.containing(now)):
        return HealthCheck("billing", Grade.OK, start.restriction)
    return HealthCheck(
        "billing", Grade.WARN, start.restriction, "FRIDGE_BILL_FROM says from which hour on usage is stated"
    )


class Unread(NamedTuple):
    """Days that were not compared with Stripe's sums, counted for each of the ``pairs`` of customer and meter."""

    pairs: int
    days: int
    stated_days: int
    first_day: date | None
    last_day: date | None


def judge_reads(made: int, reads_max: int, unread: Unread) -> HealthCheck:
    """Whether every customer of every meter was compared with Stripe's own sums; a customer counts for each meter."""
    text = f"{made:,} of {reads_max:,} reads of Stripe in 30 days are made"
    if not unread.days:
        return HealthCheck("reads", Grade.OK, f"{text}; every customer is read for each of the last 35 days")
    asked = f"fridge reconcile --from {unread.first_day} --to {unread.last_day}"
    do = f"each morning continues with a share of the reads; to read now: {asked} (docs/runbook.md#doctor-reads)"
    told = (
        f"{unread.pairs:,} pairs of a customer and a meter lack {unread.days:,} days in all, {unread.stated_days:,} of "
        "them with statements"
    )
    return HealthCheck("reads", Grade.WARN, f"{text}; of the last 35 days {told}", do)


def judge_hours(undelivered: Sequence[Hour]) -> HealthCheck:
    """Closed hours that wait for their turn, or were left behind."""
    if not undelivered:
        return HealthCheck("hours", Grade.OK, "every closed hour is delivered or is among the exceptions")
    ranges = plan_ranges(undelivered)
    do = f"hourly_billing does them, or run: fridge bill --from {ranges[0].first} --to {ranges[-1].last}"
    noun = "hour is" if len(undelivered) == 1 else "hours are"
    text = f"{len(undelivered)} closed {noun} not delivered, the oldest {min(undelivered)}"
    return HealthCheck("hours", Grade.WARN, text, do)


def judge_shown_hours(missing: Mapping[str, Sequence[Hour]]) -> HealthCheck:
    """By asset the hours with landing files that the UI does not show as materialized; also those not delivered."""
    if not missing:
        return HealthCheck("shown hours", Grade.OK, "Dagster shows every hour that the books hold")
    told = ", ".join(f"{len(hours)} of {asset} (the first {hours[0]})" for asset, hours in missing.items())
    do = "the sensor wiped_hours runs them again, once a day; nothing is loaded or sent twice"
    return HealthCheck("shown hours", Grade.WARN, f"hours in the books that Dagster does not show: {told}", do)


def judge_ids(similar: Sequence[str], total: int) -> HealthCheck:
    """Ids that are probably one; ``similar`` are the first of ``total``."""
    if not total:
        return HealthCheck(
            "ids", Grade.OK, "no two differ only by case, leading zeros, a trailing .0 or exponent notation"
        )
    more = f" and {total - len(similar)} more" if total > len(similar) else ""
    text = f"{total} written in several ways, each counted by itself: {'; '.join(similar)}{more}"
    return HealthCheck(
        "ids", Grade.WARN, text, "have the gateway write each id in one way (docs/runbook.md#doctor-ids)"
    )


#: So often in a day sources are put back by hand at most; processes with other sources do so at each turn.
PUT_BACK_MAX = 2


def judge_sources(quiet: Mapping[str, int], put_back: int) -> HealthCheck:
    """Sources by name of which no row of the last day is a reading any more, with their rows.

    And whether they were ``put_back`` as they had been so often that processes must have different ones.
    """
    if put_back > PUT_BACK_MAX:
        text = f"put back as they were before {put_back} times in a day: another process has other FRIDGE_SOURCES"
        do = "give all processes the same and restart them; until then files without a reading are read at each turn"
        return HealthCheck("sources", Grade.WARN, text, do)
    if not quiet:
        return HealthCheck("sources", Grade.OK, "none has stopped bringing readings")
    told = ", ".join(f"{name} (of {rows} rows none)" for name, rows in quiet.items())
    text = f"no readings in the files of the last day any more: {told}"
    return HealthCheck(
        "sources", Grade.WARN, text, "fridge sources check on a new file; its where may ask for a word that has changed"
    )


def judge_exceptions(kinds: Mapping[str, int]) -> list[HealthCheck]:
    """What waits for a person, kind by kind."""
    if not kinds:
        return [HealthCheck("exceptions", Grade.OK, "none open")]
    return [
        HealthCheck("exceptions", Grade.WARN, f"{number} {kind} open: {kind_of(kind).means}", advised(kind))
        for kind, number in kinds.items()
    ]


def judge_packs(
    registered: Mapping[str, str], there: Sequence[ChainedPack], damaged: Sequence[str], archive: str
) -> list[HealthCheck]:
    """Whether books and archive know the same packs; ``registered`` is manifest → month, ``damaged`` says why each is.

    A pack that the books do not know is one that was made after the dump which they were restored from.
    """
    found = [
        HealthCheck("packs", Grade.WRONG, text, "put back the copy that was given outside")
        for text in damaged[:SHOWN_MAX]
    ]
    unknown = [pack for pack in there if pack.link.manifest_sha256 not in registered]
    do = "the books may be older than it, as after a restore of an older dump (docs/operations.md, After a restore)"
    for pack in unknown[:SHOWN_MAX]:
        text = f"the books do not know {pack.name}, the pack of {pack.link.month} with the manifest "
        found.append(HealthCheck("packs", Grade.WRONG, text + pack.link.manifest_sha256, do))
    missing = [sha for sha in registered if sha not in {pack.link.manifest_sha256 for pack in there}]
    do = "put a copy there; unless it was made elsewhere with --out, somebody removed it"
    for sha in missing[:SHOWN_MAX]:
        text = f"the pack of {registered[sha]} with the manifest {sha} is in the books and not in {archive}"
        found.append(HealthCheck("packs", Grade.WARN, text, do))
    for count, what in ((len(unknown), "packs that the books do not know"), (len(missing), "packs that are not there")):
        if count > SHOWN_MAX:
            found.append(HealthCheck("packs", Grade.WARN, f"{count} {what} in all", "see the first of them"))
    if found:
        return found
    text = f"all {len(registered)} packs of the books are in {archive}, and no others"
    return [HealthCheck("packs", Grade.OK, text if registered else "no pack of a closed month was made yet")]


def judge_restore(noticed_at: datetime | None, now: datetime) -> HealthCheck:
    """Whether the books were restored lately; as long as Stripe takes usage, what is missing can still be made good."""
    if noticed_at is None:
        return HealthCheck("restores", Grade.OK, "the books are where they were made")
    text = f"the books were restored, or moved to another server: noticed {noticed_at:%Y-%m-%d %H:%M} UTC"
    if now - noticed_at > RESTORE_NOTED:
        return HealthCheck("restores", Grade.OK, text)
    do = "what was done after the dump is not in them: docs/operations.md, After a restore"
    return HealthCheck("restores", Grade.WARN, text, do)
