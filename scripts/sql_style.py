"""``sqlfluff`` as it is, without Python's search for cycles, which takes a third of its time and finds nothing to free.

Its worker processes import this file too.
"""

from __future__ import annotations

import gc

from sqlfluff.cli.commands import cli

gc.disable()

if __name__ == "__main__":
    cli()
