"""Open: the door to Stripe for these books, which are either stated for real or in rehearsal, never both."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from fridge_pipeline.billing.sendings import claim_books
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.api_key import KeyMode


def stripe_of_books(connection: psycopg.Connection, open_gateway: Callable[[], StripeGateway]) -> StripeGateway:
    """The gateway, once it is certain that its key is of the kind these books are stated with.

    For whoever sends and for whoever only reads: totals of another account would say that what is stated is missing.
    Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    gateway = open_gateway()
    claim_books(connection, is_live=gateway.mode is KeyMode.LIVE)
    return gateway
