from __future__ import annotations

from datetime import UTC, datetime

from fridge_pipeline.finance.rules.signoff import Action, Signoff, changes

TOTALS = {
    "meters": {"temperature_readings": {"usage": 10, "stripe": None}},
    "files": {"row_count": 12},
}


def test_who_signed_is_told_by_the_login_and_a_typed_name_is_a_label_beside_it() -> None:
    at = datetime(2026, 2, 2, tzinfo=UTC)
    assert Signoff(Action.APPROVE, "Grace", at, acted_by="bob").signer == "bob (Grace)"
    assert Signoff(Action.APPROVE, "bob", at, acted_by="bob").signer == "bob"
    assert Signoff(Action.APPROVE, "Grace", at).signer == "Grace (login not recorded)"


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
