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

import uvicorn
from httpx import AsyncClient

from benchmarks.candidates.console_ours import HOST, console_of
from benchmarks.measuring.contest import REPOSITORY
from fridge_pipeline.cli.console import give_way
from tests.own_environment import own_environment

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
    listener = socket.create_server((HOST, 0))
    server = uvicorn.Server(uvicorn.Config(console_of(dsn, home, give_way), log_level="warning", access_log=False))
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
