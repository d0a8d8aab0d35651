"""Usage: both usage tables of an hour, against the least that they can cost."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import LANDING_HOUR, Bench, seconds
from benchmarks.deliveries import deliver_in_files
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.subjects.load import OURS as LOAD

OURS = "benchmarks.candidates.count_ours:count_hour"
READ = "benchmarks.candidates.count_rivals:read"
GROUP = "benchmarks.candidates.count_rivals:group"

FILES = 20

#: So much more than a bare ``group_by`` over what is in memory may it take.
GROUP_BY_TIMES = 1.5


def rows(bench: Bench) -> Iterator[Row]:
    """One row: seconds for both tables, against the bare work."""
    number, hour = bench.sizes.usage_rows, LANDING_HOUR.key
    landing = bench.world.folder("usage") / "landing"
    deliver_in_files(landing, LANDING_HOUR, bench.hour_of_readings(number), -(-number // FILES))

    def fill(dsn: str) -> None:
        bench.world.run(LOAD, dsn=dsn, landing=str(landing), first=hour, last=hour, inserted=number)

    dsn = bench.world.address.dsn(bench.world.template("an hour to count", fill))
    samples = bench.contest(
        {
            "ours": lambda _: bench.world.run(OURS, dsn=dsn, hour=hour, inserted=number),
            "read": lambda _: bench.world.run(READ, dsn=dsn),
            "group_by": lambda _: bench.world.run(GROUP, dsn=dsn),
        }
    )
    least = tuple(
        read.wall + GROUP_BY_TIMES * group.wall
        for read, group in zip(samples["read"], samples["group_by"], strict=True)
    )
    yield Row(
        "usage",
        f"both usage tables from {number:,} stored readings of {FILES} files",
        "s",
        Side.of("the count step: read, count, write both tables", samples["ours"], seconds),
        Side(
            f"reading two columns once by ADBC, and {GROUP_BY_TIMES} times a polars group_by of them in memory",
            least,
            tuple(samples["read"]),
        ),
        Target(at_most=1),
    )
    bench.world.forget("an hour to count")
