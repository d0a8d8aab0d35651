"""Health checks of what runs by itself: Dagster's daemon, and the sensors and schedules that it evaluates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.visible import counted

#: The daemon says every half minute that it lives.
HEARTBEAT_MAX = timedelta(minutes=2)

#: Who has done without a daemon for so long works with ``fridge bill``: before that, one that is silent has stopped.
DAEMON_GIVEN_UP = timedelta(days=35)

#: Without one of these usage is loaded or billed late, or not at all.
BILLING_SWITCHES = frozenset({"landing_sensor", "undelivered_sweep", "hourly_billing"})


def judge_daemons(ages: Mapping[str, timedelta | None], errors: Mapping[str, str]) -> HealthCheck:
    """Whether Dagster's daemon works, by how long ago its parts were heard of; below 0 is while a clock was ahead."""
    if errors:
        told = "; ".join(f"{name}: {error}" for name, error in sorted(errors.items()))
        return HealthCheck(
            "daemon", Grade.WRONG, told, "remove the cause that it names; FRIDGE_HOME/logs/daemon.log has more"
        )
    silent = sorted(name for name, age in ages.items() if age is None or abs(age) > HEARTBEAT_MAX)
    if not silent:
        return HealthCheck("daemon", Grade.OK, f"all {len(ages)} parts of Dagster's daemon were heard of lately")
    if len(silent) < len(ages):
        do = "restart the daemon (stop and start fridge up); FRIDGE_HOME/logs/daemon.log says why"
        return HealthCheck("daemon", Grade.WRONG, f"not heard of for over two minutes: {', '.join(silent)}", do)
    last = min((abs(age) for age in ages.values() if age is not None), default=None)
    has_stopped = last is not None and last <= DAEMON_GIVEN_UP
    heard = f"has stopped, last heard of {_ago(last)} ago" if last is not None and has_stopped else "is not running"
    text = f"Dagster's daemon {heard}: nothing is loaded, billed or reported automatically"
    return HealthCheck("daemon", Grade.WRONG if has_stopped else Grade.WARN, text, "start it: fridge up")


def _ago(age: timedelta) -> str:
    """An age in the largest unit that it fills."""
    minutes = age // timedelta(minutes=1)
    for unit, size in (("day", 24 * 60), ("hour", 60)):
        if minutes >= size:
            return counted(minutes // size, unit)
    return counted(minutes, "minute")


def judge_switches(off: Collection[str]) -> list[HealthCheck]:
    """Whether somebody has switched ``off`` a sensor or schedule that the code has on."""
    do = "switch it on again in the UI, under Automation"
    found = []
    for names, grade, means in (
        (sorted(BILLING_SWITCHES & set(off)), Grade.WRONG, "usage is loaded or billed late, or not at all"),
        (sorted(set(off) - BILLING_SWITCHES), Grade.WARN, "what it does is done by nobody"),
    ):
        if names:
            found.append(HealthCheck("switches", grade, f"switched off in the UI: {', '.join(names)}; {means}", do))
    return found or [HealthCheck("switches", Grade.OK, "every sensor and schedule that should run is on")]
