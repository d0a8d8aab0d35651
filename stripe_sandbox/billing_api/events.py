"""Events of the v1 API: what happened to invoices and credit notes, with the object as it stood then."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox.billing.happenings import KEPT, Happening
from stripe_sandbox.billing_api.lookup import found
from stripe_sandbox.calls import Call
from stripe_sandbox.lists import CURSORS, newest_first, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, wrong_parameter

MOST_TYPES = 20


def list_events(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/events`` of the last 30 days, newest first; ``type`` may end in ``.*``."""
    form = call.form
    form.allow_only("created", "type", "types", "delivery_success", *CURSORS)
    of_type, created = _of_type(form), within(form, "created")
    kept = [each for each in _kept(sandbox, call).values() if of_type(each.type) and created(each.created)]
    return page_of(newest_first(kept), form, call.path, Happening.as_stripe)


def retrieve_event(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/events/{id}``. Raises ``StripeError`` (404), also when it is older than 30 days."""
    call.form.allow_only()
    return found(_kept(sandbox, call), call.names["id"], "event", "id").as_stripe()


def _kept(sandbox: Sandbox, call: Call) -> dict[str, Happening]:
    happened = sandbox.books.billing.happenings
    return {identity: each for identity, each in happened.items() if not each.thin and call.now - each.created <= KEPT}


def _of_type(form: Form) -> Callable[[str], bool]:
    one, several = form.optional_text("type"), form.optional_group("types")
    if one is not None and several is not None:
        raise wrong_parameter("You may only specify one of these parameters: type, types.", "types")
    if several is not None:
        types = set(several.flat(100).values())
        if len(types) > MOST_TYPES:
            raise wrong_parameter(f"types may name up to {MOST_TYPES} types.", "types")
        return lambda kind: kind in types
    if one is None:
        return lambda _: True
    if one.endswith("*"):
        return lambda kind: kind.startswith(one[:-1])
    return lambda kind: kind == one
