"""How much of everything, per scale: ``default`` ends in under 15 minutes on two cores, ``full`` takes hours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Turns of every candidate, and what each subject works on."""

    repeats: int

    load_rows: int
    row_by_row_rows: int
    dlt_rows: int

    growth_rows: int  # loaded in each turn
    growth_few: int  # stored before
    growth_many: int

    memory_rows: int  # against a tenth of it
    memory_files: int  # into which the same rows are cut; a tenth of the files for a tenth of the rows

    rerun_hours: int  # loaded hours that are run again

    usage_rows: int

    push_events: int
    loop_events: int  # for the plain loop, whose speed does not depend on how many

    backfill_hours: int
    sensor_files: int

    idle_seconds: float
    landed_files: int  # one after the other under an idle fridge up
    month_tenants: int  # against a tenth of them
    console_tenants: int
    console_months: int
    console_days: int  # of which every hour is there; before them one hour in ``console_step``
    console_step: int
    read_rows: int  # loaded while people read the console


SCALES = {
    "default": Sizes(
        repeats=3,
        load_rows=3_000_000,
        row_by_row_rows=100_000,
        dlt_rows=200_000,
        growth_rows=500_000,
        growth_few=1_000_000,
        growth_many=10_000_000,
        memory_rows=5_000_000,
        memory_files=500,
        rerun_hours=720,
        usage_rows=1_000_000,
        push_events=5_000,
        loop_events=1_000,
        backfill_hours=168,
        sensor_files=100_000,
        idle_seconds=60,
        landed_files=5,
        month_tenants=100,
        console_tenants=1_000,
        console_months=24,
        console_days=62,
        console_step=12,
        read_rows=2_000_000,
    ),
    "full": Sizes(
        repeats=3,
        load_rows=5_000_000,
        row_by_row_rows=500_000,
        dlt_rows=1_000_000,
        growth_rows=1_000_000,
        growth_few=5_000_000,
        growth_many=100_000_000,
        memory_rows=20_000_000,
        memory_files=2_000,
        rerun_hours=720,
        usage_rows=5_000_000,
        push_events=20_000,
        loop_events=4_000,
        backfill_hours=744,
        sensor_files=1_000_000,
        idle_seconds=120,
        landed_files=9,
        month_tenants=1_000,
        console_tenants=1_000,
        console_months=24,
        console_days=730,
        console_step=1,
        read_rows=2_000_000,
    ),
    # Says nothing about speed: only that everything runs.
    "tiny": Sizes(
        repeats=1,
        load_rows=40_000,
        row_by_row_rows=10_000,
        dlt_rows=10_000,
        growth_rows=20_000,
        growth_few=20_000,
        growth_many=100_000,
        memory_rows=100_000,
        memory_files=10,
        rerun_hours=24,
        usage_rows=40_000,
        push_events=200,
        loop_events=50,
        backfill_hours=24,
        sensor_files=2_000,
        idle_seconds=2,
        landed_files=1,
        month_tenants=3,
        console_tenants=5,
        console_months=3,
        console_days=3,
        console_step=12,
        read_rows=40_000,
    ),
}
