"""What the tests of object stores share: a server for a worker, a bucket and an environment for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.zone import LandingZone, open_landing_zone
from tests.ingest.object_store.s3_server import S3Server, running_s3
from tests.sandbox_process import fresh_name


@dataclass
class Bucket:
    """A bucket of a test's own, with the landing root ``landing`` in it."""

    server: S3Server
    name: str

    @property
    def uri(self) -> str:
        """As ``FRIDGE_LANDING_URI`` names it."""
        return f"s3://{self.name}/landing"

    @property
    def zone(self) -> LandingZone:
        """As the pipeline opens it, anew."""
        return open_landing_zone(self.uri)

    def land(self, hour: Hour, name: str, body: bytes) -> None:
        """Delivers a landing file."""
        self.server.put(self.name, f"landing/{hour.folder}/{name}", body)

    def remove(self, hour: Hour, name: str) -> None:
        """Takes one away."""
        self.server.delete(self.name, f"landing/{hour.folder}/{name}")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for all tests of a worker."""
    with running_s3(tmp_path_factory.mktemp("s3"), "nobodys") as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket that this process can reach."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    name = fresh_name("bucket").replace("_", "-")
    s3.create(name)
    return Bucket(s3, name)
