#!/usr/bin/env bash
# senml gives the readings of the second sensor to the first, and kpn-senml makes two readings of four.
#
# Seen with senml 0.1.0 and kpn-senml 1.0.1 (2026-12-01, Linux x86-64, Python 3.11): SenML (RFC 8428) is what many
# LoRaWAN and CoAP sensors send, a list of records in which base name "bn", base time "bt" and base unit "bu" hold from
# their record on until another record sets them anew. A gateway packs several sensors into one list that way. senml
# takes the bases of the first record alone and adds them to all: a freezer at -18.5 °C becomes a reading of the fridge,
# an hour early where "bt" moved too. kpn-senml, which reads JSON and CBOR, takes a name for one record only and keeps
# one value for it: the second reading of the freezer becomes the fridge's, the older ones are gone, and so are all
# times and units. Bills go by sensor and time. Resolve the bases yourself, as the six lines of resolved() do, before a
# package sees the list.
#
# Fails when one of them resolves the list as the RFC does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    senml==0.1.0 kpn-senml==1.0.1 attrs==26.1.0 cbor2==6.2.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import json

from kpn_senml import SenmlPack
from senml import senml

SENT = [
    {"bn": "fridge-", "bt": 1782900000, "bu": "Cel", "n": "t", "v": 4.2},
    {"n": "t", "t": 60, "v": 4.3},
    {"bn": "freezer-", "bt": 1782903600, "n": "t", "v": -18.5},
    {"n": "t", "t": 60, "v": -18.4},
]


def resolved(records):
    """Name, time and value of each, by section 4.1 of the RFC."""
    base = {"bn": "", "bt": 0}
    for record in records:
        base |= {name: record[name] for name in ("bn", "bt") if name in record}
        yield base["bn"] + record["n"], base["bt"] + record.get("t", 0), record["v"]


expected = list(resolved(SENT))
document = senml.SenMLDocument.from_json(SENT)
absolute = [each.to_absolute(document.base) for each in document.measurements]
found = [(each.name, int(each.time), each.value) for each in absolute]
for right, wrong in zip(expected, found, strict=True):
    print(f"by the RFC {right}, in senml {wrong}")
assert {name for name, _, _ in expected} == {"fridge-t", "freezer-t"}
assert {name for name, _, _ in found} == {"fridge-t"} and found[2] == ("fridge-t", 1782900000, -18.5)
pack = SenmlPack("fridge-")
pack.from_json(json.dumps(SENT))
rendered = json.loads(pack.to_json())
print(f"kpn-senml: {rendered}")
assert rendered == [{"n": "t", "v": -18.4, "bn": "fridge-"}, {"n": "t", "v": -18.5, "bn": "freezer-"}]
PYTHON
