#!/usr/bin/env bash
# psutil shows no path for a Unix socket whose path has a space in it, as if the socket had none.
#
# Seen with psutil 7.2.2 (2026-11-29, Linux x86-64, Python 3.11): Process().net_connections("unix") gives the path of
# "plain.sock" as laddr, and an empty laddr for "with space.sock". Linux writes paths into /proc/net/unix as they are, and
# psutil splits its lines at blanks: more than eight words are taken for a line without a path. An empty laddr is also
# what an unnamed socket has, so "does this process listen there" is answered wrongly without an error.
#
# Fails when the path is shown.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check psutil==7.2.2 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
FOLDER=$folder "$folder/env/bin/python" - <<'PYTHON'
import os
import socket

import psutil

folder = os.environ["FOLDER"]
shown = {}
for name in ("plain.sock", "with space.sock"):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.join(folder, name))
        listening.listen()
        shown[name] = [each.laddr for each in psutil.Process().net_connections("unix")]
        print(f"{name}: {shown[name]}")
assert shown == {"plain.sock": [os.path.join(folder, "plain.sock")], "with space.sock": [""]}
PYTHON
