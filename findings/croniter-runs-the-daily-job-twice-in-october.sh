#!/usr/bin/env bash
# croniter runs the daily job of 02:30 twice on the day in October that has 25 hours, where cron and cronsim run it
# once.
#
# Seen with croniter 7.0.0 and cronsim 2.8 (2026-12-01, Linux x86-64, Python 3.11): on the night of 25 October 2026
# clocks in Paris show 02:30 twice. For "30 2 * * *" with a start in that zone croniter gives both, an hour apart, so
# that a year has 366 daily runs; the job that closes the day and sends its usage runs again, and what has no key
# against repetition is counted and billed twice, once for an hour that is not a day. Debian's cron, whose rules cronsim
# keeps, runs a job of a fixed hour once, and jobs of every hour or half hour as often as there are such; get_prev()
# counts both too. In the night in March both move 02:30 to 03:00. Let the job name the day it closes and do nothing for
# a day that is closed, run it between 03:30 and midnight, or plan in UTC.
#
# Fails when croniter gives one, or cronsim two.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    croniter==7.0.0 cronsim==2.8 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

PARIS = ZoneInfo("Europe/Paris")


def by_croniter(expression, start):
    """The runs behind the start, without end."""
    return croniter(expression, start).all_next(datetime)


def between(runs, expression, start, end):
    """The runs in between, in words."""
    found = takewhile(lambda each: each.timestamp() < end.timestamp(), runs(expression, start))
    return [each.strftime("%m-%d %H:%M %z") for each in found]


NEW_YEAR = [datetime(year, 1, 1, tzinfo=PARIS) for year in (2026, 2027)]
OCTOBER = [datetime(2026, 10, day, tzinfo=PARIS) for day in (25, 26)]
MARCH = [datetime(2026, 3, day, tzinfo=PARIS) for day in (29, 30)]
for runs, daily in ((by_croniter, 366), (CronSim, 365)):
    october, march = (between(runs, "30 2 * * *", *night) for night in (OCTOBER, MARCH))
    year, hours = len(between(runs, "30 2 * * *", *NEW_YEAR)), len(between(runs, "15 * * * *", *OCTOBER))
    print(f"{runs.__name__}: {october}, in March {march}, {year} in a year; every hour {hours}")
    assert year == daily and hours == 25 and march == ["03-29 03:00 +0200"]
    assert october == ["10-25 02:30 +0200", "10-25 02:30 +0100"][: daily - 364]
previous = croniter("30 2 * * *", OCTOBER[1])
assert [previous.get_prev(datetime).strftime("%d %H:%M %z") for _ in range(2)] == ["25 02:30 +0100", "25 02:30 +0200"]
PYTHON
