"""Usage: both usage tables of an hour, against the least that they can cost; and a third measure against two."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import LANDING_HOUR, Bench, cpu_seconds, seconds
from benchmarks.deliveries import deliver_in_files
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.subjects.load import OURS as LOAD

OURS = "benchmarks.candidates.count_ours:count_hour"
READ = "benchmarks.candidates.count_rivals:read"
GROUP = "benchmarks.candidates.count_rivals:group"

FILES = 20

#: So much more than a bare ``group_by`` over what is in memory may it take.
GROUP_BY_TIMES = 1.5

DECLARE = "benchmarks.candidates.count_ours:declare"

#: A measure that has one more column read.
THIRD = """
[[measure]]
name = "warm_readings"
aggregate = "count"
where = "temperature_c > 8"
from = "2026-01-01-00:00"
"""

#: So much more than two measures may three cost.
THIRD_TIMES = 1.2


def rows(bench: Bench) -> Iterator[Row]:
    """Seconds for both tables, against the bare work; then CPU seconds of a third measure, the server's included."""
    number, hour = bench.sizes.usage_rows, LANDING_HOUR.key
    landing = bench.folder("usage") / "landing"
    deliver_in_files(landing, LANDING_HOUR, bench.hour_of_readings(number), -(-number // FILES))

    def fill(dsn: str) -> None:
        bench.run(LOAD, dsn=dsn, landing=str(landing), first=hour, last=hour, inserted=number)

    dsn = bench.world.address.dsn(bench.template("an hour to count", fill))

    def declare(dsn: str) -> None:
        bench.run(DECLARE, dsn=dsn, measures=THIRD)

    declared = bench.template("an hour to count three times", declare, of="an hour to count")
    of_three = bench.world.address.dsn(declared)
    samples = bench.contest(
        {
            "ours": lambda _: bench.run(OURS, dsn=dsn, hour=hour, inserted=number),
            "read": lambda _: bench.run(READ, dsn=dsn),
            "group_by": lambda _: bench.run(GROUP, dsn=dsn),
            "three": lambda _: bench.run(OURS, dsn=of_three, hour=hour, inserted=number),
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
    yield Row(
        "usage",
        f"a third measure, of temperatures, from the same {number:,} readings",
        "CPU s",
        Side.of("three measures, counted and written", samples["three"], cpu_seconds),
        Side.of("two measures", samples["ours"], cpu_seconds),
        Target(at_most=THIRD_TIMES),
    )
    bench.world.drop("an hour to count three times")
    bench.world.drop("an hour to count")
