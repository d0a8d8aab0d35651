"""Laws of the listing plan: news are always listed, the rest costs no more than a budget and has its turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import (
    NEWEST_FILES,
    QUIET_AFTER,
    ROTATING_FILES,
    FolderVersion,
    LoadedListing,
    plan_listing,
)

FIRST = Hour.from_key("2026-01-01-00:00")
COUNTS = st.lists(st.integers(1, 2 * ROTATING_FILES), max_size=40)


def unchanged_hours(counts: list[int]) -> tuple[dict[Hour, FolderVersion | None], dict[Hour, LoadedListing]]:
    """Consecutive hours of so many files each, loaded and untouched since; each folder newer than the one before."""
    hours = [FIRST.plus(step) for step in range(len(counts))]
    folders: dict[Hour, FolderVersion | None] = {
        hour: FolderVersion("as loaded", step) for step, hour in enumerate(hours)
    }
    loaded = {hour: LoadedListing(f"{count}:d1935", "as loaded") for hour, count in zip(hours, counts, strict=True)}
    return folders, loaded


@given(COUNTS, st.integers(-1, 40))
def test_hours_without_news_cost_a_tick_no_more_files_than_its_budget(counts: list[int], turn: int) -> None:
    folders, loaded = unchanged_hours(counts)
    plan = plan_listing(folders, loaded, FIRST.plus(turn))
    assert sum(loaded[hour].file_count for hour in plan.hours) <= NEWEST_FILES + ROTATING_FILES


@given(COUNTS)
def test_every_hour_that_fits_a_turn_is_listed_within_a_round(counts: list[int]) -> None:
    folders, loaded = unchanged_hours(counts)
    fitting = {hour for hour, listing in loaded.items() if listing.file_count <= ROTATING_FILES}
    files = sum(loaded[hour].file_count for hour in fitting)
    seen: set[Hour] = set()
    turn = None
    for _ in range(2 * files // ROTATING_FILES + 1):
        plan = plan_listing(folders, loaded, turn)
        seen |= set(plan.hours)
        turn = plan.turn
    assert seen == fitting


@given(COUNTS, st.data())
def test_an_hour_whose_folder_is_not_the_loaded_one_is_listed_whatever_it_costs(
    counts: list[int], data: st.DataObject
) -> None:
    folders, loaded = unchanged_hours(counts)
    changed = set(data.draw(st.lists(st.sampled_from(sorted(folders)))) if folders else ())
    for number, hour in enumerate(sorted(changed)):
        if number % 4 == 0:
            folders[hour] = FolderVersion("another", 0)
        elif number % 4 == 1:
            folders[hour] = None  # a store that does not tell
        elif number % 4 == 2:
            loaded[hour] = LoadedListing(loaded[hour].fingerprint, None)
        else:
            del loaded[hour]
    assert changed <= set(plan_listing(folders, loaded, None).hours)


def test_the_folders_that_changed_last_are_listed_whosever_turn_it_is() -> None:
    folders, loaded = unchanged_hours([ROTATING_FILES // 2] * 10 + [NEWEST_FILES // 2] * 2)
    last_two = {FIRST.plus(10), FIRST.plus(11)}
    for turn in range(-1, 12):
        assert last_two <= set(plan_listing(folders, loaded, FIRST.plus(turn)).hours)


def test_a_small_landing_zone_is_listed_as_a_whole_each_time() -> None:
    folders, loaded = unchanged_hours([100] * (ROTATING_FILES // 100))
    assert plan_listing(folders, loaded, FIRST.plus(7)).hours == sorted(folders)


def test_a_folder_is_quiet_once_its_last_change_is_longer_ago_than_times_are_coarse() -> None:
    now = datetime(2026, 1, 24, 18, tzinfo=UTC)
    changed_at = (now - QUIET_AFTER).timestamp()
    assert not FolderVersion("x", changed_at).is_quiet(now)
    assert FolderVersion("x", changed_at).is_quiet(now + timedelta(milliseconds=1))
    assert not FolderVersion("x", (now + timedelta(days=1)).timestamp()).is_quiet(now), "a clock ahead of ours"
