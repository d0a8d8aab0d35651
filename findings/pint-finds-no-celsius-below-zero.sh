#!/usr/bin/env bash
# Once pint reads temperatures as text, none in Celsius is below 0; numpy's less() of the same two says that -18 is.
#
# Seen with pint 0.25.3 and numpy 2.4.6 (2026-12-01, Linux x86-64, Python 3.11): a quantity compares with no plain
# number but 0, which has no need of a unit; 5 is a ValueError. To read "-18 degC" at all, a registry needs
# autoconvert_offset_to_baseunit=True, and MetPy 1.7.1 hands out such a one as its `units`. From then on the
# comparison with 0 is made in kelvin: < 0 is false for -18 °C and for -5 °F, > 0 is true of every reading, == 0 is
# false at 0 °C, and max(-18 °C, 0) is -18 °C. numpy's own functions on the same array, less, maximum, clip, take the
# 0 for 0 °C. So a measure that bills the hours below zero counts none, the same by np.less counts them, and no error
# tells. Without the option the operators raise OffsetUnitCalculusError. (PlainQuantity.compare in
# pint/facets/plain/quantity.py.) With 0 as a quantity of its own all agree.
#
# Fails when operator and numpy agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pint==0.25.3 numpy==2.4.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy as np
import pint

registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
readings = registry.Quantity(np.array([-18.0, 0.0, 8.0]), "degC")
freezer, zero = registry.Quantity("-18 degC"), registry.Quantity(0, "degC")
found = {
    "readings < 0": readings < 0,
    "readings > 0": readings > 0,
    "readings == 0": readings == 0,
    "np.less(readings, 0)": np.less(readings, 0),
    "np.greater(readings, 0)": np.greater(readings, 0),
    "readings < 0 degC": readings < zero,
}
for what, answer in found.items():
    print(f"{what}: {answer.tolist()}")
none, every = [False] * 3, [True] * 3
below, above = [True, False, False], [False, False, True]
assert [answer.tolist() for answer in found.values()] == [none, every, none, below, above, below]
larger = max(freezer, 0), np.maximum(freezer, 0), np.clip(readings, 0, None)
print(f"max of -18 °C and 0: {larger[0]:~}, by numpy {larger[1]:~}; readings clipped at 0: {larger[2]:~}")
assert larger[0] == freezer and larger[1] == zero and larger[2].magnitude.tolist() == [0, 0, 8]
fahrenheit = registry.Quantity(-5, "degF")
print(f"{fahrenheit:~} < 0: {fahrenheit < 0}")
assert not fahrenheit < 0 and fahrenheit < registry.Quantity(0, "degF")
careful = pint.UnitRegistry().Quantity(-18, "degC")
for quantity, number, refusal in ((careful, 0, pint.OffsetUnitCalculusError), (freezer, 5, ValueError)):
    try:
        quantity < number
    except refusal as error:
        print(f"{quantity:~} < {number}: {type(error).__name__}: {error}")
        continue
    raise SystemExit("it is compared")
PYTHON
