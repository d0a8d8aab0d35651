"""Stripe's own description of its answers, as JSON Schema: the trimmed copy here, and the full file where it is."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

TRIMMED = Path(__file__).with_name("stripe_answers.json")
FULL = Path(__file__).parents[3] / "shared" / "reference" / "stripe-meter-openapi.json"

LISTS = {  # the inline schemas of list answers have no name in the full file
    "list.billing.meter": "/v1/billing/meters",
    "list.billing.meter_event_summary": "/v1/billing/meters/{id}/event_summaries",
    "list.v2.core.event": "/v2/core/events",
}
REPORTS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


def check(kind: str, answer: dict[str, Any], described_in: Path = TRIMMED) -> None:
    """Raise ``ValidationError`` unless the answer is of this kind; a report of refused events also inside."""
    _validator(kind, described_in).validate(answer)
    if kind == "v2.core.event":
        assert answer["type"] in REPORTS
        check("x.v1.billing.meter.error_report.data", answer["data"], described_in)


@cache
def _validator(kind: str, described_in: Path) -> Draft4Validator:
    described = json.loads(described_in.read_text())
    components = _as_json_schema(described["components"])
    if described_in == FULL and kind in LISTS:
        answers = described["paths"][LISTS[kind]]["get"]["responses"]
        return Draft4Validator(
            {**_as_json_schema(answers["200"]["content"]["application/json"]["schema"]), "components": components}
        )
    return Draft4Validator({"$ref": f"#/components/schemas/{kind}", "components": components})


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: ``nullable`` becomes a type; known properties become the only ones."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _as_json_schema(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    if schema.pop("nullable", None) is True:
        if "anyOf" in schema:
            schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
        else:
            schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema
