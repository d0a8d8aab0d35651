"""Stripe's ``/v2/core/events``: the reports of refused events, newest first, for 30 days.

Lists of the v2 API carry the address of their next page instead of cursors to be built by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlencode

from stripe_sandbox.errors import no_such, wrong_parameter
from stripe_sandbox.paging import LARGEST_LIMIT
from stripe_sandbox.report import as_stripe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_sandbox.books import Books
    from stripe_sandbox.stripe_shapes import Fields, Form

CORE_EVENTS = "/v2/core/events"
DAYS_30 = 30 * 86_400.0  # seconds: "you can access events … for 30 days" (Stripe's description of the event)
DEFAULT_LIMIT = 20
MOST_TYPES = 20  # Stripe's description of the parameter

_SIDES = {"gt": gt, "gte": ge, "lt": lt, "lte": le}

CoreEvent: TypeAlias = dict[str, object]
Wanted: TypeAlias = Callable[[CoreEvent], bool]


def event_page(books: Books, form: Form, now: float) -> dict[str, object]:
    """One page of the reports that match the request's filters. Raises ``StripeError`` (400)."""
    form.allow_only("types", "object_id", "created", "limit", "page")
    limit = form.optional_integer("limit")
    limit = DEFAULT_LIMIT if limit is None else limit
    if not 1 <= limit <= LARGEST_LIMIT:
        raise wrong_parameter(f"limit must be between 1 and {LARGEST_LIMIT}. Received {limit}.", "limit")
    wanted = [_of_types(form), _of_object(form), _created(form)]
    events = [event for event in _reported(books, now) if all(wants(event) for wants in wanted)]
    start = _start_of_page(events, form, limit)
    data = events[start : start + limit]
    return {
        "data": data,
        "next_page_url": _url(form, f"after.{data[-1]['id']}") if start + limit < len(events) else None,
        "previous_page_url": _url(form, f"before.{data[0]['id']}") if start > 0 and data else None,
    }


def event_of(books: Books, identity: str, now: float) -> CoreEvent:
    """The report with this id. Raises ``StripeError`` (404), also when it is older than 30 days."""
    for event in _reported(books, now):
        if event["id"] == identity:
            return event
    raise no_such("event", identity, "id")


def _reported(books: Books, now: float) -> Iterator[CoreEvent]:
    # A report comes once its validation window has ended, so nothing that was read can grow afterwards.
    closed = [refusals for refusals in books.reports.values() if refusals[0].end <= now < refusals[0].end + DAYS_30]
    for refusals in sorted(closed, key=lambda refusals: refusals[0].end, reverse=True):
        yield as_stripe(refusals)


def _of_types(form: Form) -> Wanted:
    group = form.optional_group("types")
    if group is None:
        return lambda _: True
    types = list(group.flat(100).values())
    if len(types) > MOST_TYPES:
        raise wrong_parameter(f"types may name up to {MOST_TYPES} types.", "types")
    return lambda event: event["type"] in types


def _of_object(form: Form) -> Wanted:
    identity = form.optional_text("object_id")
    if identity is None:
        return lambda _: True
    return lambda event: str(event.get("related_object", {"id": None})["id"]) == identity  # type: ignore[index]


def _created(form: Form) -> Wanted:
    group = form.optional_group("created")
    if group is None:
        return lambda _: True
    group.allow_only(*_SIDES)
    bounds = [(_SIDES[side], _moment(text, group.full_name(side))) for side, text in group.flat(100).items()]
    return lambda event: all(holds(_moment(str(event["created"]), "created"), bound) for holds, bound in bounds)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise wrong_parameter(f"{name} has to be a time such as 2026-01-24T18:00:00Z. Received {text}.", name)
    return moment


def _start_of_page(events: list[CoreEvent], form: Form, limit: int) -> int:
    page = form.optional_text("page")
    if page is None:
        return 0
    side, _, identity = page.partition(".")
    for place, event in enumerate(events):
        if event["id"] == identity and side in {"after", "before"}:
            return place + 1 if side == "after" else max(0, place - limit)
    raise wrong_parameter(f"There is no page {page}: take page addresses from a list.", "page")


def _url(form: Form, page: str) -> str:
    asked = {name: value for name, value in form.fields.items() if name != "page"}
    return f"{CORE_EVENTS}?{urlencode([*_pairs(asked), ('page', page)])}"


def _pairs(fields: Fields, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, str):
            yield name, value
        else:
            yield from _pairs(value, name)
