"""What a pack takes of the memory of whoever verifies it: a bound, whoever made it and however large it is."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fridge_pipeline.cli.verify_program import ALONE
from fridge_pipeline.finance.rules.evidence_format import (
    DESCRIPTION,
    FORMAT,
    MANIFEST,
    folder_of,
    manifest_text,
    statement_path,
)

PEAK_KB_MAX = 256 * 1024
MONTH = "2026-01"
TABLE = "tables/rejected_readings"
HEADER = b"path,line,reason,raw\n"

#: What every pack has.
SMALL = {
    "tables/invoices.csv": b"invoice_id,status\n",
    "tables/invoice_tie_out.csv": b"invoice_id,status,event_name,usage_quantity,invoice_quantity,difference,cause\n",
    "tables/invoice_day_reads.csv": b"day\n",
    "tables/corrections.csv": (
        b"proposal_id,old_quantity,new_quantity,delta,amount_minor_units,document_kind,proposed_by,approved_by,"
        b"document,lost_at\n"
    ),
    "tables/correction_edits.csv": b"proposal_id,amount_minor_units,currency\n",
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
    small = {path: [body] for path, body in SMALL.items()}
    return packed_with_rows(folder, described, {**small, **files})


def packed_with_rows(folder: Path, described: dict[str, Any], files: Mapping[str, Iterable[bytes]]) -> Path:
    """The files with a manifest that fits, and a pack.json that says how many rows each has, unless it does already."""
    hashes: dict[str, str] = {}
    counts: dict[str, int] = {}
    with zipfile.ZipFile(folder / "pack.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:

        def add(path: str, pieces: Iterable[bytes]) -> None:
            digest, counts[path] = hashlib.sha256(), -1
            with archive.open(f"{folder_of(MONTH)}/{path}", "w", force_zip64=True) as out:
                for piece in pieces:
                    digest.update(piece)
                    counts[path] += piece.count(b"\n")
                    out.write(piece)
            hashes[path] = digest.hexdigest()

        for path, pieces in files.items():
            add(path, pieces)
        if not described["files"]:
            described["files"] = [{"path": path, "rows": rows} for path, rows in counts.items()]
        if DESCRIPTION not in files:
            add(DESCRIPTION, [json.dumps(described, indent=2).encode()])
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
    """One line that unpacks to more than may be held."""
    return {f"{TABLE}.csv": [HEADER, *([b"x" * 2**20] * 300)]}


def long_quoted_row() -> dict[str, Iterable[bytes]]:
    """One row of very many lines, each of them short."""
    return {f"{TABLE}.csv": [HEADER, b'"', *([b"x\n" * 2**19] * 300)]}


def long_description() -> dict[str, Iterable[bytes]]:
    """A pack.json that is small as text and large as what Python would make of it."""
    return {f"{TABLE}.csv": [HEADER], DESCRIPTION: [b"[", *([b"{}," * 2**18] * 64), b"{}]"]}


def long_value_in_the_description() -> dict[str, Iterable[bytes]]:
    """The same within it."""
    return {f"{TABLE}.csv": [HEADER], DESCRIPTION: [b'{"draft": [', *([b"{}," * 2**18] * 64), b"{}]}"]}


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        (long_row, "DOES NOT HOLD: pack.zip: tables/rejected_readings.csv has a row of more than 1,048,576 characters"),
        (
            long_quoted_row,
            "DOES NOT HOLD: pack.zip: tables/rejected_readings.csv has a row of more than 1,048,576 characters",
        ),
        (long_description, "DOES NOT HOLD: pack.zip: pack.json has a value of more than 1,048,576 characters"),
        (
            long_value_in_the_description,
            "DOES NOT HOLD: pack.zip: pack.json has a value of more than 1,048,576 characters",
        ),
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


TENANTS = 20_000
METERS = ("temperature_readings", "active_sensors")


def tenants_tables() -> dict[str, Iterable[bytes]]:
    """Two meters of many tenants, an hour each, in every table that is summed and in a statement each."""
    names = [b"tenant-%06d" % number for number in range(TENANTS)]
    meters = [meter.encode() for meter in METERS]
    of_each = [(name, meter) for name in names for meter in meters]
    hour = b"2026-01-24T18:00:00Z"

    def rows(header: bytes, form: bytes) -> Iterator[bytes]:
        lines = [form % {b"tenant": name, b"meter": meter, b"hour": hour} for name, meter in of_each]
        return iter([header, b"".join(lines)])

    usage = b"%(tenant)s,%(meter)s,%(hour)s,7\n"
    statement = b"tenant_id,meter,day,usage,stated,stripe\n"
    return {
        f"{TABLE}.csv": iter([HEADER]),
        **{
            f"tables/usage_{span}.csv": rows(b"tenant_id,meter,at,quantity\n", usage)
            for span in ("monthly", "daily", "hourly")
        },
        "tables/billing_ledger.csv": rows(
            b"tenant_id,meter,hour,quantity,is_counted_by_stripe\n", b"%(tenant)s,%(meter)s,%(hour)s,7,true\n"
        ),
        "tables/tie_out.csv": rows(SMALL["tables/tie_out.csv"], b"%(tenant)s,%(meter)s,%(hour)s,7,7,7,0,,\n"),
        "tables/stripe_sums.csv": rows(
            SMALL["tables/stripe_sums.csv"], b"%(tenant)s,%(meter)s,%(hour)s,cus_%(tenant)s,7\n"
        ),
        **{
            statement_path(name.decode()): iter(
                [
                    statement,
                    *(b"%s,%s,%s,7,7,7\n" % (name, m, day) for m in meters for day in (b"2026-01-24", b"total")),
                ]
            )
            for name in names
        },
    }


@pytest.mark.prove
def test_a_pack_of_twenty_thousand_tenants_is_verified_within_256_mib_without_being_allowed_more(
    tmp_path: Path,
) -> None:
    pack = pack_of_tenants(tmp_path)
    verdict, peak = verified(pack)
    assert verdict.startswith("pack.zip holds; its manifest is ")
    assert peak < PEAK_KB_MAX


def pack_of_tenants(folder: Path) -> Path:
    files = {**{path: iter([body]) for path, body in SMALL.items()}, **tenants_tables()}
    total = f"{7 * TENANTS}"
    figures = (
        *(f"usage_{span}.quantity" for span in ("monthly", "daily", "hourly")),
        *(f"tie_out.{name}_quantity" for name in ("usage", "stated", "stripe")),
        *(f"statements.{name}" for name in ("usage", "stated", "stripe")),
        "billing_ledger.quantity",
    )
    described: dict[str, Any] = {
        "format": FORMAT,
        "month": MONTH,
        "files": [],
        "control_totals": {meter: dict.fromkeys(figures, total) for meter in METERS},
        "previous": None,
    }
    return packed_with_rows(folder, described, files)
