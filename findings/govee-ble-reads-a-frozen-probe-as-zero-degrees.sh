#!/usr/bin/env bash
# govee-ble reads a probe at -18 °C as 0.0 °C, and so a probe that is not there.
#
# Seen with govee-ble 1.5.2 (2026-12-01, Linux x86-64, Python 3.11), by which Home Assistant reads them: thermometers
# with probes send each temperature as a signed number of hundredths, and govee-ble makes 0.0 of all below zero
# (decode_temps_probes in its parser) for H5181 to H5185, H5191 and H5198; of the limits of an alarm as well. A freezer
# that is too warm at -10 and one that is well at -25 are the same 0.0, an alarm set to -15 shows as set to 0, and -1
# for "no probe" is a reading of 0.0 °C that is stored and billed. The plain thermometers, here H5074, count below zero.
# Take these models for no freezer, or read the two bytes of the packet yourself; do not trust a 0.0 of theirs.
#
# Fails when a probe below zero is read, or the plain thermometer is not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    govee-ble==1.5.2 home-assistant-bluetooth==2.0.0 habluetooth==7.2.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import struct

from govee_ble import GoveeBluetoothDeviceData
from home_assistant_bluetooth import BluetoothServiceInfo


def read(name, company, data):
    """What the parser makes of one packet of this device."""
    packet = BluetoothServiceInfo(
        name=name,
        address="A4:C1:38:00:00:01",
        rssi=-60,
        manufacturer_data={company: data},
        service_data={},
        service_uuids=[],
        source="local",
    )
    values = GoveeBluetoothDeviceData().update(packet).entity_values
    return {key.key: each.native_value for key, each in values.items() if "temperature" in key.key}


def h5181(probe, alarm):
    """A packet of the thermometer with one probe, in hundredths."""
    data = bytes(8) + struct.pack(">hh", probe, alarm) + bytes(2)
    return read("GVH5181_0001", 0xF861, data)


for probe, alarm in ((420, 800), (-1800, -1500), (-2500, -1500), (-1, -1)):
    found = h5181(probe, alarm)
    print(f"H5181, {probe} and {alarm} hundredths: {found}")
    assert found["temperature_probe_1"] == max(probe, 0) / 100
    assert found["temperature_alarm_probe_1"] == max(alarm, 0) / 100
plain = read("Govee_H5074_0001", 0xEC88, struct.pack("<xhHBx", -1800, 5000, 90))
print(f"H5074, -1800 hundredths: {plain}")
assert plain == {"temperature": -18.0}
PYTHON
