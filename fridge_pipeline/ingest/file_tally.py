"""The tally of one landing file while it is loaded: rows = inserted + duplicate + rejected (law L3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import MAXYEAR, datetime

from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.load_transaction import FileException, LoadedFile
from fridge_pipeline.ingest.rules.landing_file import LandingFile
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


@dataclass(slots=True)
class FileTally:
    """What has become of a landing file's rows so far.

    ``damage`` says why not all of it, or nothing, could be read; None when everything could. ``not_kept`` counts by
    reason the rejected rows that are not kept one by one. Once it is ``stopped`` no more of the file is read.
    """

    file_id: int
    file: LandingFile
    snapshot: Snapshot
    damage: str | None
    rows: int = 0
    inserted: int = 0
    rejected: int = 0
    first_recorded_at: datetime | None = None
    last_recorded_at: datetime | None = None
    stopped: bool = False
    not_kept: Counter[str] = field(default_factory=Counter)

    def stop(self, damage: str) -> None:
        """Nothing more of the file is read, and why."""
        self.damage, self.stopped = damage, True

    def add_inserted(self, count: int, first_at: datetime, last_at: datetime) -> None:
        """So many of its readings, from this time to that, were stored for the first time."""
        self.inserted += count
        self.first_recorded_at = min(self.first_recorded_at or first_at, first_at)
        self.last_recorded_at = max(self.last_recorded_at or last_at, last_at)

    @property
    def unreadable_detail(self) -> str:
        """For the exception: what is wrong, what could be read, and what to do."""
        if self.file.format is None:
            return (
                f"{self.damage}; nothing of it is loaded. Ask for it in one of these formats, and close this exception."
            )
        rest = f"{self.rows} rows before the damage were read" if self.rows else "no row could be read"
        return f"{self.damage}; {rest}. Ask for the file again under the same name: only its new readings will count."

    def exception(self, detail: str) -> FileException:
        """An exception about the file; its usage can be billed as long as that of its hour."""
        hour = self.file.landing_hour
        deadline_at = billing_deadline(hour) if hour.start.year < MAXYEAR else None
        return FileException(hour.start, self.file.path, detail, deadline_at)

    def loaded(self, run_id: str, now: datetime) -> LoadedFile:
        """The row that goes on record; what was neither stored nor rejected was stored already."""
        return LoadedFile(
            file_id=self.file_id,
            path=self.file.path,
            landing_hour=self.file.landing_hour.start,
            content_hash=self.snapshot.content_hash,
            version_token=self.file.version,
            size_bytes=self.snapshot.size,
            row_count=self.rows,
            inserted_count=self.inserted,
            duplicate_count=self.rows - self.rejected - self.inserted,
            rejected_count=self.rejected,
            status=self._status,
            first_recorded_at=self.first_recorded_at,
            last_recorded_at=self.last_recorded_at,
            run_id=run_id,
            loaded_at=now,
        )

    @property
    def _status(self) -> str:
        if self.damage is None:
            return "loaded"
        return "damaged" if self.rows else "unreadable"
