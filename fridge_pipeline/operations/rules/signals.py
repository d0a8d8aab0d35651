"""Signals: the numbers that Prometheus is told of an installation, each with its meaning and its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: Signals that count what happened do so over these times, so that a scrape reads little however old the books are.
CALLS_WINDOW, DONE_WINDOW = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Signal:
    """What one number says; ``labels`` are few whatever an installation bills, so no tenant is among them."""

    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. ``None`` is not known, and is not told: missing is not zero (law L10)."""

    name: str
    labels: tuple[str, ...]
    value: float | None


#: Name without its prefix → meaning. Whatever is read must stand here.
SIGNALS: Final[Mapping[str, Signal]] = {
    "part_was_read": Signal(
        "1 if this part of the signals was read by this scrape, 0 if it could not be read", ("part",)
    ),
    "undelivered_hours": Signal(
        "closed hours whose usage is still to be counted or stated, and that no exception explains"
    ),
    "oldest_unbilled_hour_age_seconds": Signal(
        "since the end of the oldest closed hour that waits for the pipeline, or by an exception for a person",
        ("waits_for",),
    ),
    "open_exceptions": Signal("open exceptions", ("kind",)),
    "exception_deadline_seconds": Signal("until the nearest deadline that has not passed", ("kind",)),
    "unmapped_usage": Signal("usage without a Stripe customer that can still be billed", ("meter",)),
    "unmapped_hours": Signal("hours with such usage"),
    "drafts": Signal("drafts of invoices that bill our meters, whose periods are over"),
    "drafts_at_risk": Signal("those of them that wait for usage which Stripe does not count yet"),
    "draft_at_risk_final_seconds": Signal(
        "until Stripe makes the first of those final; absent where none of them becomes so by itself"
    ),
    "stripe_attempts": Signal("attempts to state usage in the last five minutes, by what came of them", ("answer",)),
    "stripe_calls_per_second": Signal("calls that these attempts took, in the mean of the five minutes"),
    "stripe_calls_per_second_max": Signal("calls per second that all processes together make at most"),
    "stripe_headroom_ratio": Signal("the part of these calls that is not used"),
    "stripe_pace_wait_seconds": Signal("how long the next call would wait for its turn"),
    "stripe_reads": Signal("reads of Stripe in the last 30 days"),
    "stripe_reads_max": Signal("reads that are made in 30 days at most"),
    "stripe_read_age_seconds": Signal("since Stripe's sums were last read, by what for", ("purpose",)),
    "landing_files": Signal("landing files loaded in the last hour", ("source", "verdict")),
    "landing_rows": Signal("rows of these files", ("source", "verdict")),
    "load_age_seconds": Signal("since a landing file was last loaded"),
    "evidence_pack_age_seconds": Signal("since the newest evidence pack was made"),
    "database_bytes": Signal("size of the database", ("database",)),
    "daemon_heartbeat_age_seconds": Signal("since this part of Dagster's daemon was last heard of", ("daemon",)),
    "tick_age_seconds": Signal("since this sensor or schedule was last evaluated", ("name",)),
    "switched_off": Signal("1 if somebody switched this sensor or schedule off in the UI, 0 if it is on", ("name",)),
    "runs": Signal("runs under way", ("status",)),
    "queued_run_age_seconds": Signal("since the run that waits longest was queued"),
    "runs_ended": Signal("runs that ended in the last hour", ("job", "status")),
    "run_wait_seconds": Signal("the longest that one of these waited before it began", ("job",)),
    "run_duration_seconds": Signal("the longest that one of these took", ("job",)),
}
