#!/usr/bin/env bash
# msgspec takes 15 of the 10,000 amounts below 100.00 for multiples of 0.01, jsonschema 8,637, three others all.
#
# Seen with msgspec 0.23.0, jsonschema 4.26.0, jsonschema-rs 0.61.2, fastjsonschema 2.22.3 and pydantic 2.14.4
# (2026-12-01, Linux x86-64, Python 3.11): "multipleOf": 0.01 is how a schema says that an amount has at most two
# places. 0.01 is no exact number in binary. msgspec asks for a remainder of exactly 0, which 0.00 and 0.01 doubled
# again and again have, up to 81.92: 0.03 and 1.00 are refused; jsonschema divides and asks for a whole number, which
# 0.07, 0.29 and 19.99 are not for it. jsonschema-rs, fastjsonschema and pydantic take all 10,000. Which amounts a
# schema lets through depends on the library behind it, and invoices are turned away by their sum. Use Decimal with
# decimal_places in pydantic, whole cents, or a text with a pattern.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    msgspec==0.23.0 jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3 \
    pydantic==2.14.4 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import json
from typing import Annotated

import fastjsonschema
import jsonschema
import jsonschema_rs
import msgspec
import pydantic

SCHEMA = {"type": "number", "multipleOf": 0.01}
AMOUNTS = [f"{cents // 100}.{cents % 100:02}" for cents in range(10_000)]
by_jsonschema = jsonschema.Draft202012Validator(SCHEMA)
by_rust = jsonschema_rs.validator_for(SCHEMA)
by_function = fastjsonschema.compile(SCHEMA)
by_pydantic = pydantic.TypeAdapter(Annotated[float, pydantic.Field(multiple_of=0.01)])
by_msgspec = msgspec.json.Decoder(Annotated[float, msgspec.Meta(multiple_of=0.01)])
REFUSALS = fastjsonschema.JsonSchemaException, pydantic.ValidationError, msgspec.ValidationError


def taken(check, amounts):
    """Those of the amounts that the check lets through."""
    through = []
    for amount in amounts:
        try:
            if check(amount) is not False:
                through.append(amount)
        except REFUSALS:
            continue
    return through


CHECKS = {
    "msgspec": by_msgspec.decode,
    "jsonschema": lambda amount: by_jsonschema.is_valid(json.loads(amount)),
    "jsonschema-rs": lambda amount: by_rust.is_valid(json.loads(amount)),
    "fastjsonschema": lambda amount: by_function(json.loads(amount)),
    "pydantic": by_pydantic.validate_json,
}
found = {who: taken(check, AMOUNTS) for who, check in CHECKS.items()}
for who, amounts in found.items():
    print(f"{who}: {len(amounts)} of {len(AMOUNTS)}, {', '.join(amounts[:16])}")
assert [len(amounts) for amounts in found.values()] == [15, 8637, 10_000, 10_000, 10_000]
assert not {"0.03", "1.00", "19.99"} & set(found["msgspec"])
assert not {"0.07", "0.29", "19.99"} & set(found["jsonschema"])
assert {who: len(taken(check, ["4.205", "0.001"])) for who, check in CHECKS.items()} == dict.fromkeys(CHECKS, 0)
PYTHON
