"""What ``fridge verify`` does, as a program of its own, of the standard library alone: ``verify.py`` in every pack."""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError
from fridge_pipeline.finance.verify_chain import verify_chain
from fridge_pipeline.finance.verify_evidence import Expected, is_draft, manifest_sha256, verify_evidence
from fridge_pipeline.operations.memory_limit import memory_bounded
from fridge_pipeline.visible import one_line

#: With what the program itself takes, this stays below 256 MiB.
MEMORY_MIB = 80

#: The options, in words.
HELP = {
    "previous": "The pack of the month before, to check the chain.",
    "month": "The month that it must be of, as 2026-01.",
    "manifest": "The SHA-256 of its manifest, as it was noted elsewhere on the day it was made.",
    "signers": "Who may sign (ALLOWED SIGNERS of ssh-keygen): the approver must have signed it. Needs ssh-keygen.",
    "authority": "Certificates (PEM) of the authority that stamped it, to check the time stamp. Needs openssl.",
    "all": "All packs of this folder instead of one: none is missing, and each follows the one before it.",
    "memory": "MiB that a pack may take beside the program itself.",
}

ALONE = (
    "Nothing from outside was compared: a pack that was forged as a whole looks like this too. Give what you know from "
    "elsewhere: --manifest, --signers, --authority, --previous"
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What is to be verified: a pack or a folder of packs, and by what."""

    pack: Path | None
    folder: Path | None = None
    expected: Expected = field(default_factory=Expected)
    memory_mib: int = MEMORY_MIB


def manifest_hash(text: str) -> str:
    """A hash as people note it, in capitals too. Raises ``ValueError``."""
    if re.fullmatch(r"[0-9a-f]{64}", found := text.strip().lower()) is None:
        raise ValueError(f"{text!r} is not a SHA-256, which has 64 hexadecimal digits")
    return found


def month_key(text: str) -> str:
    """A month as packs have it. Raises ``ValueError``."""
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is None:
        raise ValueError(f"{text!r} is not a month; one is like 2026-01")
    return text


def run_verification(asked: Verification, say: Callable[[str], None]) -> bool:
    """Says what holds and the first thing that does not; whether all holds."""
    what = asked.pack or asked.folder
    name = what.name if what is not None else ""
    try:
        with memory_bounded(asked.memory_mib * 2**20):
            for line in _held(asked):
                say(one_line(line))
    except DoesNotHoldError as error:
        say(f"DOES NOT HOLD: {one_line(str(error))}")
        return False
    except CannotVerifyError as error:
        say(f"NOT VERIFIED: {one_line(str(error))}")
        return False
    except (OSError, sqlite3.Error) as error:
        say(f"NOT VERIFIED: {one_line(name)} could not be read: {one_line(f'{type(error).__name__}: {error}')}")
        return False
    except MemoryError:
        say(
            f"NOT VERIFIED: {one_line(name)} takes more than {asked.memory_mib} MiB of memory. One of ours does not; "
            "one that was made to fill the memory does. --memory MIB allows more"
        )
        return False
    return True


def _held(asked: Verification) -> Iterator[str]:
    if asked.folder is not None:
        yield from (f"holds: {held}" for held in verify_chain(asked.folder, asked.expected))
        yield f"all packs in {asked.folder.name} hold"
    elif asked.pack is not None:
        yield from (f"holds: {held}" for held in verify_evidence(asked.pack, expected=asked.expected))
        yield f"{asked.pack.name} holds; its manifest is {manifest_sha256(asked.pack)}"
        if is_draft(asked.pack):
            yield "It is a DRAFT: the month was not closed, and no later pack is chained to it."
    wanted = asked.expected
    if not (wanted.previous or wanted.manifest_sha256 or wanted.signers or wanted.authority):
        yield ALONE


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the single file; ends with 0 when all holds, 1 when not, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check an evidence pack of usage billing, with no database and no network."
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="The pack.")
    parser.add_argument("--previous", type=Path, metavar="FILE", help=HELP["previous"])
    parser.add_argument("--month", type=month_key, help=HELP["month"])
    parser.add_argument("--manifest", type=manifest_hash, metavar="HASH", help=HELP["manifest"])
    parser.add_argument("--signers", type=Path, metavar="FILE", help=HELP["signers"])
    parser.add_argument("--authority", type=Path, metavar="FILE", help=HELP["authority"])
    parser.add_argument("--all", type=Path, dest="folder", metavar="DIR", help=HELP["all"])
    parser.add_argument("--memory", type=int, default=MEMORY_MIB, metavar="MIB", help=HELP["memory"])
    given = parser.parse_args(arguments)
    if (given.file is None) == (given.folder is None):
        parser.error("say either which FILE, or --all DIR")
    if given.folder is not None and given.previous is not None:
        parser.error("--previous is of one FILE; --all DIR has them all")
    for path in (given.file, given.previous, given.signers, given.authority, given.folder):
        if path is not None and not path.exists():
            parser.error(f"there is no {path}")
    expected = Expected(given.previous, given.month, given.manifest, given.signers, given.authority)
    return 0 if run_verification(Verification(given.file, given.folder, expected, given.memory), print) else 1


if __name__ == "__main__":
    sys.exit(main())
