"""What a pack takes of the memory of whoever verifies it: a bound, whoever made it and however large it is."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from fridge_pipeline.cli.verify_program import ALONE
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, FORMAT, MANIFEST, folder_of, manifest_text

PEAK_KB_MAX = 256 * 1024
MONTH = "2026-01"
TABLE = "tables/rejected_readings"
HEADER = b"path,line,reason,raw\n"

#: What every pack has.
SMALL = {
    "tables/checks.csv": b"model,test,says,severity,contradictions\ntie_out,unique,No two rows are the same.,error,0\n",
    "tables/stripe_sums.csv": b"tenant_id,meter,hour,stripe_customer_id,quantity\n",
    "tables/tie_out.csv": (
        b"tenant_id,meter,hour,usage_quantity,stated_quantity,stripe_quantity,difference_in_stripe,cause_in_stripe,"
        b"status\n"
    ),
}

#: ``fridge verify`` in a process of its own; at its end it says what it has taken at most.
VERIFY = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: print(Path("/proc/self/status").read_text(), file=sys.stderr))
from fridge_pipeline.cli.main import main
main()
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells peaks on Linux only")


def verified(pack: Path, *options: str) -> tuple[str, int]:
    """The verdict, which is the last line but for what was not asked, and the peak in kB."""
    command = [sys.executable, "-c", VERIFY, "verify", str(pack), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    return [line for line in done.stdout.splitlines() if line != ALONE][-1], int(peak)


def pack_of(folder: Path, rows: int, files: Mapping[str, Iterable[bytes]]) -> Path:
    """A pack with a manifest that fits; ``rows`` is what it says of its only table with any. Files come in pieces."""
    described: dict[str, object] = {
        "format": FORMAT,
        "month": MONTH,
        "files": [
            {"path": f"{TABLE}.csv", "rows": rows},
            *({"path": path, "rows": body.count(b"\n") - 1} for path, body in SMALL.items()),
        ],
        "control_totals": {},
        "previous": None,
    }
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(folder / "pack.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:

        def add(path: str, pieces: Iterable[bytes]) -> None:
            digest = hashlib.sha256()
            with archive.open(f"{folder_of(MONTH)}/{path}", "w", force_zip64=True) as out:
                for piece in pieces:
                    digest.update(piece)
                    out.write(piece)
            hashes[path] = digest.hexdigest()

        small = {path: [body] for path, body in SMALL.items()}
        for path, pieces in {DESCRIPTION: [json.dumps(described).encode()], **small, **files}.items():
            add(path, pieces)
        add(MANIFEST, [manifest_text(hashes).encode()])
    return folder / "pack.zip"


def pieces_of(file: Path) -> Iterable[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(2**20):
            yield piece


def test_a_pack_of_hundreds_of_megabytes_is_verified_within_256_mib(tmp_path: Path) -> None:
    rows, csv = 260_000, tmp_path / "rows.csv"
    with csv.open("wb") as out:
        out.write(HEADER)
        for number in range(rows):
            out.write(b'gateway-%d.csv,%d,,"%s"\n' % (number, number, b"%d " % number * 120))
    assert csv.stat().st_size > 200_000_000
    verdict, peak = verified(pack_of(tmp_path, rows, {f"{TABLE}.csv": pieces_of(csv)}))
    assert verdict.startswith("pack.zip holds; its manifest is ")
    assert peak < PEAK_KB_MAX


def long_row() -> dict[str, Iterable[bytes]]:
    """One line that unpacks to half a gigabyte."""
    return {f"{TABLE}.csv": [HEADER, *([b"x" * 2**20] * 512)]}


def long_quoted_row() -> dict[str, Iterable[bytes]]:
    """One row of very many lines, each of them short."""
    return {f"{TABLE}.csv": [HEADER, b'"', *([b"x\n" * 2**19] * 512)]}


def long_description() -> dict[str, Iterable[bytes]]:
    """A pack.json that is small as text and large as what Python makes of it."""
    return {f"{TABLE}.csv": [HEADER], DESCRIPTION: [b"[", *([b"{}," * 2**18] * 64), b"{}]"]}


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        (long_row, "DOES NOT HOLD: pack.zip: tables/rejected_readings.csv has a row of more than 1,048,576 characters"),
        (
            long_quoted_row,
            "DOES NOT HOLD: pack.zip: tables/rejected_readings.csv has a row of more than 1,048,576 characters",
        ),
        (long_description, "NOT VERIFIED: pack.zip takes more than 80 MiB of memory. "),
    ],
)
def test_a_small_pack_that_unpacks_to_very_much_is_refused_within_256_mib(
    bomb: Callable[[], dict[str, Iterable[bytes]]], said: str, tmp_path: Path
) -> None:
    pack = pack_of(tmp_path, 4_000, bomb())
    assert pack.stat().st_size < 10_000_000
    verdict, peak = verified(pack)
    assert verdict.startswith(said)
    assert peak < PEAK_KB_MAX
