#!/usr/bin/env bash
# gRPC reads "unix:/path" as a URI, so a socket whose path has a % in it is made under another name.
#
# Seen with grpcio 1.85.1 (2026-11-29, Linux x86-64, Python 3.11): add_insecure_port("unix:/…/a%41b.sock") succeeds, and
# the file that is there afterwards is aAb.sock; "100%.sock", where no two hexadecimal digits follow, keeps its name.
# unix(7) knows no such escapes, and nothing is said. Client and server of gRPC agree with each other; whoever else looks
# for the file (a health check, a clean-up, a socket unit of systemd) looks for another one.
#
# Fails when the file has the name that was given.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
mkdir "$folder/sockets"
FOLDER=$folder/sockets "$folder/env/bin/python" - <<'PYTHON'
import os
from concurrent import futures

import grpc

folder = os.environ["FOLDER"]
for name in ("a%41b.sock", "100%.sock"):
    server = grpc.server(futures.ThreadPoolExecutor(1))
    assert server.add_insecure_port(f"unix:{folder}/{name}") == 1
    server.start()
    (found,) = os.listdir(folder)
    print(f"asked for {name}, made {found}")
    server.stop(None).wait()
    for left in os.listdir(folder):
        os.unlink(os.path.join(folder, left))
    assert found == {"a%41b.sock": "aAb.sock", "100%.sock": "100%.sock"}[name], "it is another name now"
PYTHON
