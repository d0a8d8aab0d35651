#!/usr/bin/env bash
# Stripe's SDK sends nothing for an empty list: discounts, taxes and metadata that were to be removed stay, and the
# answer is a 200.
#
# Seen with stripe 16.1.0 (2026-12-01, Linux x86-64, Python 3.11): who sets discounts to [] has nothing left to encode
# in a form, so the request for the subscription has no body at all, or lacks that field; None is left out as well, and
# so is {} for metadata. Stripe changes nothing, the SDK raises nothing, types and linters are content, since the
# parameter is a list or ''. The discount is given month after month. What removes it is the empty text, "discounts":
# "", which goes over the wire as such. With v2, where JSON is sent, an empty list is one. Compare the object that is
# returned with what was asked for.
#
# Fails when an empty list is sent, or the empty text is not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check stripe==16.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import http.server
import threading
from urllib.parse import parse_qsl

import stripe

bodies = []


class Stripe(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with a subscription."""

    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["Content-Length"] or 0)).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"object": "subscription", "id": "sub_1"}')

    def log_message(self, *_):
        """Quiet."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stripe)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = stripe.StripeClient(
    "sk_test_nothing", base_addresses={"api": f"http://127.0.0.1:{server.server_port}"}
)
EMPTY = {"discounts": [], "default_tax_rates": [], "metadata": {}}
ITEM = {"items": [{"id": "si_1", "quantity": 3, "tax_rates": [], "discounts": []}]}
GIVEN = [
    (EMPTY, []),
    (dict.fromkeys(EMPTY), []),
    (ITEM, [("items[0][id]", "si_1"), ("items[0][quantity]", "3")]),
    (dict.fromkeys(EMPTY, ""), [("discounts", ""), ("default_tax_rates", ""), ("metadata", "")]),
]
for parameters, expected in GIVEN:
    client.v1.subscriptions.update("sub_1", parameters)
    print(f"{parameters}: {bodies[-1]!r}")
    assert parse_qsl(bodies[-1], keep_blank_values=True) == expected
client.v2.core.event_destinations.update("ed_1", {"enabled_events": []})
print(f"with v2: {bodies[-1]}")
assert bodies[-1] == '{"enabled_events": []}'
server.shutdown()
PYTHON
