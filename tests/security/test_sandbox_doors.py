"""The sandbox as a web page that rebinds a name, and whoever sends it odd JSON, meets it."""

from __future__ import annotations

import json

import pytest
import requests

from tests.sandbox_process import SandboxProcess, fresh_name
from tests.stripe_sandbox.billing_account import BillingAccount
from tests.stripe_sandbox.conftest import billing, reusable  # noqa: F401 # pytest finds them here

KEY = {"Authorization": "Bearer sk_test_x"}
REBOUND = {"Host": "rebound.example"}
CONTROLS = ("clock", "settings", "faults", "invoices", "usage")

#: What a reader of JSON may stumble over.
ODD = (
    "[" * 100_000,
    '{"a":' * 100_000,
    "9" * 4_000,
    f'{{"now": {"9" * 4_000}}}',
    f'{{"advance_seconds": {"9" * 4_000}}}',
    f'{{"lag_seconds": {"9" * 4_000}}}',
    f'{{"kind": "slow", "seconds": {"9" * 4_000}, "nth": {"9" * 4_000}}}',
    '{"now": 1e999}',
    '{"now": NaN}',
    '{"kind": ["slow"]}',
    '{"kind": "slow", "seed": {"a": 1}}',
    '"\\ud800"',
    "\x00",
    "",
)


def test_a_page_that_calls_this_machine_by_a_name_of_its_own_reads_and_states_nothing(
    shared_sandbox: SandboxProcess,
) -> None:
    """Such a page may send any header, the key's too: every key of a test account is good here."""
    name = fresh_name("rebound")
    for method, path in (("GET", "/v1/customers/cus_x"), ("POST", "/v1/customers"), ("GET", "/v1/billing/meters")):
        sent = {"name": name} if method == "POST" else None
        answer = requests.request(method, f"{shared_sandbox.url}{path}", data=sent, headers=KEY | REBOUND, timeout=20)
        assert answer.status_code == 403, path
        assert "rebound.example" in answer.json()["error"]["message"]
    port = shared_sandbox.url.rpartition(":")[2]
    for ours in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        answer = requests.get(f"{shared_sandbox.url}/v1/billing/meters", headers=KEY | {"Host": ours}, timeout=20)
        assert answer.status_code == 200, ours


@pytest.mark.parametrize("control", CONTROLS)
def test_whatever_is_sent_to_a_control_is_refused_in_words(shared_sandbox: SandboxProcess, control: str) -> None:
    for text in ODD:
        address, sent_as = f"{shared_sandbox.url}/_sandbox/{control}", {"Content-Type": "application/json"}
        answer = requests.post(address, data=text.encode(), headers=sent_as, timeout=20)
        assert 400 <= answer.status_code < 500, (text[:60], answer.text[:200])
        assert json.loads(answer.text)["error"]["message"]
    for limit in ("9" * 5_000, "٣", "-1", "x"):
        answer = requests.get(f"{shared_sandbox.url}/_sandbox/requests", params={"limit": limit}, timeout=20)
        assert answer.status_code in {200, 400}, limit[:20]


#: Of an invoice that is there: what is of another type than it looks.
NO_EDITS: tuple[dict[str, object], ...] = (
    {"auto_advance": "no"},
    {"automatically_finalizes_at": "soon"},
    {"automatically_finalizes_at": -1},
    {"automatically_finalizes_at": 10**15},
    {"automatically_finalizes_at": True},
    {"metadata": "x"},
    {"metadata": {"a": {"b": 1}}},
    {"fails_with": {"a": 1}},
    {"line": 5},
    {"line": {}},
    {"line": {"amount": "x"}},
    {"line": {"amount": 1.5}},
    {"line": {"amount": 1, "description": []}},
    {"act": ["finalize"]},
    {"act": {}},
)


def test_an_invoice_is_edited_by_nothing_of_another_type(billing: BillingAccount) -> None:  # noqa: F811
    customer = billing.stripe.v1.customers.create({})
    invoice = billing.stripe.v1.invoices.create({"customer": customer.id})
    address = f"{billing.sandbox.url}/_sandbox/invoices"
    for edit in NO_EDITS:
        answer = requests.post(address, json={"invoice": invoice.id, **edit}, timeout=20)
        assert answer.status_code == 400, (edit, answer.text[:200])
        assert next(iter(edit)) in answer.json()["error"]["message"]
    assert billing.edit(invoice, auto_advance=False)["status"] == "draft"


@pytest.mark.parametrize("received_at", ["NaN", "Infinity", "-1", "1e300", '"soon"'])
def test_usage_is_received_at_no_time_that_is_none(billing: BillingAccount, received_at: str) -> None:  # noqa: F811
    name = json.dumps(billing.readings.event_name)
    body = f'{{"event_name": {name}, "events": [["cus_x", 1769904000, 1]], "received_at": {received_at}}}'
    address, sent_as = f"{billing.sandbox.url}/_sandbox/usage", {"Content-Type": "application/json"}
    assert requests.post(address, data=body, headers=sent_as, timeout=20).status_code == 400
