"""An S3 API server as a process of its own: moto's.

``python -m tests.ingest.object_store.moto_process BUCKET OBJECTS HOURS`` puts so many objects into so many hours,
says where it listens, and logs every request on its standard error.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from datetime import timedelta
from typing import Any

from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

from tests.ingest.object_store.s3_server import FIRST

IN_AN_HOUR = 50
ACCOUNT = "123456789012"


def fill(bucket: str, objects: int, hours: int) -> None:
    """Objects of one byte: ``IN_AN_HOUR`` in each hour from ``FIRST`` on, and what is left in the first."""
    backend = s3_backends[ACCOUNT]["aws"]
    backend.create_bucket(bucket, "us-east-1")
    for number in range(objects):
        folder = FIRST + timedelta(hours=max(hours - 1 - number // IN_AN_HOUR, 0))
        backend.put_object(bucket, f"landing/{folder:%Y-%m-%d/%H}/gateway-{number:06d}.csv", b"x")


def index_listings() -> None:
    """Moto looks through and sorts a whole bucket for each page, a second for 100,000 objects; real stores do not."""
    slow = S3Backend.list_objects_v2
    sorted_names: dict[tuple[str, int], list[str]] = {}

    def list_objects_v2(backend: S3Backend, bucket: Any, **asked: Any) -> Any:
        prefix, token = asked["prefix"], asked["continuation_token"]
        if asked["delimiter"] or asked["start_after"] or not prefix:
            return slow(backend, bucket, **asked)
        known = (bucket.name, len(bucket.keys))
        if known not in sorted_names:
            sorted_names[known] = sorted(bucket.keys)
        names = sorted_names[known]
        begin = bisect_right(names, backend._pagination_tokens[token]) if token else bisect_left(names, prefix)
        end = min(bisect_left(names, prefix + "\U0010ffff"), begin + asked["max_keys"] + 1)
        return backend._truncate_result([bucket.keys[name] for name in names[begin:end]], asked["max_keys"])

    S3Backend.list_objects_v2 = list_objects_v2  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    if sys.argv[2] != "0":
        index_listings()
    fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    host, port = server.get_host_and_port()
    sys.stdout.write(f"ready: http://{host}:{port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started it is gone
