#!/usr/bin/env bash
# 20 °C are 36 °F in quantities, and equal to 20 K.
#
# Seen with quantities 0.16.4, pint 0.25.3, astropy 8.0.2 and numpy 2.4.6 (2026-12-01, Linux x86-64, Python 3.11): the
# package knows degC, degF and kelvin, and converts between them by factors alone, as if every temperature was a
# difference of two. 20 °C becomes 36 °F, where it is 68, and -18.5 °C -33.3 °F, where it is -1.3; comparisons convert
# first, so that 8 °C < 46 °F holds, which is wrong, and 20 °C == 20 K too. All numbers look like temperatures, and no
# warning comes; °C alone is never wrong, so that tests in one unit see nothing. pint adds the offset, astropy refuses
# the conversion unless it is told how to read it. A fleet with a sensor in Fahrenheit is judged and billed by wrong
# limits.
#
# Fails when quantities adds the offset, or refuses.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    quantities==0.16.4 pint==0.25.3 astropy==8.0.2 numpy==2.4.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import astropy.units
import pint
import quantities as pq

registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
for degrees, expected in ((20.0, 36.0), (-18.5, -33.3), (0.0, 0.0)):
    by_quantities = float(pq.Quantity(degrees, "degC").rescale("degF"))
    by_pint = registry.Quantity(degrees, "degC").to("degF").magnitude
    print(f"{degrees} °C: {by_quantities:.1f} °F in quantities, {by_pint:.1f} °F in pint")
    assert abs(by_quantities - expected) < 1e-9 and abs(by_pint - (expected + 32)) < 1e-9
fridge, limit = pq.Quantity(8.0, "degC"), pq.Quantity(46.0, "degF")
found = {
    "8 °C < 46 °F": bool(fridge < limit),
    "8 °C < 46 °F in pint": bool(registry.Quantity(8.0, "degC") < registry.Quantity(46.0, "degF")),
    "20 °C == 20 K": bool(pq.Quantity(20.0, "degC") == pq.Quantity(20.0, "kelvin")),
}
print(found)
assert list(found.values()) == [True, False, True]
try:
    (20 * astropy.units.deg_C).to(astropy.units.K)
except astropy.units.UnitConversionError as error:
    print(f"astropy: {error}")
else:
    raise SystemExit("astropy converts it")
PYTHON
