"""The shapes of Stripe's API: parameters as they come in, errors and lists as they go out.

    StripeError ── 400 the parameters are wrong      (not kept under an idempotency key)
                ── 400 / 404 the request was refused (kept and replayed under its idempotency key)
                ── 401 the key is missing, unreadable or a live one

The texts marked "seen" are the ones real accounts report; the others follow Stripe's manner.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

INVALID_REQUEST = "invalid_request_error"
IDEMPOTENCY = "idempotency_error"
LONGEST_TEXT = 5000  # what the schema allows where it names no other length
MOST_FIELDS = 1000  # far above any meter request; a bound, so that a body cannot grow without end
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")  # 18 digits: a signed 64-bit integer

Fields: TypeAlias = "dict[str, str | Fields]"


@dataclass
class StripeError(Exception):
    """An answer other than 200; everything that goes on the wire is in it.

    ``kept`` says whether execution had begun, so that the same ``Idempotency-Key`` gets the same refusal
    again (Stripe: docs.stripe.com/api/idempotent_requests; wrong parameters are not kept).
    """

    status: int
    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None
    kept: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.type}: {self.message}"

    def body(self, path: str = "") -> dict[str, object]:
        """The error object of the API that ``path`` belongs to; absent fields are left out, as Stripe does.

        Errors of the v2 API always have a code and name no parameter.
        """
        if path.startswith("/v2/"):
            return {"error": {"code": self.code or self.type, "message": self.message, "type": self.type}}
        named = {"code": self.code, "message": self.message, "param": self.param, "type": self.type}
        return {"error": {name: value for name, value in named.items() if value is not None}}


def wrong_parameter(message: str, param: str | None, code: str | None = None) -> StripeError:
    """400 for a parameter that is missing, unknown or unreadable; nothing was executed."""
    return StripeError(400, message, code=code, param=param)


def read_json(body: bytes, shape: str) -> Any:
    """What the sandbox itself is told, which ought to have a ``shape``. Raises ``StripeError`` (400)."""
    try:
        return json.loads(body, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise wrong_parameter(f"{shape} ({error}).", None) from error


def _whole_number(text: str) -> int:
    """Raises ``ValueError`` for one that no clock and no database holds."""
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def refused(message: str, param: str | None = None) -> StripeError:
    """400 for a readable request that may not be carried out."""
    return StripeError(400, message, param=param, kept=True)


def no_such(thing: str, identity: str, param: str, status: int = 404) -> StripeError:
    """The object that the request names does not exist."""
    text = f"No such {thing}: '{identity}'"
    return StripeError(status, text, code="resource_missing", param=param, kept=True)


def already_exists(identifier: str) -> StripeError:
    """The duplicate of a meter event: no ``code``, and the SDK is told not to retry (seen)."""
    text = f"An event already exists with identifier {identifier}."
    return StripeError(400, text, kept=True, headers={"stripe-should-retry": "false"})


def unauthorized(message: str) -> StripeError:
    """401: no usable key. The key itself never stands in the message."""
    return StripeError(401, message)


def unknown_path(method: str, path: str) -> StripeError:
    """404 for a path (or a method on it) that the sandbox does not have."""
    text = f"Unrecognized request URL ({method}: {path}). The local Stripe sandbox models meters, and what they bill."
    return StripeError(404, text)


def rate_limited(reason: str) -> StripeError:
    """429 of the rate limiter: it names its reason, and the SDK does not retry it on its own."""
    text = "Request rate limit exceeded. Learn more about rate limits at https://docs.stripe.com/rate-limits."
    return StripeError(429, text, code="rate_limit", headers={"Stripe-Rate-Limited-Reason": reason})


def lock_timeout(status: int = 429) -> StripeError:
    """Another call is at work on the same object; no reason header, and the SDK is told to retry.

    Stripe allows one call at a time per customer and meter: docs.stripe.com/rate-limits.
    """
    text = (
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it. Meter events take one concurrent call per customer and meter: send them one by one."
    )
    return StripeError(status, text, code="lock_timeout", headers={"stripe-should-retry": "true"})


def key_in_use(key: str | None) -> StripeError:
    """409: the first call under this idempotency key is still at work."""
    text = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key or 'none'}. Please try again later."
    )
    return StripeError(409, text, code="idempotency_key_in_use", headers={"stripe-should-retry": "true"})


def out_of_order(status: int, *, kept: bool) -> StripeError:
    """500 or 503: Stripe itself failed; a kept one comes again under its idempotency key."""
    return StripeError(status, "An unknown error occurred on our side.", type="api_error", kept=kept)


def parse(encoded: str) -> Form:
    """``payload[value]=5&event_name=e`` as a form. Raises ``StripeError`` (400) when it is unreadable."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:  # also UnicodeDecodeError
        raise wrong_parameter(f"Invalid request: the form-encoded body is unreadable ({error}).", None) from error
    fields: Fields = {}
    for name, value in pairs:
        _place(fields, name, value)
    return Form(fields)


def _place(fields: Fields, name: str, value: str) -> None:
    *groups, last = name.replace("]", "").split("[")
    for group in groups:
        inner = fields.setdefault(group, {})
        if isinstance(inner, str):
            raise wrong_parameter(f"Invalid request: {group} is given both as a value and as a group.", name)
        fields = inner
    last = last or str(len(fields))  # name[]=a&name[]=b
    if isinstance(fields.get(last), dict):
        raise wrong_parameter(f"Invalid request: {last} is given both as a value and as a group.", name)
    fields[last] = value


@dataclass(frozen=True)
class Form:
    """The parameters of one request, or of one bracketed group in it.

    Every reader raises ``StripeError`` (400) that names the parameter as the caller wrote it.
    """

    fields: Fields
    prefix: str = ""

    def full_name(self, key: str) -> str:
        """The parameter's name on the wire: ``payload[value]``."""
        return f"{self.prefix}[{key}]" if self.prefix else key

    def allow_only(self, *keys: str) -> None:
        """Refuse every parameter that is not named (``expand`` is always allowed: nothing here is folded)."""
        for key in self.fields:
            if key not in keys and (key != "expand" or self.prefix):
                name = self.full_name(key)
                raise wrong_parameter(f"Received unknown parameter: {name}", name, "parameter_unknown")

    def text(self, key: str, longest: int = LONGEST_TEXT) -> str:
        """A parameter that has to be there."""
        value = self.optional_text(key, longest)
        if value is None:
            name = self.full_name(key)
            raise wrong_parameter(f"Missing required param: {name}.", name, "parameter_missing")
        return value

    def optional_text(self, key: str, longest: int = LONGEST_TEXT) -> str | None:
        """A parameter that may be left out, but not be empty."""
        value = self.fields.get(key)
        if value is None:
            return None
        name = self.full_name(key)
        if not isinstance(value, str):
            raise wrong_parameter(f"Invalid string: {name} is a group of values.", name)
        if not value:
            text = f"You passed an empty string for '{name}'; it cannot be unset. Leave it out or give a value."
            raise wrong_parameter(text, name, "parameter_invalid_empty")
        if len(value) > longest:
            text = f"Invalid string: {name} has {len(value)} characters; must be at most {longest} characters."
            raise wrong_parameter(text, name)
        return value

    def integer(self, key: str) -> int:
        """A whole number that has to be there."""
        return self._as_integer(key, self.text(key))

    def optional_integer(self, key: str) -> int | None:
        """A whole number that may be left out."""
        value = self.optional_text(key)
        return None if value is None else self._as_integer(key, value)

    def _as_integer(self, key: str, value: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(value):
            raise wrong_parameter(f"Invalid integer: {value}", self.full_name(key), "parameter_invalid_integer")
        return int(value)

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed words; has to be there."""
        return self._one_of(key, self.text(key), allowed)

    def optional_choice(self, key: str, allowed: Sequence[str]) -> str | None:
        """One of the allowed words, or nothing."""
        value = self.optional_text(key)
        return None if value is None else self._one_of(key, value, allowed)

    def _one_of(self, key: str, value: str, allowed: Sequence[str]) -> str:
        if value not in allowed:
            name = self.full_name(key)
            raise wrong_parameter(f"Invalid {name}: must be one of {', '.join(allowed)}", name)
        return value

    def optional_boolean(self, key: str) -> bool | None:
        """``true`` or ``false``, or nothing."""
        value = self.optional_choice(key, ("true", "false"))
        return None if value is None else value == "true"

    def rows(self, key: str) -> list[Form]:
        """The groups of a list (``key[0][…]``, ``key[1][…]``), in its order; none when it is not there."""
        listed = self.optional_group(key)
        if listed is None:
            return []
        return [listed.group(place) for place in sorted(listed.fields, key=lambda place: (len(place), place))]

    def optional_group(self, key: str) -> Form | None:
        """The parameters in brackets behind ``key``; nothing when there are none."""
        value = self.fields.get(key)
        if isinstance(value, str):
            name = self.full_name(key)
            raise wrong_parameter(f"Invalid hash: {name} has to be a group such as {name}[key]=…", name)
        return None if value is None else Form(value, self.full_name(key))

    def group(self, key: str) -> Form:
        """The parameters in brackets behind ``key``, which have to be there."""
        group = self.optional_group(key)
        if group is None:
            name = self.full_name(key)
            raise wrong_parameter(f"Missing required param: {name}.", name, "parameter_missing")
        return group

    def flat(self, longest: int) -> dict[str, str]:
        """This group as a flat map of texts, empty ones included."""
        for key, value in self.fields.items():
            name = self.full_name(key)
            if not isinstance(value, str):
                raise wrong_parameter(f"Invalid string: {name} is a group of values.", name)
            if len(value) > longest:
                raise wrong_parameter(f"Invalid string: {name} must be at most {longest} characters.", name)
        return {key: value for key, value in self.fields.items() if isinstance(value, str)}
