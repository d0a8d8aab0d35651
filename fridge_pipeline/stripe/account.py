"""Which account a key belongs to."""

from __future__ import annotations

from urllib.parse import urlsplit

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.api_key import KeyMode


def host_of(gateway: StripeGateway) -> str:
    """The host that is called, with its port where it has one."""
    return urlsplit(gateway.base).netloc.rpartition("@")[2]


def account_id(gateway: StripeGateway) -> str | None:
    """Stripe's id of the account, asked once; ``None`` on the sandbox, which has none, and where Stripe does not say.

    A key that may not read its account, and a Stripe that does not answer, are no reason not to bill.
    """
    if gateway.mode is KeyMode.SANDBOX:
        return None
    try:
        with gateway.reading("reading the account") as client:
            return client.v1.accounts.retrieve_current().id
    except StripeCallError:
        return None
