"""Lists of Stripe, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.limits import PAGE_SIZE

#: Called before each read, also one that fails.
CountRead = Callable[[], None]


def paged(
    gateway: StripeGateway,
    doing: str,
    method: Callable[[Any], Callable[..., Any]],
    params: Mapping[str, Any],
    count_read: CountRead,
    *of: str,
) -> Iterator[list[dict[str, Any]]]:
    """Page by page what a list of the SDK holds; ``of`` is what it is a list of, where that is one object."""
    which = {**params, "limit": PAGE_SIZE}
    while True:
        count_read()
        with gateway.reading(doing) as client:
            page = method(client.v1)(*of, which)
        read = [each.to_dict() for each in page.data]
        yield read
        if not page.has_more:
            return
        which = {**which, "starting_after": read[-1]["id"]}


def items_of(
    gateway: StripeGateway, subscription: Mapping[str, Any], count_read: CountRead = lambda: None
) -> list[dict[str, Any]]:
    """All items of a subscription's object, which has the first ten or so inside."""
    inside, subscription_id = subscription["items"], subscription["id"]
    if not inside["has_more"]:
        return list(inside["data"])
    doing, of = f"reading the items of {subscription_id}", {"subscription": subscription_id}
    pages = paged(gateway, doing, lambda client: client.subscription_items.list, of, count_read)
    return [each for page in pages for each in page]
