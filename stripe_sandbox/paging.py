"""Stripe's list objects and their cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox.errors import no_such, wrong_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_sandbox.stripe_shapes import Form

DEFAULT_LIMIT = 10  # both from Stripe's schema
LARGEST_LIMIT = 100


def page(objects: Sequence[dict[str, object]], form: Form, url: str) -> dict[str, object]:
    """One page of ``objects`` (in list order), as the cursor and limit of the request say.

    Raises ``StripeError``: 400 for a limit outside 1…100 or two cursors, 404 for an unknown cursor.
    """
    limit = form.optional_integer("limit")
    limit = DEFAULT_LIMIT if limit is None else limit
    if not 1 <= limit <= LARGEST_LIMIT:
        raise wrong_parameter(f"limit must be between 1 and {LARGEST_LIMIT}. Received {limit}.", "limit")
    after, before = form.optional_text("starting_after"), form.optional_text("ending_before")
    if after and before:
        text = "You may only specify one of these parameters: starting_after, ending_before."
        raise wrong_parameter(text, "ending_before")
    if before:
        rest = objects[: _position(objects, before, "ending_before")]
        data = rest[-limit:]
    else:
        rest = objects[_position(objects, after, "starting_after") + 1 :] if after else objects
        data = rest[:limit]
    return {"object": "list", "data": list(data), "has_more": len(rest) > limit, "url": url}


def _position(objects: Sequence[dict[str, object]], cursor: str, param: str) -> int:
    for position, thing in enumerate(objects):
        if thing["id"] == cursor:
            return position
    raise no_such("object in this list", cursor, param)
