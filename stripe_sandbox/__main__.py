"""``python -m stripe_sandbox``: the sandbox alone, from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from stripe_sandbox.sandbox import StateFileError
from stripe_sandbox.server import DEFAULT_HOST, DEFAULT_PORT, PortTakenError, serve
from stripe_sandbox.settings import SandboxClock


def main() -> int:
    """Serve as the arguments say; 0 after a clean end, 1 when it could not start."""
    asked = _parser().parse_args()
    try:
        serve(
            asked.host,
            asked.port,
            asked.state,
            address_file=asked.address_file,
            exact_port=asked.exact_port,
            clock=SandboxClock(time.time),
        )
    except (PortTakenError, StateFileError, OSError) as error:
        print(f"The Stripe sandbox did not start: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stripe_sandbox",
        description="A local, stateful replacement for Stripe's metering API. Any sk_test_… key is accepted.",
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--exact-port", action="store_true", help="fail when the port is taken")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep state here across restarts")
    parser.add_argument("--address-file", type=Path, metavar="FILE", help='write {"url", "pid"} here when ready')
    return parser


if __name__ == "__main__":
    sys.exit(main())
