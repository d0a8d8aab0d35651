"""Tell alerts: each channel once of each state, again after a day, and once of its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from fridge_pipeline.database.connection import Database
from fridge_pipeline.operations.alert_record import alone_in_telling, record_telling, told_alerts
from fridge_pipeline.operations.channels.channel import AlertChannel, AlertNotSentError
from fridge_pipeline.operations.rules.alert import Alert, Family, what_to_tell
from fridge_pipeline.visible import one_line, visible


@dataclass(slots=True)
class TellReport:
    """How many messages went out, and what went wrong; ``is_busy`` says that somebody else was telling."""

    sent: int = 0
    problems: list[str] = field(default_factory=list)
    is_busy: bool = False


def tell_alerts(
    database: Database,
    channels: Sequence[AlertChannel],
    alerts: Iterable[Alert],
    looked_at: AbstractSet[Family],
    now: datetime,
) -> TellReport:
    """Sends at most one message to each channel, and records what it took.

    A channel that does not take it is told at the next look; the others do not wait for it. Should the process die
    between message and record, the message is sent again: better told twice than never.
    """
    report = TellReport()
    found = list(alerts)
    with database.connect() as connection, alone_in_telling(connection) as is_alone:
        if not is_alone:
            report.is_busy = True
            return report
        for channel in channels:
            telling = what_to_tell(found, told_alerts(connection, channel.name), looked_at, now)
            if telling.is_empty:
                continue
            try:
                note = channel.send(one_line(telling.subject), visible(telling.text), now)
            except AlertNotSentError as error:
                report.problems.append(str(error))
                continue
            record_telling(connection, channel.name, telling, now)
            report.sent += 1
            if note is not None:
                report.problems.append(note)
    return report
