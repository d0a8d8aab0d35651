#!/usr/bin/env bash
# The Python library of OCPP renames what a vendor's own message holds: of six sensors five are read and five are sent.
#
# Seen with ocpp 2.1.0 (2026-12-01, Linux x86-64, Python 3.11), by which charging stations and their back ends talk:
# names of the standard become snake_case for Python and camelCase on the wire. That goes through all that a message
# holds, also through the data of DataTransfer and through customData, whose names are the vendor's. Read, "Fridge" and
# "fridge" are one key, the last wins; sent, "sensor_1" and "sensor1" are one, and "associated" goes out as
# "asSoCiated", since soc is the state of charge. kWh is k_wh for who reads it. Readings and meter values that vendors
# put there are lost or arrive under names that nobody sent, while the message is valid and is accepted. Send such data
# as one text of JSON, which OCPP 1.6 demands anyhow, and read it as such.
#
# Fails when the names of the data come through.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    ocpp==2.1.0 jsonschema==4.26.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import asyncio
import json
import logging

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result

logging.disable()
SENSORS = {"Fridge": 4.2, "fridge": -18.5, "sensor_1": 5.1, "sensor1": 6.2, "associated": 7.3, "kWh": 8.4}


class Wire:
    """Keeps what is sent, and hands over what was put in; accepts every call."""

    def __init__(self):
        self.sent, self.received = [], asyncio.Queue()

    async def send(self, message):
        self.sent.append(json.loads(message))
        if self.sent[-1][0] == 2:
            await self.received.put(json.dumps([3, self.sent[-1][1], {"status": "Accepted"}]))

    async def recv(self):
        return await self.received.get()


class BackEnd(ChargePoint):
    @on("DataTransfer")
    def on_data_transfer(self, vendor_id, data, **_):
        self.read = data
        return call_result.DataTransfer(status="Accepted")


async def exchange():
    wire, custom = Wire(), {"vendor_id": "one", "sensor_1": 5.1, "sensor1": 6.2}
    back_end = BackEnd("station", wire)
    listening = asyncio.create_task(back_end.start())
    await wire.received.put(json.dumps([2, "1", "DataTransfer", {"vendorId": "one", "data": SENSORS}]))
    answer = await back_end.call(call.DataTransfer(vendor_id="one", data=SENSORS, custom_data=custom))
    listening.cancel()
    assert answer.status == "Accepted"
    (sent,) = [message[3] for message in wire.sent if message[0] == 2]
    return back_end.read, sent["data"], sent["customData"]


read, sent, custom = asyncio.run(exchange())
print(f"given: {SENSORS}\nread: {read}\nsent: {sent}\ncustomData: {custom}")
assert read == {"fridge": -18.5, "sensor_1": 5.1, "sensor1": 6.2, "associated": 7.3, "k_wh": 8.4}
assert sent == {"Fridge": 4.2, "fridge": -18.5, "sensor1": 6.2, "asSoCiated": 7.3, "kWh": 8.4}
assert custom == {"vendorId": "one", "sensor1": 6.2}
PYTHON
