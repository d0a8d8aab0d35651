"""The verifier as one file: the modules that ``fridge verify`` runs, as they are, and nothing else.

An auditor who does not trust our installation reads it, keeps it, and runs it with Python alone. It is in every pack;
of the modules in a copy of the repository it is made, by Python alone too, with
``python3 -m fridge_pipeline.finance.pack.one_file > verify.py``.
"""

from __future__ import annotations

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAM = "fridge_pipeline.cli.verify_program"

VERIFIER = "verify.py"

_HEAD = '''#!/usr/bin/env python3
"""Check evidence packs of usage billing: python3 verify.py PACK.zip (--help says more).

Needs Python 3.11 or newer and nothing else; ssh-keygen for signatures, openssl for time stamps. Nobody edits this file:
it is made of the modules that `fridge verify` runs, whose text is below, one after the other:

CONTENTS"""

import sys
import types

MODULES = {
'''

_FOOT = '''}


def load(modules):
    """Make the modules importable under their own names."""
    for name, text in modules.items():
        for parent in [name.rsplit(".", n)[0] for n in range(name.count("."), 0, -1)]:
            sys.modules.setdefault(parent, types.ModuleType(parent)).__path__ = []
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(text, f"{__file__}: {name}", "exec"), module.__dict__)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("verify.py needs Python 3.11 or newer")
    load(MODULES)
    sys.exit(sys.modules["PROGRAM"].main())
'''


def one_file_verifier() -> str:
    """The text of the file; the same for the same modules."""
    modules = _modules(PROGRAM, {})
    contents = "".join(f"    {name}\n        {_says(text)}\n" for name, text in modules.items())
    parts = [f"\"{name}\": r'''{text}''',\n" for name, text in modules.items()]
    return "".join([_HEAD.replace("CONTENTS", contents), *parts, _FOOT.replace("PROGRAM", PROGRAM)])


def _says(text: str) -> str:
    """The first line of a module's own description."""
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def _modules(name: str, found: dict[str, str]) -> dict[str, str]:
    """Name → text of a module and of those of ours that it imports, each behind what it needs."""
    text = _source(name).read_text(encoding="utf-8")
    if "'''" in text:
        raise ValueError(f"{name} holds three single quotes, by which the single file puts it into quotes")
    for node in ast.parse(text).body:
        needed = str(node.module) if isinstance(node, ast.ImportFrom) else ""
        if needed.startswith("fridge_pipeline.") and needed not in found:
            _modules(needed, found)
    found[name] = text
    return found


def _source(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise LookupError(f"{name} is not there as a file")
    return Path(spec.origin)


if __name__ == "__main__":
    sys.stdout.write(one_file_verifier())
