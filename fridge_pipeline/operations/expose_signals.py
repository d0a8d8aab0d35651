"""Expose: the signals in the formats that Prometheus reads, whatever serves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fridge_pipeline.operations.rules.signals import SIGNALS, Sample
from fridge_pipeline.visible import one_line

PREFIX = "fridge_"

#: Several who scrape at once, or somebody who reloads a page, cost the database one look.
FRESH_SECONDS = 5.0


class Exposition(Collector):
    """What ``read`` gives, at most so often; one look at a time."""

    def __init__(self, read: Callable[[], Sequence[Sample]], fresh_seconds: float = FRESH_SECONDS) -> None:
        self._read = read
        self._fresh_seconds = fresh_seconds
        self._lock = Lock()
        self._samples: Sequence[Sample] = ()
        self._fresh_until = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """For Prometheus' library."""
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._samples = self._read()
                self._fresh_until = time.monotonic() + self._fresh_seconds
        yield from families(self._samples)

    def body(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type, as the request's ``Accept`` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def families(samples: Iterable[Sample]) -> list[Metric]:
    """The samples by name, each with its meaning. What is not known is not there (law L10)."""
    found: dict[str, GaugeMetricFamily] = {}
    for sample in samples:
        signal = SIGNALS[sample.name]
        if sample.value is not None:
            name = PREFIX + sample.name
            family = found.setdefault(name, GaugeMetricFamily(name, signal.meaning, labels=signal.labels))
            family.add_metric([one_line(label) for label in sample.labels], sample.value)
    return list(found.values())
