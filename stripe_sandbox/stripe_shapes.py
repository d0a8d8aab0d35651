"""Stripe's request parameters: form encoding with brackets, read by name with Stripe's refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from stripe_sandbox.errors import wrong_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

Fields: TypeAlias = "dict[str, str | Fields]"

LONGEST_TEXT = 5000  # what the schema allows where it names no other length
MOST_FIELDS = 1000  # far above any meter request; a bound, so that a body cannot grow without end
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")  # 18 digits: a signed 64-bit integer


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
