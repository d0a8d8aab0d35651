#!/usr/bin/env bash
# obstore lists nothing of an S3 prefix in which one key has an empty or a dotted part; a key with a leading slash it
# lists under another key's name.
#
# Seen with obstore 0.12.1 and moto 5.2.5 (2026-11-30, Linux x86-64, Python 3.11): S3 keys are any text, and uploads by
# a script with one slash too many are common (day//file). obstore parses each key into a path; the first that does not
# parse raises InvalidPathError for the listing as a whole, so that all sound objects beside it cannot be listed either,
# nor read on from the page before. A leading slash is dropped instead: /day/a.csv and day/a.csv are listed as the same
# name, twice, and get answers with the second one's content for both. boto3 lists all four.
#
# Fails when obstore lists the sound ones, or keeps the two apart.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    obstore==0.12.1 'moto[server]==5.2.5' 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import logging

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.exceptions import InvalidPathError
from obstore.store import S3Store

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
s3 = boto3.client("s3", endpoint_url=endpoint, **keys)
s3.create_bucket(Bucket="landing")
plain = {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1"}
store = S3Store("landing", endpoint=endpoint, client_options={"allow_http": True}, **plain)


def listed(prefix=None):
    """The keys as obstore lists them."""
    return [each["path"] for batch in obstore.list(store, prefix=prefix) for each in batch]


for key in ("day/a.csv", "day/b.csv", "/day/a.csv"):
    s3.put_object(Bucket="landing", Key=key, Body=key.encode())
print("a leading slash:", listed(), "get:", bytes(obstore.get(store, "day/a.csv").bytes()))
assert sorted(listed()) == ["day/a.csv", "day/a.csv", "day/b.csv"]
s3.put_object(Bucket="landing", Key="day//c.csv", Body=b"c")
for prefix in (None, "day"):
    try:
        print("one slash too many:", listed(prefix))
    except InvalidPathError as error:
        print("one slash too many:", str(error).splitlines()[0])
    else:
        raise SystemExit("obstore lists the others")
print("boto3:", [each["Key"] for each in s3.list_objects_v2(Bucket="landing")["Contents"]])
server.stop()
PYTHON
