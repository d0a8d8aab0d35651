"""``python -m benchmarks.measuring.child WISH``: one candidate in a process of its own.

WISH is JSON: ``act`` (``module:function``), its ``arguments``, the ``watched`` processes, and the file ``answer`` that
the sample is written to, because standard output belongs to the candidate.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.measuring.stopwatch import Stopwatch


def main() -> None:
    """Runs the candidate and writes its sample."""
    wish = json.loads(sys.argv[1])
    module, _, name = wish["act"].partition(":")
    stopwatch = Stopwatch(wish["watched"])
    work = getattr(import_module(module), name)(stopwatch, **wish["arguments"])
    Path(wish["answer"]).write_text(json.dumps(stopwatch.sample(work).as_json()), encoding="utf-8")


if __name__ == "__main__":
    main()
