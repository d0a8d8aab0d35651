#!/usr/bin/env bash
# stockholm counts 5,000 yen as 5,000 units, and as 500,000 once the same money was written as JSON and read back.
#
# Seen with stockholm 0.5.7, py-moneyed 3.0 and babel 2.19.0 (2026-12-01, Linux x86-64, Python 3.11): sub_units and
# from_sub_units are what goes to Stripe, which takes yen as they are. The number of places belongs to the currency
# object: Currency.JPY has none, KWD three, CLF four. "JPY" as text, as in Money(5000, "JPY"), Money("5000 JPY") and
# all that from_json and from_dict read, is a currency of two places for every name. Both are equal, so that
# comparisons and tests see nothing; of a sum the first one decides, a + b is a hundredth of b + a in units. A charge
# in yen made of a stored amount is a hundred times too high, one in dinars of Kuwait ten times too low. moneyed goes
# by the name and counts 5000 and 5000000. Babel goes by another list: HUF has two places in moneyed and stockholm and
# in Stripe's API, and none in Babel, as in shops, which shows an invoice of 10.60 forint as 11.
#
# Fails when the text and the object count alike, or another one answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    stockholm==0.5.7 py-moneyed==3.0 babel==2.19.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from decimal import Decimal

import moneyed
from babel.numbers import format_currency
from stockholm import Currency, Money

UNITS = {"JPY": (5000, 500000), "KWD": (5000000, 500000), "CLF": (50000000, 500000), "EUR": (500000, 500000)}
for name, (units, of_text) in UNITS.items():
    money = Money(5000, getattr(Currency, name))
    again = Money.from_json(money.as_json())
    found = [each.sub_units for each in (money, again, Money(5000, name), Money(f"5000 {name}"))]
    by_moneyed = moneyed.Money(5000, name).get_amount_in_sub_unit()
    print(f"{name}: {money}, units {found[0]}, after JSON {again}, units {found[1]}, in moneyed {by_moneyed}")
    assert money == again
    assert found == [units, of_text, of_text, of_text] and by_moneyed == units
yen, text = Money(5000, Currency.JPY), Money(5000, "JPY")
sums = (yen + text).sub_units, (text + yen).sub_units
charged = Money.from_sub_units(5000, Currency.JPY), Money.from_sub_units(5000, "JPY")
print(f"sums: {sums[0]}, {sums[1]}; a charge of 5000 units: {charged[0]}, {charged[1]}")
assert sums == (10000, 1000000) and yen + text == text + yen
assert charged == (Money(5000, Currency.JPY), Money(50, Currency.JPY))
forint = Decimal("10.60")
shown = format_currency(forint, "HUF", locale="en")
counted = moneyed.Money(forint, "HUF").get_amount_in_sub_unit(), Money(forint, Currency.HUF).sub_units
print(f"10.60 forint: {shown!r} in Babel, {counted[0]} units in moneyed, {counted[1]} in stockholm")
assert shown.endswith("11") and counted == (1060, 1060)
PYTHON
