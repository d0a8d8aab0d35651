#!/usr/bin/env bash
# fastavro writes 1.7 into a long as 1, and the text "false" into a boolean as true, without an error.
#
# Seen with fastavro 1.13.1 (2026-11-30, Linux x86-64, Python 3.11): the writer converts what it is given to what the
# schema says. A Decimal of 2.9 becomes 2, a double too large for a float infinity; a text for a long is a TypeError.
# Kilowatt hours, or an amount in a currency with cents, whose schema says long lose all behind the point, and the
# reader has no sign of it. writer(..., validator=True) refuses these, except for the infinity. In a union the order
# decides: a whole number goes into the first number type, so ["double", "long"] rounds 2^53 + 1, with and without the
# validator, and ["long", "double"] keeps it.
#
# Fails when the writer refuses one of them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    fastavro==1.13.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import io
import math
from decimal import Decimal

import fastavro
from fastavro.validation import ValidationError


def read_back(kind, value, **settings):
    """The value as a reader has it, or that the writer refuses it."""
    file = io.BytesIO()
    schema = {"type": "record", "name": "usage", "fields": [{"name": "value", "type": kind}]}
    try:
        fastavro.writer(file, schema, [{"value": value}], **settings)
    except ValidationError:
        return "refused"
    file.seek(0)
    return next(fastavro.reader(file))["value"]


GIVEN = [
    ("long", 1.7, 1),
    ("long", Decimal("2.9"), 2),
    ("boolean", "false", True),
    ("float", 1e300, math.inf),
    (["double", "long"], 2**53 + 1, 2.0**53),
    (["long", "double"], 2**53 + 1, 2**53 + 1),
]
for kind, value, expected in GIVEN:
    plain, validated = read_back(kind, value), read_back(kind, value, validator=True)
    print(f"{kind} of {value!r}: {plain!r}, with the validator {validated!r}")
    assert plain == expected and type(plain) is type(expected)
    assert validated == ("refused" if kind in ("long", "boolean") else expected)
PYTHON
