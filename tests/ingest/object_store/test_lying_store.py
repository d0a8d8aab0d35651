"""What a store gives that is not what it listed, as behind a proxy that cuts answers, costs no row without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError, UnreadableFileError
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from tests.ingest.object_store.s3_server import KEY_ID, SECRET
from tests.pipeline import Pipeline, csv_of, readings
from tests.serving import served

HOUR = Hour.from_key("2026-01-24-18:00")
BODY = csv_of(readings("ada", HOUR, 1, 9))
KEY = f"landing/{HOUR.folder}/a.csv"
URI = "s3://zone/landing"


@dataclass
class Store:
    """A store with one object: what it gives of it for a request, and how often it lists it."""

    given: bytes = BODY
    repeats: int = 1
    listed: int = field(default=0, init=False)

    def page(self) -> bytes:
        """A page of a listing, which says that another one follows."""
        self.listed += 1
        entry = (
            f"<Contents><Key>{KEY}</Key><LastModified>2026-01-24T18:00:00.000Z</LastModified>"
            f"<ETag>&quot;e&quot;</ETag><Size>{len(BODY)}</Size></Contents>"
        )
        more = self.repeats > 1
        token = "<NextContinuationToken>again</NextContinuationToken>" if more else ""
        page = f"<Name>zone</Name><IsTruncated>{str(more).lower()}</IsTruncated>{token}{entry * self.repeats}"
        return f"<ListBucketResult>{page}</ListBucketResult>".encode()


@contextmanager
def serving_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "list-type" in self.path:
                return self.answer(200, store.page())
            span = {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}", "ETag": '"e"'}
            return self.answer(206, store.given, **span, **{"Last-Modified": "Sat, 24 Jan 2026 18:00:00 GMT"})

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with served(Answers) as address:
        for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", KEY_ID), ("SECRET_ACCESS_KEY", SECRET)):
            monkeypatch.setenv(f"AWS_{name}", value)
        yield


@pytest.mark.parametrize(
    "given", [BODY[: BODY.rindex(b"\n", 0, -1) + 1], b"", BODY + b"ada,s9,2026-01-24T18:00:00Z,4.2\n"]
)
def test_an_answer_that_is_shorter_or_longer_than_the_object_is_no_file_until_all_of_it_is_given(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bytes
) -> None:
    store = Store(given)
    with serving_store(store, monkeypatch):
        pipeline.zone = open_landing_zone(URI)
        (file,) = pipeline.zone.listing(HOUR).files
        with pytest.raises(UnreadableFileError, match=f"the store gave {len(given)} of {len(BODY)} bytes"):
            pipeline.zone.snapshot(file, tmp_path)
        pipeline.load(HOUR)
        assert pipeline.rows("select count(*) from fridge.readings") == [(0,)]
        assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == [("unreadable_file",)]
        store.given = BODY
        (whole,) = pipeline.load(HOUR)
        assert whole.inserted == 9
        assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == []


def test_a_listing_without_an_end_is_an_error_of_the_tick_and_not_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    store, told = Store(repeats=1_000), []

    def ask() -> None:
        zone = open_landing_zone(URI)
        for look in (zone.hours, lambda: zone.listing(HOUR)):
            with pytest.raises(LandingFolderError, match="lists the same objects again") as refused:
                look()
            told.append(str(refused.value))

    with serving_store(store, monkeypatch):
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(30)
        assert len(told) == 2, f"it still lists, after {store.listed} pages"
        assert store.listed < 10
        store.repeats = 1
        assert list(open_landing_zone(URI).hours()) == [HOUR]
