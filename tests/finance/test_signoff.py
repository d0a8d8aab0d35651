from __future__ import annotations

import pytest

from fridge_pipeline.finance.rules.signoff import changes, is_same_person

TOTALS = {
    "meters": {"temperature_readings": {"usage": 10, "stripe": None}},
    "files": {"row_count": 12},
}


@pytest.mark.parametrize(
    "other", ["ada lovelace", "ADA LOVELACE", " Ada  Lovelace ", "Ada\u00a0Lovelace", "AdaLovelace"]
)
def test_a_name_is_the_same_persons_whatever_its_case_and_blanks(other: str) -> None:
    assert is_same_person("Ada Lovelace", other)
    assert not is_same_person("Grace Hopper", other)


def test_what_changed_in_control_totals_is_named_with_both_figures() -> None:
    assert changes(TOTALS, TOTALS) == []
    later = {
        "meters": {"temperature_readings": {"usage": 11, "stripe": 11}, "active_sensors": {"usage": 1}},
        "files": {"row_count": 12},
    }
    assert changes(TOTALS, later) == [
        "active_sensors usage was unknown and is 1",
        "temperature_readings stripe was unknown and is 11",
        "temperature_readings usage was 10 and is 11",
    ]
