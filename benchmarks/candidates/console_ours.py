"""Ours: the console answers one page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from httpx import ASGITransport, AsyncClient

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.console.all_pages import all_pages
from fridge_pipeline.console.application import REPORTS, Console
from fridge_pipeline.console.read_tables import Reader
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.own_pages import OwnNames

HOST = "127.0.0.1"


def console_of(dsn: str, home: str, gives_way: Callable[[int], None] | None = None) -> Console:
    """The console over these books, as whoever signs in by the DSN."""
    return Console(
        pages=all_pages(Path(home), REPORTS),
        reader=Reader(Database(dsn), lambda: datetime.now(UTC), gives_way=gives_way),
        names=OwnNames.of(HOST),
        program="benchmark",
    )


def answer(stopwatch: Stopwatch, *, dsn: str, home: str, path: str) -> int:
    """The page once more after a first time, as a reader who clicks; returns its characters."""
    console = console_of(dsn, home)

    async def ask() -> str:
        async with AsyncClient(transport=ASGITransport(console), base_url=f"http://{HOST}") as client:
            response = await client.get(path)
        assert response.is_success, response.text
        return response.text

    asyncio.run(ask())
    with stopwatch.running():
        return len(asyncio.run(ask()))
