"""The reader of ZIP files beside Python's own: it finds the same entries with the same bytes, or says what is wrong."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from fridge_pipeline.finance.pack.zip_entries import ZipDamageError, ZipEntryStream, zip_entries


def read_all(body: bytes) -> dict[str, bytes]:
    """Name → bytes of every entry. Raises ``ZipDamageError``."""
    stream = io.BytesIO(body)
    count, entries = zip_entries(stream, len(body))
    found = {entry.name: io.BufferedReader(ZipEntryStream(stream, entry), 1_000).read() for entry in entries}
    assert len(found) == count
    return found


def archive_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, large: bool = False) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, body in files.items():
            with archive.open(name, "w", force_zip64=large) as out:
                out.write(body)
    return target.getvalue()


FILES = {
    "a/empty": b"",
    "a/one": b"1",
    "a/same": b"x" * 3_000_000,
    "a/noise": random.Random(7).randbytes(700_000),  # noqa: S311 # not for a secret
    "a/ké\u202e": "ü".encode() * 70_000,
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_entry_is_read_as_python_wrote_it(method: int, *, large: bool) -> None:
    assert read_all(archive_of(FILES, method, large=large)) == FILES


def test_more_entries_than_the_small_form_counts_are_read_in_their_order() -> None:
    names = [f"a/{number}" for number in range(66_000)]
    body = archive_of(dict.fromkeys(names, b""), zipfile.ZIP_STORED)
    count, entries = zip_entries(io.BytesIO(body), len(body))
    assert (count, [entry.name for entry in entries]) == (66_000, names)


def test_a_comment_is_passed_over_and_what_stands_before_or_behind_is_damage() -> None:
    target = io.BytesIO(archive_of(FILES))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"PK\x05\x06" + b"c" * 300
    with pytest.raises(ZipDamageError):
        read_all(target.getvalue())  # which of two ends is meant, nobody can say
    target = io.BytesIO(archive_of(FILES))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"comment"
    assert read_all(target.getvalue()) == FILES
    for body in (b"before" + archive_of(FILES), archive_of(FILES) + b"behind"):
        with pytest.raises(ZipDamageError):
            read_all(body)


def test_a_local_header_with_another_name_than_the_table_is_damage() -> None:
    """Programs that go by the one and programs that go by the other would unpack different files."""
    body = archive_of({"a/usage.csv": b"1"})
    with pytest.raises(ZipDamageError, match="another name"):
        read_all(body.replace(b"a/usage.csv", b"a/other.csv", 1))


@pytest.mark.parametrize("seed", range(4))
def test_no_changed_byte_and_no_cut_is_a_crash_or_other_bytes(seed: int) -> None:
    whole, chance = archive_of({name: body[:5_000] for name, body in FILES.items()}), random.Random(seed)  # noqa: S311
    sound = read_all(whole)
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        body = bytes(changed[: chance.choice([len(changed), chance.randrange(len(changed))])])
        try:
            found = read_all(body)
        except (ZipDamageError, AssertionError):
            continue
        assert sorted(found.values()) == sorted(sound.values()), "a name or a time at most is another one"
