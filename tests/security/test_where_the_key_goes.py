"""Who is given the Stripe key: an address that nobody on the way reads along with, and Stripe alone the live one."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import pytest
import stripe

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.settings import SECRETS, SettingError, read_settings, without_secrets
from fridge_pipeline.stripe.rules.api_key import STRIPE_HOSTS, LiveKeyRefusedError
from tests.console_script import Run
from tests.pipeline import Pipeline

LIVE = {"STRIPE_API_KEY": "sk_live_1234567890abcdef", "FRIDGE_ALLOW_LIVE_STRIPE": "yes"}


@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "http://127.0.0.1.example.com:8080",
        "http://localhost.example.com",
        "https://me:hidden@stripe.example",
        "https://hidden@127.0.0.1",
        "https://stripe.example?token=hidden",
        "https://stripe.example/v1#hidden",
        "https://api.stripe.com\\@hidden.example",
        "https://stripe.example:hidden",
        "ftp://hidden.example",
        "hidden.example",
        "https://hidden.example/a b",
    ],
)
def test_an_address_that_others_read_along_with_or_that_holds_a_secret_is_refused_and_not_repeated(base: str) -> None:
    with pytest.raises(SettingError, match=r"^STRIPE_API_BASE: ") as refused:
        read_settings({"STRIPE_API_BASE": base})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "base", ["https://stripe.example:8443/proxy/", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost:12111"]
)
def test_other_addresses_are_called_as_they_are_given(base: str) -> None:
    assert read_settings({"STRIPE_API_BASE": base}).stripe_base == base.rstrip("/")


@pytest.mark.parametrize(
    ("base", "decided", "is_allowed"),
    [
        ("", "", True),
        ("https://api.stripe.com", "", True),
        ("https://API.stripe.com:443/", "", True),
        ("https://api.stripe.com.example", "", False),
        ("https://stripe.example", "", False),
        ("https://stripe.example", "yes", False),
        ("https://stripe.example", "stripe.example:8443", False),
        ("https://stripe.example:8443", "stripe.example:8443", True),
        ("http://127.0.0.1:9", "", False),
        ("http://127.0.0.1:9", "127.0.0.1:9", True),
    ],
)
def test_L11_a_live_key_goes_to_stripes_own_host_unless_another_one_is_decided_for(  # noqa: N802
    base: str,
    decided: str,
    *,
    is_allowed: bool,
) -> None:
    elsewhere = {"STRIPE_API_BASE": base, "FRIDGE_LIVE_STRIPE_HOST": decided}
    if is_allowed:
        assert read_settings(LIVE | elsewhere).api_key().secret == LIVE["STRIPE_API_KEY"]
        return
    with pytest.raises(LiveKeyRefusedError, match="FRIDGE_LIVE_STRIPE_HOST=") as refused:
        read_settings(LIVE | elsewhere).api_key()
    assert "1234567890abcdef" not in str(refused.value)
    assert read_settings({**elsewhere, "STRIPE_API_KEY": "sk_test_1234567890abcdef"}).api_key()


def test_stripes_own_hosts_are_those_of_its_sdk() -> None:
    bases = (stripe.DEFAULT_API_BASE, stripe.DEFAULT_METER_EVENTS_API_BASE)
    assert tuple(urlsplit(base).netloc for base in bases) == STRIPE_HOSTS


@pytest.mark.parametrize("command", ["bill", "stripe setup"])
def test_L11_a_live_key_over_books_of_a_rehearsal_is_refused_also_when_nothing_is_to_be_sent(  # noqa: N802
    run: Run, pipeline: Pipeline, two_days_ago: datetime, command: str
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.run(hour)
    span = ["--from", hour.key, "--to", hour.key] if command == "bill" else []
    live = LIVE | {"FRIDGE_LIVE_STRIPE_HOST": urlsplit(pipeline.sandbox.url).netloc}
    before = pipeline.stripe_totals("cohoes")
    done = run(*command.split(), *span, FRIDGE_PARTITIONS_START=hour.key, **live)
    assert done.returncode == 1
    assert "these books have been stated with a sandbox or test key and cannot serve real billing" in done.stderr
    assert "Traceback" not in done.stderr
    assert pipeline.stripe_totals("cohoes") == before


def test_a_child_that_needs_no_secret_is_given_none_whether_it_stands_in_the_environment_or_in_a_file() -> None:
    given = {name + suffix: "secret" for name in SECRETS for suffix in ("", "_FILE")}
    given |= dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT"), "secret")
    kept = without_secrets({**given, "FRIDGE_HOME": "/home/of/fridge"}, keep=["FRIDGE_DATABASE_URL"])
    assert kept == {
        "FRIDGE_HOME": "/home/of/fridge",
        "FRIDGE_DATABASE_URL": "secret",
        "FRIDGE_DATABASE_URL_FILE": "secret",
    }
