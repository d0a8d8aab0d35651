#!/usr/bin/env bash
# bthome-ble answers a packet about the battery with the temperature of an older packet, as if it was measured anew.
#
# Seen with bthome-ble 3.25.0 and ruuvitag-sensor 4.1.0 (2026-12-01, Linux x86-64, Python 3.11): a BTHome sensor sends
# what changed, and few values fit into one packet, so that temperature and battery come in turns. update() gives
# entity_values, which hold all that was ever read from the device, with nothing that tells which of them this packet
# brought: one temperature and three packets about the battery are four temperatures. A packet whose number was seen
# already gives them again. Where a device begins to send two temperatures, a third under the old key stays at its last
# value for ever, so that a dead probe looks like a steady one. Who stores what update() returns, counts and bills a
# reading per packet. A new parser for each packet gives only what is in it; then the numbers of packets have to be
# compared by you. ruuvitag-sensor decodes each packet for itself.
#
# Fails when only what the packet held is returned.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    bthome-ble==3.25.0 home-assistant-bluetooth==2.0.0 habluetooth==7.2.0 bleak==3.1.0 ruuvitag-sensor==4.1.0 \
    2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bthome_ble import BTHomeBluetoothDeviceData
from home_assistant_bluetooth import BluetoothServiceInfoBleak
from ruuvitag_sensor.decoder import get_decoder

UUID, ADDRESS = "0000fcd2-0000-1000-8000-00805f9b34fb", "A4:C1:38:00:00:01"
PLAIN, NUMBER, BATTERY, TEMPERATURE = "40", "00", "01", "02"


def packet(data, second):
    """An advertisement with these objects, ten seconds after the one before."""
    sent = {UUID: bytes.fromhex(PLAIN + data)}
    advertisement = AdvertisementData("fridge", {}, sent, [], None, -60, ())
    return BluetoothServiceInfoBleak(
        name="fridge",
        address=ADDRESS,
        rssi=-60,
        manufacturer_data={},
        service_data=sent,
        service_uuids=[],
        source="local",
        device=BLEDevice(ADDRESS, "fridge", None),
        advertisement=advertisement,
        connectable=False,
        time=second,
        tx_power=0,
        raw=None,
    )


def read(parser, data, second):
    """What update() returns but the strength of the signal and the number of the packet."""
    values = parser.update(packet(data, second)).entity_values
    found = {key.key: each.native_value for key, each in values.items()}
    return {key: value for key, value in found.items() if key not in ("signal_strength", "packet_id")}


SENT = [
    (NUMBER + "01" + TEMPERATURE + "a401", {"temperature": 4.2}),
    (NUMBER + "02" + BATTERY + "3c", {"temperature": 4.2, "battery": 60}),
    (NUMBER + "03" + BATTERY + "3b", {"temperature": 4.2, "battery": 59}),
    (NUMBER + "04" + BATTERY + "3a", {"temperature": 4.2, "battery": 58}),
    (
        NUMBER + "05" + TEMPERATURE + "9001" + TEMPERATURE + "9a01",
        {"temperature": 4.2, "battery": 58, "temperature_1": 4.0, "temperature_2": 4.1},
    ),
]
kept = BTHomeBluetoothDeviceData()
for turn, (data, expected) in enumerate(SENT):
    found, alone = (read(parser, data, 10.0 * turn) for parser in (kept, BTHomeBluetoothDeviceData()))
    print(f"packet {data}: {found}, in a new parser {alone}")
    assert found == expected
    assert ("temperature" in alone) == (turn == 0) and ("battery" in alone) == (1 <= turn <= 3)
repeated = read(kept, SENT[-1][0][:4] + TEMPERATURE + "2efb", 41.0)
print(f"number 5 once more, with -12.34 °C: {repeated}")
assert repeated == SENT[-1][1]
decoded = get_decoder(5).decode_data("05" + "8000" + "ffff" * 2 + "8000" * 3 + "ffff" + "ff" * 9)
print(f"ruuvitag-sensor, a packet without a temperature: {decoded['temperature']}")
assert decoded["temperature"] is None
PYTHON
