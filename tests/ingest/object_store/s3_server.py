"""A running S3 API server, and what a gateway or an administrator does to it; none of it with the client under test."""

from __future__ import annotations

import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import requests
from requests import Response

SECONDS_TO_START = 60.0  # generous: all test workers share the machine
READY = "ready: "

#: The hour from which a bucket is filled.
FIRST = datetime(2026, 2, 1, tzinfo=UTC)

#: Moto takes any key as long as it asks for none.
KEY_ID, SECRET = "AKIAFRIDGETESTKEY000", "s3cretOfTheFridge/neverToBeSeen+0123456789"


def as_anyone(service: str) -> dict[str, str]:
    """Moto believes any signature, but takes a request without one for a stranger's."""
    scope = f"Credential=anyone/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}"}


def quoted(key: str) -> str:
    """A key in an address, from which no client takes ``.`` and ``..`` out."""
    return "/".join("%2E" * len(part) if part in {".", ".."} else quote(part) for part in key.split("/"))


@dataclass
class S3Server:
    """Moto's server in a process of its own."""

    url: str
    log: Path

    def environment(self, key_id: str = KEY_ID, secret: str = SECRET) -> dict[str, str]:
        """What an operator sets to reach it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}

    def create(self, bucket: str) -> None:
        """A new bucket."""
        self._done(requests.put(f"{self.url}/{bucket}", timeout=20))

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Puts an object, or another one in its place."""
        self._done(requests.put(f"{self.url}/{bucket}/{quoted(key)}", data=body, headers=as_anyone("s3"), timeout=20))

    def delete(self, bucket: str, key: str) -> None:
        """Deletes an object."""
        self._done(requests.delete(f"{self.url}/{bucket}/{quoted(key)}", headers=as_anyone("s3"), timeout=20))

    def objects(self, bucket: str) -> dict[str, bytes]:
        """All objects of a bucket and what they hold."""
        listing = self._done(requests.get(f"{self.url}/{bucket}?list-type=2", headers=as_anyone("s3"), timeout=20))
        keys = [each.text or "" for each in ET.fromstring(listing.text).iter() if each.tag.endswith("}Key")]  # noqa: S314
        return {key: self._get(f"{bucket}/{quote(key)}") for key in keys}

    def _get(self, path: str) -> bytes:
        return self._done(requests.get(f"{self.url}/{path}", headers=as_anyone("s3"), timeout=20)).content

    def asks_for_rights(self, *, yes: bool) -> None:
        """Whether it looks from now on at who asks; until then everybody may do everything."""
        body = "0" if yes else "inf"
        self._done(requests.post(f"{self.url}/moto-api/reset-auth", data=body, timeout=20))

    def user_without_rights(self, name: str) -> tuple[str, str]:
        """The key and the secret of a new user who may do nothing."""
        self._iam(Action="CreateUser", UserName=name)
        answer = ET.fromstring(self._iam(Action="CreateAccessKey", UserName=name))  # noqa: S314  # our own server
        found = {element.tag.rpartition("}")[2]: element.text or "" for element in answer.iter()}
        return found["AccessKeyId"], found["SecretAccessKey"]

    def requests(self) -> list[str]:
        """Method and path of all requests so far."""
        lines = self.log.read_text().splitlines()
        return [line.split('"')[1].removesuffix(" HTTP/1.1") for line in lines if '" ' in line]

    def listings(self) -> int:
        """How many pages of listings were asked for so far."""
        return sum("list-type=2" in request for request in self.requests())

    def _iam(self, **fields: str) -> str:
        body = {"Version": "2010-05-08", **fields}
        return self._done(requests.post(self.url, data=body, headers=as_anyone("iam"), timeout=20)).text

    @staticmethod
    def _done(answer: Response) -> Response:
        answer.raise_for_status()
        return answer


@contextmanager
def running_s3(folder: Path, bucket: str, objects: int = 0, hours: int = 1) -> Iterator[S3Server]:
    """A server with one bucket that has so many objects in so many hours, for the length of a ``with`` block."""
    log = folder / "s3.log"
    command = [sys.executable, "-m", "tests.ingest.object_store.moto_process", bucket, str(objects), str(hours)]
    with log.open("w") as told:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            cwd=Path(__file__).parents[3],
        )
    watchdog = threading.Timer(SECONDS_TO_START, process.kill)
    watchdog.start()
    try:
        url = next((line.removeprefix(READY).strip() for line in process.stdout or () if line.startswith(READY)), None)
    finally:
        watchdog.cancel()
    try:
        if url is None:
            raise RuntimeError(f"the S3 server did not start: {log.read_text()[-2_000:]}")
        yield S3Server(url, log)
    finally:
        process.kill()
        process.communicate()
