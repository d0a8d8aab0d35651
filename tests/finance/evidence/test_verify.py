from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, MANIFEST, DoesNotHoldError, folder_of
from fridge_pipeline.finance.verify_evidence import manifest_sha256, verify_evidence
from tests.finance.evidence.books import FEBRUARY, JANUARY, made, packed, unpacked, with_manifest
from tests.pipeline import Pipeline

OLD = Path(__file__).parent / "pack_of_format_1.zip"


def found_in(pack: Path, previous: Path | None = None) -> str:
    """The first thing that does not hold; empty when all holds."""
    try:
        list(verify_evidence(pack, previous))
    except DoesNotHoldError as error:
        return str(error)
    return ""


def test_a_pack_holds_by_our_program_and_by_sha256sum(pack: Path, tmp_path: Path) -> None:
    assert found_in(pack) == ""
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(tmp_path / "auditor")
    checked = subprocess.run(
        [*(["sha256sum"] if shutil.which("sha256sum") else ["shasum", "-a", "256"]), "--strict", "-c", MANIFEST],
        cwd=tmp_path / "auditor" / folder_of("2026-01"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    lines = checked.stdout.splitlines()
    assert {line.removesuffix(": OK") for line in lines} == set(unpacked(pack)) - {MANIFEST}


def test_each_file_altered_by_one_byte_is_named(pack: Path, tmp_path: Path) -> None:
    files = unpacked(pack)
    assert {Path(path).suffix for path in files} == {".csv", ".json", ".sql", ".yml", ".txt", ".sha256"}
    for path, body in files.items():
        altered = bytearray(body)
        altered[len(body) // 2] ^= 1
        found = found_in(packed(tmp_path / "altered.zip", {**files, path: bytes(altered)}))
        assert path in found, f"{path} was altered, and verify said: {found or 'all holds'}"


def test_each_byte_flipped_in_the_zip_file_itself_is_found_and_most_are_named(pack: Path, tmp_path: Path) -> None:
    whole = pack.read_bytes()
    with zipfile.ZipFile(pack) as archive:
        entries = archive.infolist()
    for entry in entries:
        altered = bytearray(whole)
        at = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
        altered[at] ^= 0x10
        target = tmp_path / "flipped.zip"
        target.write_bytes(altered)
        assert entry.filename.partition("/")[2] in found_in(target)


def test_an_added_a_removed_and_a_doubled_file_are_named(pack: Path, tmp_path: Path) -> None:
    files, target = unpacked(pack), tmp_path / "forged.zip"
    assert "tables/more.csv was added" in found_in(packed(target, {**files, "tables/more.csv": b"a\n"}))
    for path in files:
        rest = {name: body for name, body in files.items() if name != path}
        assert f"{path} is missing" in found_in(packed(target, rest))
    packed(target, files)
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(f"{folder_of('2026-01')}/tables/tie_out.csv", b"other")
    assert "tables/tie_out.csv is in the pack twice" in found_in(target)


@pytest.mark.parametrize(
    "name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "C:/out.csv", "a\\..\\out.csv", "./a"]
)
def test_a_path_that_would_be_unpacked_elsewhere_is_refused(pack: Path, tmp_path: Path, name: str) -> None:
    target = packed(tmp_path / "forged.zip", unpacked(pack))
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(name, b"out")
    assert "the path " in found_in(target)
    manifest = unpacked(pack)[MANIFEST] + b"0" * 64 + b"  " + name.encode() + b"\n"
    assert MANIFEST in found_in(packed(target, {**unpacked(pack), MANIFEST: manifest})) or "the path" in found_in(
        target
    )


def test_a_file_that_claims_to_unpack_to_more_than_deflate_can_is_refused_unread(pack: Path, tmp_path: Path) -> None:
    """As overlapping entries do: the table of contents says 3 GB for a file of some KB."""
    target = tmp_path / "bomb.zip"
    whole = pack.read_bytes()
    at = whole.rindex(b"PK\x01\x02")
    target.write_bytes(whole[: at + 24] + (3 * 2**30).to_bytes(4, "little") + whole[at + 28 :])
    assert "would unpack to" in found_in(target)


@pytest.mark.parametrize("body", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path, body: bytes) -> None:
    target = tmp_path / "file.zip"
    target.write_bytes(body)
    assert found_in(target).startswith("file.zip: ")


def test_a_forger_who_fits_the_manifest_is_found_by_the_numbers(pack: Path, tmp_path: Path) -> None:
    files, target = unpacked(pack), tmp_path / "forged.zip"

    def forged(path: str, old: bytes, new: bytes) -> str:
        assert old in files[path], f"{path} has no {old!r}"
        return found_in(packed(target, with_manifest({**files, path: files[path].replace(old, new, 1)})))

    monthly = files["tables/usage_monthly.csv"].splitlines()
    cohoes = next(line for line in monthly if line.startswith(b"cohoes,") and b",temperature_readings," in line)
    assert b",2026-01-01,8," in cohoes
    assert "'cohoes' and meter temperature_readings differ: 9 in usage_monthly.quantity, 8 in" in forged(
        "tables/usage_monthly.csv", cohoes, cohoes.replace(b",8,", b",9,")
    )
    assert "the days of statements/cohoes.csv" in forged("statements/cohoes.csv", b"total,8,", b"total,9,")
    assert "statements/cohoes.csv has no column day" in forged("statements/cohoes.csv", b",day,", b",date,")
    more = b"\n" + b"," * files["tables/runs.csv"].splitlines()[0].count(b",") + b"\n"
    assert "tables/runs.csv has 4 rows, pack.json says 3" in forged("tables/runs.csv", b"\n", more)
    assert "the control totals are" in forged(
        DESCRIPTION, b'"tie_out.stated_quantity": "', b'"tie_out.stated_quantity": "1'
    )
    assert "the format is 'fridge-evidence/9'" in forged(DESCRIPTION, b"fridge-evidence/4", b"fridge-evidence/9")


def test_a_pack_of_the_format_before_still_holds_and_is_said_to_be_one(tmp_path: Path) -> None:
    """It was made by the program as it was, and has each table as Parquet too."""
    told = list(verify_evidence(OLD))
    assert (
        "it is evidence of 2026-01, which was closed, in the format fridge-evidence/1; "
        "of its 23 Parquet files only the SHA-256 was checked"
    ) in told
    files, target = unpacked(OLD), tmp_path / "altered.zip"
    for path in ("tables/usage_daily.parquet", "tables/usage_daily.csv"):
        found = found_in(packed(target, {**files, path: files[path] + b"0"}))
        assert found.startswith(f"altered.zip: {path} was changed")
    daily = files["tables/usage_daily.csv"]
    forged = with_manifest({**files, "tables/usage_daily.csv": daily[: daily.rindex(b"\n", 0, -1) + 1]})
    assert "tables/usage_daily.csv has " in found_in(packed(target, forged))


def test_a_pack_is_chained_to_one_of_the_format_before(january: Path, february: Path, tmp_path: Path) -> None:
    files = unpacked(february)
    described = files[DESCRIPTION].replace(manifest_sha256(january).encode(), manifest_sha256(OLD).encode())
    chained = packed(tmp_path / "chained.zip", with_manifest({**files, DESCRIPTION: described}), FEBRUARY)
    assert found_in(chained, OLD) == ""


def test_a_swapped_chain_is_named(books: Pipeline, january: Path, february: Path) -> None:
    assert found_in(february, january) == ""
    assert "says that none came before it" in found_in(january, february)
    assert "is chained to that of 2026-01, but that of 2026-02 was given" in found_in(february, february)
    books.clock.advance(hours=1)
    another = made(books, JANUARY, january.with_name("another.zip"))
    assert "is chained to another pack of 2026-01" in found_in(february, another)

    altered = unpacked(january)
    altered["README.txt"] += b"!"
    target = packed(january.with_name("altered.zip"), altered)
    assert found_in(february, target).startswith("altered.zip: README.txt was changed")


def test_verify_runs_with_click_and_the_standard_library_alone(pack: Path) -> None:
    code = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"click", "fridge_pipeline", *sys.stdlib_module_names}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
from fridge_pipeline.cli.verify import verify
verify()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(pack)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2026-01.zip holds; its manifest is " in done.stdout


def test_pack_json_says_what_it_was_made_by(books: Pipeline, january: Path, february: Path) -> None:
    said = json.loads(unpacked(february)[DESCRIPTION])
    assert (said["month"], said["is_final"], said["run_id"]) == ("2026-02", True, "run-1")
    assert said["previous"]["month"] == "2026-01"
    applied = books.rows("select number, title, sha256 from fridge.schema_migrations order by number")
    assert [tuple(each.values()) for each in said["schema_migrations"]] == applied
    first = json.loads(unpacked(january)[DESCRIPTION])
    assert (first["previous"], first["previous_reason"]) == (None, "the first month")
    chain = books.rows("select month, manifest_sha256, previous_sha256 from fridge.evidence_packs order by pack_id")
    assert chain[1][2] == chain[0][1] == said["previous"]["manifest_sha256"]
    assert [each[0] for each in chain] == [JANUARY.first_day, FEBRUARY.first_day]
