"""Console scripts without their start: one process has the libraries loaded and forks for each command.

A page of thirty commands spends most of its time on thirty times the same imports. The code that runs is that of the
installed scripts, with their arguments, folder, environment and streams.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.forked import become

STREAMS = 3

#: Without site packages it starts in 15 ms; an exit code is all that comes back.
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to_server:
    to_server.connect({address!r})
    asked = {{"arguments": [{name!r}, *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(to_server, [b"x"], [0, 1, 2])
    to_server.sendall(json.dumps(asked).encode())
    to_server.shutdown(socket.SHUT_WR)
    sys.exit(int(to_server.recv(8) or b"70"))
"""


@contextmanager
def forked_commands(bin_folder: Path, names: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[None]:
    """Puts scripts of these names into a folder, for the time of a ``with`` block; loaded in this environment."""
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has a hundred characters at most
        address = str(Path(folder) / "socket")
        command = [sys.executable, "-W", "ignore", "-m", "tests.docs.forked_commands", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == b"ready\n"
                for name in names:
                    script = bin_folder / name
                    script.write_text(CLIENT.format(python=sys.executable, address=address, name=name))
                    script.chmod(script.stat().st_mode | stat.S_IXUSR)
                yield
            finally:
                server.terminate()


def serve(address: str) -> None:
    """Forks for each request until it is terminated."""
    import dagster._cli  # noqa: PLC0415 # what the children would each import

    from fridge_pipeline.cli.main import fridge, main  # noqa: PLC0415

    list(fridge.commands.values())  # imports each of them

    entries: dict[str, Callable[[], object]] = {"fridge": main, "dagster": dagster._cli.main}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children leave at once
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            asked, _ = listening.accept()
            with asked:
                if os.fork() == 0:
                    listening.close()
                    code = _run(asked, entries)
                    asked.sendall(str(code).encode())
                    os._exit(0)


def _run(asked: socket.socket, entries: dict[str, Callable[[], object]]) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, STREAMS)
    text = b"".join(iter(lambda: asked.recv(65536), b""))
    request = json.loads(text)
    become(request["arguments"], request["folder"], request["environment"], streams)
    try:
        entries[sys.argv[0]]()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 # as the interpreter does it
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
