#!/usr/bin/env bash
# A time without a zone is the machine's own for Stripe's SDK and UTC for AWS Marketplace's, and Stripe's bills the
# hour that comes twice in autumn as one.
#
# Seen with stripe 16.1.0, boto3 1.44.8 and protobuf 7.36.2 (2026-12-01, Linux x86-64, Python 3.11): each client takes
# a datetime for the timestamp of usage and sends seconds since 1970. One without a zone, as PostgreSQL's timestamp
# and polars' Datetime come out, is local time for Stripe's SDK, and UTC for boto3's meter_usage and for protobuf's
# Timestamp, in which Google's Service Control takes its usage: on a machine in Paris two hours apart, on one in UTC,
# as in most tests, equal. Python's own timestamp() knows by fold which 02:30 of the night in October is meant; the
# SDK asks time.mktime() without it (_encode_datetime in stripe/_encode.py) and sends both hours with one second: a
# meter with an hour window keeps the newer and forgets the older. With v2 the SDK writes the same number where
# Stripe's reference wants a text in ISO 8601. A datetime with a zone is right for all three, in that night too.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    stripe==16.1.0 boto3==1.44.8 protobuf==7.36.2 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env TZ=Europe/Paris env/bin/python - <<'PYTHON'
import http.server
import json
import threading
from datetime import datetime
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import boto3
import stripe
from google.protobuf.timestamp_pb2 import Timestamp

bodies = []


class Everyone(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with an object that all clients take."""

    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"object": "billing.meter_event", "MeteringRecordId": "one"}')

    def log_message(self, *_):
        """Quiet."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Everyone)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
client = stripe.StripeClient("sk_test_nothing", base_addresses={"api": address})
marketplace = boto3.Session("a", "b", region_name="us-east-1").client("meteringmarketplace", endpoint_url=address)


def stripe_v1(moment):
    payload = {"value": "1", "stripe_customer_id": "cus_1"}
    client.v1.billing.meter_events.create({"event_name": "readings", "payload": payload, "timestamp": moment})
    return int(parse_qs(bodies[-1])["timestamp"][0])


def stripe_v2(moment):
    payload = {"value": "1", "stripe_customer_id": "cus_1"}
    client.v2.billing.meter_events.create({"event_name": "readings", "payload": payload, "timestamp": moment})
    return json.loads(bodies[-1])["timestamp"]


def aws_marketplace(moment):
    marketplace.meter_usage(ProductCode="one", Timestamp=moment, UsageDimension="readings", UsageQuantity=1)
    return json.loads(bodies[-1])["Timestamp"]


def protobuf(moment):
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp.seconds


PARIS, UTC = ZoneInfo("Europe/Paris"), ZoneInfo("UTC")
summer, night = datetime(2026, 7, 1, 12), datetime(2026, 10, 25, 2, 30)
GIVEN = [summer, night, night.replace(fold=1)]
NAIVE = {
    stripe_v1: ["10:00", "00:30", "00:30"],
    stripe_v2: ["10:00", "00:30", "00:30"],
    aws_marketplace: ["12:00", "02:30", "02:30"],
    protobuf: ["12:00", "02:30", "02:30"],
    datetime.timestamp: ["10:00", "00:30", "01:30"],
}
for by, expected in NAIVE.items():
    found = [[by(moment.replace(tzinfo=zone)) for moment in GIVEN] for zone in (None, PARIS)]
    naive, aware = ([datetime.fromtimestamp(each, UTC).strftime("%H:%M") for each in seconds] for seconds in found)
    print(f"{by.__name__}: without a zone {naive} UTC, with it {aware}, sent as {type(found[0][0]).__name__}")
    assert naive == expected and aware == ["10:00", "00:30", "01:30"]
server.shutdown()
PYTHON
