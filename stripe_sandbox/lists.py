"""Lists as Stripe pages and filters them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import ge, gt, le, lt
from typing import Protocol, TypeVar

from stripe_sandbox.stripe_shapes import Form, no_such, wrong_parameter

DEFAULT_LIMIT = 10  # both from Stripe's schema
LARGEST_LIMIT = 100
CURSORS = ("limit", "starting_after", "ending_before")
SIDES = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


class Listed(Protocol):
    """Whatever stands in a list: it has an id."""

    @property
    def id(self) -> str:
        """The id that cursors name."""
        ...


Thing = TypeVar("Thing", bound=Listed)


class Created(Listed, Protocol):
    """Whatever was created at some time."""

    @property
    def created(self) -> int:
        """Unix seconds."""
        ...


Dated = TypeVar("Dated", bound=Created)


def page(objects: Sequence[dict[str, object]], form: Form, url: str) -> dict[str, object]:
    """One page of finished ``objects`` (in list order); see ``page_of``."""
    start, end, more = _cut([str(each["id"]) for each in objects], form)
    return {"object": "list", "data": list(objects[start:end]), "has_more": more, "url": url}


def page_of(
    things: Sequence[Thing], form: Form, url: str, show: Callable[[Thing], dict[str, object]]
) -> dict[str, object]:
    """One page of ``things`` (in list order), as the cursor and limit of the request say; only these are shown.

    Raises ``StripeError``: 400 for a limit outside 1 to 100 or two cursors, 404 for an unknown cursor.
    """
    start, end, more = _cut([each.id for each in things], form)
    return {"object": "list", "data": [show(each) for each in things[start:end]], "has_more": more, "url": url}


def newest_first(things: Iterable[Dated]) -> list[Dated]:
    """By time of creation, newest first; of equally old ones, the one made last."""
    found = list(things)
    found.reverse()  # sorting keeps the order of equals
    return sorted(found, key=lambda thing: thing.created, reverse=True)


def within(form: Form, key: str) -> Callable[[int], bool]:
    """The filter that ``created[gte]=…`` or ``created=…`` asks for; without it everything passes."""
    said = form.fields.get(key)
    if said is None:
        return lambda _: True
    if isinstance(said, str):
        exact = form.integer(key)
        return lambda value: value == exact
    group = form.group(key)
    group.allow_only(*SIDES)
    bounds = [(SIDES[side], group.integer(side)) for side in group.fields]
    return lambda value: all(holds(value, bound) for holds, bound in bounds)


def limit_of(form: Form, default: int = DEFAULT_LIMIT) -> int:
    """The length of a page. Raises ``StripeError`` (400) outside 1 to 100."""
    limit = form.optional_integer("limit")
    limit = default if limit is None else limit
    if not 1 <= limit <= LARGEST_LIMIT:
        raise wrong_parameter(f"limit must be between 1 and {LARGEST_LIMIT}. Received {limit}.", "limit")
    return limit


def _cut(ids: Sequence[str], form: Form) -> tuple[int, int, bool]:
    limit = limit_of(form)
    after, before = form.optional_text("starting_after"), form.optional_text("ending_before")
    if after and before:
        text = "You may only specify one of these parameters: starting_after, ending_before."
        raise wrong_parameter(text, "ending_before")
    if before:
        end = _position(ids, before, "ending_before")
        return max(0, end - limit), end, end > limit
    start = _position(ids, after, "starting_after") + 1 if after else 0
    return start, start + limit, len(ids) > start + limit


def _position(ids: Sequence[str], cursor: str, param: str) -> int:
    if cursor not in ids:
        raise no_such("object in this list", cursor, param)
    return ids.index(cursor)
