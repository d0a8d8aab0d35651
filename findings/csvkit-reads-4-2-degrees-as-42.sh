#!/usr/bin/env bash
# 4,2 degrees are 42 in csvkit, 4.2 degrees are 42 in Babel, and a kilowatt hour at 0.234 € costs 234 in price-parser.
#
# Seen with csvkit 2.2.0, agate 1.14.2, babel 2.19.0 and price-parser 0.5.1 (2026-12-01, Linux x86-64, Python 3.11): a
# comma that groups thousands may stand anywhere for them. csvkit, whose types are agate's, guesses a number for 4,2 as
# loggers set to French or German write it, and csvstat and csvsort go on with 42, without a word; its 0 and 1 of a
# counter are false and true. Babel's parse_decimal drops the point of 4.2 where the language writes a comma, unless
# strict=True, and takes 4.200 for 4200 even then. price-parser takes three digits behind the last point for thousands,
# also behind a leading 0, where no number could have them (issue 46 of scrapinghub/price-parser knows 3.350); the minus
# of a credit is dropped. Prices of energy have three digits or more. Name the separator: decimal_separator= there,
# strict=True in Babel, --no-inference or --locale in csvkit, and compare with a limit.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    csvkit==2.2.0 agate==1.14.2 babel==2.19.0 price-parser==0.5.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
printf 'sensor,degrees,opened\na,"4,2",1\nb,"21,5",0\nc,"-18,5",1\n' > readings.csv
sum=$(env/bin/csvstat --sum -c degrees readings.csv)
sorted=$(env/bin/csvsort -c degrees readings.csv | tr '\n' ' ')
localized=$(env/bin/csvstat --locale de_DE --sum -c degrees readings.csv)
printf 'csvstat: the sum is %s, with the locale %s\ncsvsort: %s\n' "$sum" "$localized" "$sorted"
[ "$sum" = 72 ] && [ "$localized" = 7.2 ]
[ "$sorted" = "sensor,degrees,opened c,-185,True a,42,True b,215,False " ]
env/bin/python - <<'PYTHON'
from decimal import Decimal

from babel.numbers import NumberFormatError, parse_decimal
from price_parser import Price

for text, locale, expected in (("4.2", "de", "42"), ("-18.5", "it", "-185"), ("4,2", "en", "42")):
    number = parse_decimal(text, locale=locale)
    print(f"Babel, {locale}: {text} is {number}")
    assert number == Decimal(expected)
    try:
        parse_decimal(text, locale=locale, strict=True)
    except NumberFormatError as error:
        print(f"strict: {error}")
        continue
    raise SystemExit("strict takes it")
assert parse_decimal("4.200", locale="de", strict=True) == 4200
PRICES = {"0.234 €/kWh": "234", "0,234 €/kWh": "234", "0.23 €/kWh": "0.23", "0.2345 €/kWh": "0.2345", "-5.20 €": "5.20"}
for text, expected in PRICES.items():
    amount = Price.fromstring(text).amount
    print(f"price-parser: {text} is {amount}")
    assert amount == Decimal(expected)
assert Price.fromstring("0.234 €/kWh", decimal_separator=".").amount == Decimal("0.234")
PYTHON
