"""What ties a pack to people and authorities outside: signatures, time stamps, noted hashes, and the chain."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.anchor_evidence import DraftError, NotStampedError, sign_pack, stamp_pack
from fridge_pipeline.finance.pack.signature import NotSignedError, signature_of
from fridge_pipeline.finance.pack.time_stamp import stamp_of, stamp_told
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack, require_whole
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError, PackLink
from fridge_pipeline.finance.verify_chain import verify_chain
from fridge_pipeline.finance.verify_evidence import Expected, manifest_sha256, verify_evidence
from fridge_pipeline.settings import REPOSITORY
from tests.console_script import Run
from tests.finance.evidence.books import FEBRUARY, made, make, packed, unpacked, with_manifest
from tests.finance.evidence.outside import TimeAuthority, list_signers, make_key, running_authority, signed
from tests.pipeline import Pipeline

JANUARY, MARCH = PackLink("2026-01", "1" * 64), PackLink("2026-03", "3" * 64)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of those who sign months in these tests, and of one who does not."""
    folder = tmp_path_factory.mktemp("keys")
    return {person: make_key(folder, person) for person in ("ada", "grace", "mallory")}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    with running_authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


def told(pack: Path, **expected: object) -> str:
    """The last thing that holds, or the first that does not."""
    try:
        return list(verify_evidence(pack, expected=Expected(**expected)))[-1]  # type: ignore[arg-type]
    except DoesNotHoldError as error:
        return str(error)


def test_a_pack_is_signed_by_whoever_approved_its_month_and_by_nobody_else(
    pack: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    signers = list_signers(tmp_path / "signers", keys["ada"], keys["grace"])
    assert "it is not signed: there is no 2026-01.zip.sig" in told(pack, signers=signers)
    held, signature = sign_pack(pack, keys["grace"])
    signature_of(pack).write_bytes(signature)
    assert any(line.startswith("2026-01 was prepared by ada (") for line in held)
    assert told(pack, signers=signers).startswith(
        "it is signed by grace, who approved the month, with ED25519 key SHA256:"
    )
    by_hand: list[str | Path] = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "grace", "-n", "fridge-evidence"]
    manifest = tmp_path / "MANIFEST.sha256"
    manifest.write_bytes(unpacked(pack)["MANIFEST.sha256"])
    with manifest.open("rb") as given:
        subprocess.run([*by_hand, "-s", signature_of(pack)], stdin=given, check=True, capture_output=True)

    assert "is by ada, and grace (" in told(signed(pack, keys["ada"]), signers=signers)
    assert "is by a key of nobody in signers" in told(signed(pack, keys["mallory"]), signers=signers)
    only_others = list_signers(tmp_path / "others", keys["mallory"])
    assert "is by mallory, and grace (" in told(pack, signers=only_others)


def test_a_signature_of_another_pack_or_for_another_purpose_is_none(
    pack: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    signers = list_signers(tmp_path / "signers", keys["grace"])
    signed(pack, keys["grace"])
    files = unpacked(pack)
    other = packed(tmp_path / "other.zip", with_manifest({**files, "README.txt": b"trust me"}))
    shutil.copy(signature_of(pack), signature_of(other))
    assert "other.zip.sig is not a signature of this pack" in told(other, signers=signers)
    for_files: list[str | Path] = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", keys["grace"]]
    signature_of(pack).unlink()
    done = subprocess.run(for_files, input=files["MANIFEST.sha256"], capture_output=True, check=True)
    signature_of(pack).write_bytes(done.stdout)
    assert "2026-01.zip.sig is" in told(pack, signers=signers)
    with pytest.raises(NotSignedError, match="no key did not sign"):
        sign_pack(pack, tmp_path / "no key")


def test_a_time_stamp_says_since_when_a_pack_is_what_it_is(
    pack: Path, authority: TimeAuthority, tmp_path: Path
) -> None:
    assert "it has no time stamp" in told(pack, authority=authority.certificate)
    held, answer = stamp_pack(pack, authority.url, authority.certificate)
    assert held[-1].endswith("UTC by 127.0.0.1")
    stamp_of(pack).write_bytes(answer)
    assert told(pack, authority=authority.certificate).startswith("it has been as it is since 20")

    other = packed(tmp_path / "other.zip", with_manifest({**unpacked(pack), "README.txt": b"trust me"}))
    shutil.copy(stamp_of(pack), stamp_of(other))
    assert "other.zip.tsr is not a time stamp of this pack by this authority" in told(
        other, authority=authority.certificate
    )
    later = unpacked(pack)[DESCRIPTION].replace(b'"created_at": "2026-', b'"created_at": "2099-')
    postdated = packed(tmp_path / "postdated.zip", with_manifest({**unpacked(pack), DESCRIPTION: later}))
    stamp_of(postdated).write_bytes(stamp_pack(postdated, authority.url, authority.certificate)[1])
    assert "and it says it was made 2099-" in told(postdated, authority=authority.certificate)
    with running_authority(tmp_path, "another") as another:
        assert "by this authority" in told(pack, authority=another.certificate)
        with pytest.raises(DoesNotHoldError, match="not a time stamp of this pack by this authority"):
            stamp_pack(pack, another.url, authority.certificate)
        with pytest.raises(NotStampedError, match=r"127\.0\.0\.1 gave no time stamp: it answered 404"):
            stamp_pack(pack, another.url.replace("/tsr", "/"), another.certificate)
    with pytest.raises(NotStampedError, match=r"127\.0\.0\.1 gave no time stamp: ConnectionError"):
        stamp_pack(pack, another.url, another.certificate)
    stamp_of(pack).write_bytes(b"no stamp")
    assert "2026-01.zip.tsr is not a time stamp" in told(pack, authority=authority.certificate)


def test_a_renamed_pack_of_another_month_does_not_hold(pack: Path) -> None:
    renamed = pack.rename(pack.with_name("2026-02.zip"))
    assert told(renamed) == "2026-02.zip: it is named after 2026-02, and is the pack of 2026-01"
    free = renamed.rename(pack.with_name("pack.zip"))
    assert "it is the pack of 2026-01, and that of 2026-02 was asked for" in told(free, month="2026-02")
    assert "2026-01 was prepared by ada" in told(free, month="2026-01")


def test_a_manifest_that_was_noted_elsewhere_is_that_of_one_pack(pack: Path, tmp_path: Path) -> None:
    noted = manifest_sha256(pack)
    forged = packed(tmp_path / "forged.zip", with_manifest({**unpacked(pack), "README.txt": b"trust me"}))
    assert "was prepared by" in told(forged)
    assert f"and {noted} was asked for: it is another one" in told(forged, manifest_sha256=noted)
    assert "was prepared by" in told(pack, manifest_sha256=noted)


def test_a_draft_can_neither_be_signed_nor_pass_for_signed(
    books: Pipeline, keys: dict[str, Path], tmp_path: Path
) -> None:
    draft = made(books, FEBRUARY, tmp_path / "draft.zip")
    with pytest.raises(DraftError, match=r"draft\.zip is a draft: close the month"):
        sign_pack(draft, keys["grace"])
    signers = list_signers(tmp_path / "signers", keys["grace"])
    assert "it is a draft: nobody signed the month" in told(signed(draft, keys["grace"]), signers=signers)


def test_all_packs_of_a_folder_are_one_chain_in_which_none_is_missing(
    january: Path, february: Path, keys: dict[str, Path]
) -> None:
    folder, signers = january.parent, january.parent / "signers"
    list_signers(signers, keys["grace"])
    noted = manifest_sha256(february)

    def chain(**expected: object) -> str:
        try:
            return list(verify_chain(folder, Expected(**expected)))[-1]  # type: ignore[arg-type]
        except DoesNotHoldError as error:
            return str(error)

    assert chain() == chain(month="2026-02", manifest_sha256=noted)
    assert chain() == "the chain of 2 packs from 2026-01 to 2026-02 is whole"
    assert chain(month="2026-03") == "the pack of 2026-03 is missing: it was asked for"
    assert chain(month="2026-01", manifest_sha256=noted) == f"no pack of 2026-01 has the manifest {noted}"
    assert "2026-01.zip: it is not signed" in chain(signers=signers)
    for pack in (january, february):
        signed(pack, keys["grace"])
    assert "2 packs" in chain(signers=signers)
    away = january.rename(january.with_name("2026-01.zip.away"))
    assert "2026-02.zip is chained to a pack of 2026-01 with the manifest" in chain()
    away.rename(january)
    shutil.copy(january, folder / "copy.zip")
    assert chain() == "2026-01.zip and copy.zip are the same pack"


def test_a_gap_a_second_beginning_and_a_chain_that_runs_backwards_are_named() -> None:
    first, third = ChainedPack("1.zip", JANUARY, None), ChainedPack("3.zip", MARCH, JANUARY)
    february = ChainedPack("2.zip", PackLink("2026-02", "2" * 64), JANUARY)
    assert require_whole([first, february, third]) == "the chain of 3 packs from 2026-01 to 2026-03 is whole"
    again = ChainedPack("again.zip", PackLink("2026-02", "4" * 64), JANUARY)
    assert require_whole([first, february, again, third]).endswith("is whole; 2026-02 has 2 packs")
    for packs, found in (
        ([first, third], "the pack of 2026-02 is missing"),
        ([first, february, ChainedPack("3.zip", MARCH, None)], "3.zip says that no pack came before it"),
        ([first, february, ChainedPack("3.zip", MARCH, MARCH)], "which is not of an earlier month"),
        (
            [first, february, ChainedPack("3.zip", MARCH, PackLink("2026-01", "2" * 64))],
            "is chained to that of 2026-01",
        ),
        ([], "there is no pack of a closed month"),
    ):
        with pytest.raises(DoesNotHoldError, match=found):
            require_whole(packs)


def test_the_single_file_needs_python_alone_and_says_what_fridge_verify_says(
    run: Run, pack: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    verifier = tmp_path / "auditor" / "verify.py"
    verifier.parent.mkdir()
    verifier.write_bytes(unpacked(pack)["verify.py"])
    signers = list_signers(tmp_path / "signers", keys["grace"])
    signed(pack, keys["grace"])
    code = """
import sys, runpy
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

    def alone(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, str(verifier), *arguments],
            cwd=pack.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    noted = manifest_sha256(pack).upper()
    asked = ("2026-01.zip", "--month", "2026-01", "--signers", str(signers), "--manifest", noted)
    status, said = alone(*asked)
    assert (status, "it is signed by grace" in said) == (0, True), said
    ours = run("verify", *asked)
    assert (ours.returncode, ours.stdout) == (0, said)
    assert run("verify", "--all", ".", "--month", "2026-01").stdout == alone("--all", ".", "--month", "2026-01")[1]
    packed(pack, {**unpacked(pack), "README.txt": b"trust me"})
    status, said = alone("2026-01.zip")
    assert (status, said) == (1, run("verify", "2026-01.zip").stdout)
    assert "DOES NOT HOLD: 2026-01.zip: README.txt was changed" in said
    called_wrongly: tuple[list[str], ...] = (
        [],
        ["2026-01.zip", "--all", "."],
        ["nowhere.zip"],
        ["--all", ".", "--previous", "2026-01.zip"],
        ["2026-01.zip", "--month", "2026-13"],
        ["2026-01.zip", "--manifest", "1234"],
    )
    for wrong in called_wrongly:
        assert (alone(*wrong)[0], run("verify", *wrong).returncode) == (2, 2), wrong


def test_the_verifier_that_a_copy_of_the_repository_makes_with_python_alone_is_that_of_every_pack(pack: Path) -> None:
    command = [sys.executable, "-S", "-m", "fridge_pipeline.finance.pack.one_file"]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
    assert made == unpacked(pack)["verify.py"]


def test_a_pack_that_another_one_takes_the_name_of_keeps_its_signature_and_time_stamp(
    books: Pipeline, january: Path, keys: dict[str, Path], authority: TimeAuthority, tmp_path: Path
) -> None:
    signed(january, keys["grace"])
    stamp_of(january).write_bytes(stamp_pack(january, authority.url, authority.certificate)[1])
    books.clock.advance(hours=1)
    kept = make(books, Month.from_key(JANUARY.month), january).kept
    assert kept is not None
    signers = list_signers(tmp_path / "signers", keys["grace"])
    assert list(verify_evidence(kept, expected=Expected(signers=signers, authority=authority.certificate)))
    assert not signature_of(january).exists(), "nobody has signed the new one"
    assert not stamp_of(january).exists()


def test_packs_are_signed_and_stamped_by_command_once(
    run: Run, january: Path, keys: dict[str, Path], authority: TimeAuthority
) -> None:
    commands = (
        ("sign-pack", january.name, "--key", str(keys["grace"])),
        ("stamp-pack", january.name, "--url", authority.url, "--authority", str(authority.certificate)),
    )
    for command, made_file in zip(commands, ("2026-01.zip.sig", "2026-01.zip.tsr"), strict=True):
        first = run(*command)
        assert first.returncode == 0, first.stderr
        assert first.stdout.endswith(f"made {made_file}\n")
        again = run(*command)
        assert (again.returncode, f"{made_file} is there already" in again.stderr) == (1, True)
    signers = list_signers(january.with_name("signers"), keys["grace"])
    held = run("verify", january.name, "--signers", str(signers), "--authority", str(authority.certificate))
    assert held.returncode == 0, held.stdout
    assert "Nothing from outside was compared" not in held.stdout
    assert "Nothing from outside was compared" in run("verify", january.name).stdout


def der(tag: int, content: bytes) -> bytes:
    """A value as ASN.1 writes it."""
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 + len(digits))) + digits + content


def with_status(answer: bytes, text: str) -> bytes:
    """An authority's answer with another text for its status, which no signature covers; all of it granted."""
    content = answer[2 + (answer[1] & 127 if answer[1] > 127 else 0) :]
    token = content[2 + content[1] :]
    status = der(0x30, b"\x02\x01\x00" + der(0x30, der(0x0C, text.encode())))
    return der(0x30, status + token)


def test_only_what_the_authority_signed_says_when(pack: Path, authority: TimeAuthority) -> None:
    answer = stamp_pack(pack, authority.url, authority.certificate)[1]
    stamp_of(pack).write_bytes(answer)
    before = told(pack, authority=authority.certificate)
    forged = datetime.now(UTC) + timedelta(hours=3)
    stamp_of(pack).write_bytes(with_status(answer, f"fine\nTime stamp: {forged:%b %d %H:%M:%S %Y} GMT"))
    assert told(pack, authority=authority.certificate) == before


def test_a_pack_that_says_it_was_made_before_all_time_is_told(
    pack: Path, authority: TimeAuthority, tmp_path: Path
) -> None:
    stamp_of(pack).write_bytes(stamp_pack(pack, authority.url, authority.certificate)[1])
    manifest = tmp_path / "MANIFEST.sha256"
    manifest.write_bytes(unpacked(pack)["MANIFEST.sha256"])
    with pytest.raises(DoesNotHoldError, match="for the time at which it was made"):
        stamp_told(manifest, pack, authority.certificate, "0001-01-01T00:00:00+00:00")
