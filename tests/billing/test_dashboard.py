"""Where the UI's links to Stripe lead; a sandbox has no pages to open."""

from __future__ import annotations

import pytest

from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.reads import dashboard_of_meters
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.pipeline import Pipeline


def gateway_with(secret: str, base: str | None) -> StripeGateway:
    return StripeGateway(ApiKey(secret), base, RateLimiter(100, lambda: 0.0, lambda _seconds: None))


@pytest.mark.parametrize(
    ("secret", "page"),
    [
        ("sk_test_1", "https://dashboard.stripe.com/test/meters/"),
        ("rk_live_1", "https://dashboard.stripe.com/meters/"),
    ],
    ids=["test", "live"],
)
def test_each_meter_that_was_read_has_a_page_in_the_dashboard_of_the_keys_mode(
    pipeline: Pipeline, secret: str, page: str
) -> None:
    gateway = gateway_with(secret, None)
    assert dashboard_of_meters(gateway) == {}, "it calls nobody to find out"
    read = gateway._meters = pipeline.gateway.meters()
    names = {meter.event_name for meter in CATALOGUE}
    links = dashboard_of_meters(gateway)
    assert {name: links[name] for name in names} == {name: f"{page}{read[name].meter_id}" for name in names}


def test_a_sandbox_has_no_dashboard_with_a_test_key_either(pipeline: Pipeline) -> None:
    gateway = gateway_with("sk_test_1", pipeline.sandbox.url)
    assert gateway.known_meter(CATALOGUE[0].event_name).active
    assert dashboard_of_meters(gateway) == {}
