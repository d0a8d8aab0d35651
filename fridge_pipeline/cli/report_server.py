"""Finished reports for a browser on this machine: ``python -m fridge_pipeline.cli.report_server FOLDER PORT``.

Python's own file server, which does not look at the name it is called by: a page of somebody else that lets a name of
its own point to this machine could read the reports through it.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from fridge_pipeline.orchestration.own_pages import LOOPBACK_NAMES, OwnNames, header_map, refused

HOST = LOOPBACK_NAMES[0]


class _Reports(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, names: OwnNames, directory: str) -> None:
        self._names = names
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def parse_request(self) -> bool:
        """Reads the request's head, and refuses what is not for us."""
        if not super().parse_request():
            return False
        refusal = refused(self.command, self.path, header_map(self.headers.items()), self._names)
        if refusal is not None:
            self.send_error(refusal.status, explain=refusal.text)
        return refusal is None


def main(folder: str, port: str) -> None:
    """Serves the folder until it is ended."""
    handler = partial(_Reports, names=OwnNames.of(HOST, os.environ.get("FRIDGE_REPORTS_URL")), directory=folder)
    ThreadingHTTPServer((HOST, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
