"""What a wrong environment is told, and what an unset one means."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from fridge_pipeline.settings import DEFAULT_HOME, SettingError, Settings, read_settings


def test_each_wrong_variable_is_one_line_that_names_it_and_no_line_holds_a_secret() -> None:
    with pytest.raises(SettingError) as refused:
        read_settings(
            {
                "FRIDGE_MAX_IN_FLIGHT": "0",
                "FRIDGE_STRIPE_RATE": "fast",
                "STRIPE_API_KEY": "sk_test_top secret",
                "FRIDGE_ALERT_WEBHOOK": "secret",
                "FRIDGE_DATABASE_URL": "postgresql://u:secret@[h/b",
            }
        )
    lines = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "FRIDGE_DATABASE_URL",
        "FRIDGE_MAX_IN_FLIGHT",
        "FRIDGE_ALERT_WEBHOOK",
        "STRIPE_API_KEY",
        "FRIDGE_STRIPE_RATE",
    ]
    assert "FRIDGE_MAX_IN_FLIGHT: must be at least 1, got '0'" in lines
    assert "FRIDGE_STRIPE_RATE: must be a number, got 'fast'" in lines
    assert "secret" not in str(refused.value).replace("a secret", "")
    assert refused.value.__context__ is None, "pydantic's error holds what was given, and a traceback would show it"


def test_a_path_that_cannot_be_found_is_said_once_and_not_again_for_what_follows_from_it() -> None:
    for name in ("FRIDGE_HOME", "FRIDGE_METERS", "FRIDGE_ARCHIVE_URI"):
        with pytest.raises(
            SettingError, match=rf"^{name}: there is no home folder of that user, got '~nobody-here/f'$"
        ):
            read_settings({name: "~nobody-here/f"})


def test_landing_zone_and_archive_are_below_home_unless_they_are_set(tmp_path: Path) -> None:
    assert read_settings({}).landing_uri == str(DEFAULT_HOME / "landing")
    settings = read_settings({"FRIDGE_HOME": str(tmp_path), "FRIDGE_LANDING_URI": " ", "FRIDGE_UNKNOWN": "x"})
    assert (settings.landing_uri, settings.archive, settings.landing_is_default) == (
        str(tmp_path / "landing"),
        tmp_path,
        True,
    )


@pytest.mark.parametrize("missing", ["FRIDGE_ALERT_FROM", "FRIDGE_ALERT_TO"])
def test_mail_without_one_of_its_ends_is_refused(missing: str) -> None:
    given = {"FRIDGE_ALERT_SMTP": "smtp://h", "FRIDGE_ALERT_FROM": "a@b", "FRIDGE_ALERT_TO": "c@d", missing: ""}
    with pytest.raises(SettingError, match=r"^FRIDGE_ALERT_SMTP: needs FRIDGE_ALERT_FROM"):
        read_settings(given)


@pytest.mark.parametrize("said", ["YES", "true", "1", "no"])
def test_nothing_but_yes_is_a_decision(said: str) -> None:
    settings = read_settings({"FRIDGE_ALLOW_LIVE_STRIPE": said, "FRIDGE_CANARY": said})
    assert (settings.live_stripe_allowed, settings.canary) == (False, False)


NUMBERS = (
    *(
        f"{field.validation_alias}"
        for field in Settings.model_fields.values()
        if isinstance(field.default, int | float | timedelta) and not isinstance(field.default, bool)
    ),
    "FRIDGE_KEEP_MONTHS",
    "FRIDGE_STRIPE_RATE",
)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("said", ["1e300", "1e400", "nan", "-1", "99999999999999999999", "1e10", "seven"])
def test_a_number_that_no_clock_or_counter_takes_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(
        SettingError, match=rf"^{name}: must be (a number|at least [0-9.]+|at most [0-9,]+), got '{said}'$"
    ):
        read_settings({name: said})


@pytest.mark.parametrize("name", ["FRIDGE_MAX_IN_FLIGHT", "FRIDGE_KEEP_MONTHS", "FRIDGE_STRIPE_READS"])
def test_a_fraction_of_what_is_counted_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: must be a whole number, got '2.9'$"):
        read_settings({name: "2.9"})


def test_the_home_folder_of_a_user_is_found_for_the_landing_zone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given in ("~/zone", "zone", str(tmp_path / "zone")):
        assert read_settings({"FRIDGE_LANDING_URI": given}).landing_uri == str(tmp_path / "zone")
    for given in ("s3://bucket/zone", "file:///zone"):
        assert read_settings({"FRIDGE_LANDING_URI": given}).landing_uri == given
