"""Stripe's own description of its answers, as JSON Schema: the trimmed copies here, and the full files where they are.

Meters and the v2 API stand in one file, everything about invoices in another; what stands in both is taken from the
second, which is newer.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft4Validator

Files: TypeAlias = tuple[Path, Path]

HERE, REFERENCE = Path(__file__).parent, Path(__file__).parents[3] / "shared" / "reference"
TRIMMED: Files = (HERE / "stripe_answers.json", HERE / "stripe_invoice_answers.json")
FULL: Files = (REFERENCE / "stripe-meter-openapi.json", REFERENCE / "stripe-invoice-openapi.json")

LISTS = {  # the inline schemas of list answers have no name in the full files
    "list.billing.meter": "/v1/billing/meters",
    "list.billing.meter_event_summary": "/v1/billing/meters/{id}/event_summaries",
    "list.credit_note": "/v1/credit_notes",
    "list.credit_note_line_item": "/v1/credit_notes/{credit_note}/lines",
    "list.event": "/v1/events",
    "list.invoice": "/v1/invoices",
    "list.invoiceitem": "/v1/invoiceitems",
    "list.line_item": "/v1/invoices/{invoice}/lines",
    "list.price": "/v1/prices",
    "list.product": "/v1/products",
    "list.subscription": "/v1/subscriptions",
    "list.subscription_item": "/v1/subscription_items",
    "list.v2.core.event": "/v2/core/events",
}
REPORTS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


def check(kind: str, answer: dict[str, Any], described_in: Files = TRIMMED) -> None:
    """Raise ``ValidationError`` unless the answer is of this kind; reports and events also inside."""
    _validator(kind, described_in).validate(answer)
    for event in answer["data"] if kind == "list.event" else [answer] if kind == "event" else []:
        told = event["data"]["object"]
        check(told["object"], told, described_in)
    if kind == "v2.core.event" and answer["type"] in REPORTS:
        check("x.v1.billing.meter.error_report.data", answer["data"], described_in)


@cache
def _validator(kind: str, described_in: Files) -> Draft4Validator:
    described = [json.loads(path.read_text()) for path in described_in]
    schemas = {name: schema for each in described for name, schema in each["components"]["schemas"].items()}
    components = {"schemas": _as_json_schema(schemas)}
    if kind in LISTS and kind not in schemas:
        (answers,) = (each["paths"][LISTS[kind]] for each in described if LISTS[kind] in each["paths"])
        schema = answers["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        return Draft4Validator({**_as_json_schema(schema), "components": components})
    return Draft4Validator({"$ref": f"#/components/schemas/{kind}", "components": components})


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: ``nullable`` becomes a type; known properties become the only ones."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _as_json_schema(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node["properties"]:
        schema.setdefault("additionalProperties", False)
    if schema.pop("nullable", None) is True:
        if "anyOf" in schema:
            schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
        elif "type" in schema:
            schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema
