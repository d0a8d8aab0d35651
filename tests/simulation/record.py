"""What was landed, loaded and withdrawn, as a gateway and a person would write it down: plain Python, no SQL.

The simulation judges by this record. It knows the rules of the README and nothing of how the pipeline keeps them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hours import Hour

READINGS, SENSORS = "temperature_readings", "active_sensors"

#: Whose, which meter, which hour.
Place = tuple[str, str, Hour]

#: Tenant, sensor, time: a reading's identity.
Identity = tuple[str, str, datetime]

#: A time more than five minutes after the landing hour is not a reading.
AHEAD_MAX = timedelta(minutes=5)


@dataclass(frozen=True)
class Delivery:
    """The bytes of a landing file, and the readings that a person would find in them."""

    ending: str
    content: bytes
    readings: tuple[Identity, ...]


@dataclass(frozen=True)
class Lying:
    """A delivery where it lies now."""

    hour: Hour
    name: str
    delivery: Delivery

    @property
    def path(self) -> str:
        """As the books name it."""
        return f"{self.hour.folder}/{self.name}"


class Record:
    """The landing zone and what must follow from it."""

    def __init__(self) -> None:
        self.lying: dict[str, Lying] = {}
        self.most_ever: Counter[Place] = Counter()
        self._loaded: set[tuple[str, bytes]] = set()
        self._withdrawn: set[tuple[str, bytes]] = set()
        self._stored: dict[Identity, tuple[Hour, str, bytes]] = {}
        self._usage: Counter[Place] | None = Counter()

    def load(self, hours: Iterable[Hour]) -> None:
        """Everything that lies in these hours and is new is read, an hour after the other."""
        wanted = set(hours)
        for file in sorted(self.lying.values(), key=lambda file: (file.hour, file.name)):
            content = (file.path, file.delivery.content)
            if file.hour not in wanted or content in self._loaded:
                continue
            self._loaded.add(content)
            self._usage = None
            for identity in file.delivery.readings:
                if identity[2] <= file.hour.end + AHEAD_MAX:
                    self._stored.setdefault(identity, (file.hour, *content))
        self.most_ever |= self.usage()

    def withdrawable(self) -> list[str]:
        """Paths of which something counts."""
        return sorted({path for _, path, content in self._stored.values() if (path, content) not in self._withdrawn})

    def withdraw(self, path: str) -> None:
        """Every content that was loaded under a path counts no more; one that comes later does."""
        self._withdrawn |= {content for content in self._loaded if content[0] == path}
        self._usage = None

    def unread(self) -> list[Lying]:
        """What lies in the landing zone and was never loaded."""
        return [file for file in self.lying.values() if (file.path, file.delivery.content) not in self._loaded]

    def usage(self) -> Counter[Place]:
        """What must be billed of each tenant, meter and hour."""
        if self._usage is None:
            self._usage = self._counted()
        return self._usage

    def _counted(self) -> Counter[Place]:
        usage: Counter[Place] = Counter()
        sensors: defaultdict[tuple[str, Hour], set[str]] = defaultdict(set)
        for (tenant, sensor, _), (hour, path, content) in self._stored.items():
            if (path, content) not in self._withdrawn:
                usage[tenant, READINGS, hour] += 1
                sensors[tenant, hour].add(sensor)
        for (tenant, hour), found in sensors.items():
            usage[tenant, SENSORS, hour] = len(found)
        return usage
