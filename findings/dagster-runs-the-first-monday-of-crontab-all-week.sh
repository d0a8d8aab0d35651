#!/usr/bin/env bash
# A crontab line for the first Monday of a month runs on eleven days of that month in Dagster.
#
# Seen with dagster 1.13.27, croniter 7.0.0 and cronsim 2.8 (2026-11-30, Linux x86-64, Python 3.11): cron takes day of
# month OR day of week when both are given, and both together where one of them begins with a star, also a star with
# more behind it. So "0 6 1-7 * */7" is the first Sunday in crontab, "0 6 */100,1-7 * 1" the first Monday, as answers
# all over the web tell. Dagster and croniter go by what the field means and not by the star: every day of the first
# week and every Monday. The same holds for "0 6 */2 * 1". cronsim follows Debian's cron. croniter knows the rule
# (implement_cron_bug=True), and Dagster has no way to ask for it. A job that closes a month or sends invoices, moved
# from crontab into a schedule or on_cron, runs a week long, and says nothing: the line is valid in both.
#
# Fails when Dagster runs on the days of crontab.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dagster==1.13.27 croniter==7.0.0 cronsim==2.8 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import datetime, timezone

from croniter import croniter
from cronsim import CronSim
from dagster._utils.schedules import schedule_execution_time_iterator

BEGIN, END = datetime(2026, 11, 1, tzinfo=timezone.utc), datetime(2026, 12, 1, tzinfo=timezone.utc)


def days(times):
    """The days of November on which it runs."""
    found = []
    for time in times:
        if time >= END:
            return found
        found.append(time.day)


def by_dagster(line):
    """As the daemon that starts schedules asks."""
    return days(schedule_execution_time_iterator(BEGIN.timestamp(), line, "UTC"))


def by_croniter(line, **given):
    times = croniter(line, BEGIN, **given)
    return days(times.get_next(datetime) for _ in range(99))


for line, wanted in (("0 6 1-7 * */7", [1]), ("0 6 */100,1-7 * 1", [2]), ("0 6 */2 * 1", [9, 23])):
    in_crontab, in_dagster = days(CronSim(line, BEGIN)), by_dagster(line)
    print(f"{line}: crontab {in_crontab}, Dagster {in_dagster}")
    assert in_crontab == by_croniter(line, implement_cron_bug=True) == wanted
    assert in_dagster == by_croniter(line) and len(in_dagster) > 9
PYTHON
