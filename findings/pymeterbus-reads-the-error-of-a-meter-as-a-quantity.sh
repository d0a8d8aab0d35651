#!/usr/bin/env bash
# pyMeterBus reads the error that a meter shows as a quantity, and 02:30 of summer and of winter time as one.
#
# Seen with pyMeterBus 0.8.5 (2026-11-30, Linux x86-64, Python 3.11), for telegrams of M-Bus (EN 13757-3): a counter
# is sent as decimal digits of four bits each, where F in front is a minus, and A to E anywhere, or F elsewhere, tell
# of an error of the whole field: the meter shows E or a row of dashes. pyMeterBus adds such digits up: eight times B
# is 11111.111 m³, eight times F -15151.515 m³, with the function "instantaneous value" as any other. A time has a bit
# for summer time and one for "not valid"; both are dropped without a trace, so 02:30 twice and an unset clock are one
# text. The value is a Decimal made of a double: 1234.567 m³ is not Decimal("1234.567"), and -4.2 °C has 51 digits.
# Heat and water are billed from these.
#
# Fails when pyMeterBus tells them apart.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pyMeterBus==0.8.5 simplejson==4.3.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from decimal import Decimal

import meterbus

HEADER = bytes.fromhex("080172" "78563412" "2442" "01" "07" "55" "00" "0000")
LITRES_OF_8_DIGITS, HUNDREDTHS_OF_A_DEGREE, TIME_F = "0c13", "0259", "046d"


def read(field, data):
    """One record of a telegram that holds this field alone."""
    body = HEADER + bytes.fromhex(field) + data
    frame = bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) % 256, 0x16])
    return meterbus.load(frame).records[0].interpreted


def time_f(minute, hour, day, month, year):
    """Date and time in four bytes; the year is cut in two."""
    return bytes([minute, hour, (year & 7) << 5 | day, (year >> 3) << 4 | month])


for digits in ("01234567", "f0000067", "bbbbbbbb", "ffffffff", "eeeeeeee"):
    record = read(LITRES_OF_8_DIGITS, bytes.fromhex(digits)[::-1])
    print(f"{digits}: {record['value']:.3f} m³, {record['function']}")
    assert record["function"] == "FunctionType.INSTANTANEOUS_VALUE"
    expected = {"01234567": 1234.567, "f0000067": -0.067, "bbbbbbbb": 11111.111, "ffffffff": -15151.515}
    assert abs(record["value"] - Decimal(str(expected.get(digits, 14141.414)))) < Decimal("0.0001")
times = {
    "summer": time_f(30, 0x80 | 2, 25, 10, 26),
    "winter": time_f(30, 2, 25, 10, 26),
    "not valid": time_f(0x80 | 30, 2, 25, 10, 26),
}
for what, data in times.items():
    record = read(TIME_F, data)
    print(f"{what}: {record['value']}, {record['function']}")
    assert record["value"] == "2026-10-25T02:30"
whole = read(LITRES_OF_8_DIGITS, bytes.fromhex("67452301"))["value"]
degrees = read(HUNDREDTHS_OF_A_DEGREE, (-420).to_bytes(2, "little", signed=True))["value"]
print(f"1234567 litres: {whole}\n-4.20 degrees: {degrees}")
assert isinstance(whole, Decimal) and whole != Decimal("1234.567") and degrees != Decimal("-4.2")
PYTHON
