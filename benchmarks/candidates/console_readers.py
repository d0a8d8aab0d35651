"""People who read the console: its own process, and as many clients of it as there are people."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from httpx import AsyncClient

from benchmarks.measuring.contest import REPOSITORY
from fridge_pipeline.cli.console import give_way
from fridge_pipeline.console.all_pages import all_pages
from fridge_pipeline.console.application import REPORTS, Console
from fridge_pipeline.console.read_tables import Reader
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.own_pages import OwnNames
from tests.own_environment import own_environment

HOST = "127.0.0.1"
READERS = 50

#: So long a person looks at a page before the next one, on average.
LOOKS_SECONDS = 10.0

#: Before anything is measured, everybody has read a page.
BEGINNING_SECONDS = 15.0


@contextmanager
def readers(dsn: str, home: str, paths: Sequence[str], seed: int) -> Iterator[None]:
    """They read until the block ends."""
    wish = json.dumps({"dsn": dsn, "home": home, "paths": list(paths), "seed": seed})
    command = [sys.executable, "-m", "benchmarks.candidates.console_readers", wish]
    with subprocess.Popen(command, cwd=REPOSITORY, env=own_environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"everybody reads\n"
            yield
        finally:
            process.kill()


async def _read(client: AsyncClient, paths: Sequence[str], chance: random.Random) -> None:
    """One person, who does not wait for the others."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / LOOKS_SECONDS))
        answer = await client.get(chance.choice(paths))
        assert answer.is_success, answer.text


async def _serve(dsn: str, home: str, paths: Sequence[str], seed: int) -> None:
    console = Console(
        pages=all_pages(Path(home), REPORTS),
        reader=Reader(Database(dsn), lambda: datetime.now(UTC), gives_way=give_way),
        names=OwnNames.of(HOST),
        program="benchmark",
    )
    listener = socket.create_server((HOST, 0))
    server = uvicorn.Server(uvicorn.Config(console, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve([listener]))
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    async with AsyncClient(base_url=address, timeout=60) as client:
        people = [asyncio.create_task(_read(client, paths, random.Random(seed + number))) for number in range(READERS)]  # noqa: S311
        await asyncio.sleep(BEGINNING_SECONDS)
        sys.stdout.write("everybody reads\n")
        sys.stdout.flush()
        await asyncio.gather(serving, *people)


if __name__ == "__main__":
    give_way(os.getpid())
    asyncio.run(_serve(**json.loads(sys.argv[1])))
