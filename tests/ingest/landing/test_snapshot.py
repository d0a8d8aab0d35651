"""Laws of the private copy: its hash, its plain bytes, and what it says about damage."""

from __future__ import annotations

import gzip
import hashlib
import random
import tracemalloc
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.private_copy import PLAIN_BYTES_MAX, take_snapshot
from fridge_pipeline.ingest.landing.unpacking import PACKING_RATIO_MAX, PLAIN_BYTES_FREE
from fridge_pipeline.ingest.rules.landing_files import FileFormat

if TYPE_CHECKING:
    from pathlib import Path

    from fridge_pipeline.ingest.landing.private_copy import Snapshot

TEXT = b"".join(b"line %d of some text\n" % number for number in range(50_000))


def of(content: bytes, directory: Path, *, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
    return take_snapshot(BytesIO(content), directory, FileFormat.CSV_GZ, plain_bytes_max)


def test_the_hash_and_size_are_of_the_bytes_as_delivered(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT)
    with of(packed, tmp_path) as snapshot:
        assert snapshot.content_hash == f"sha256:{hashlib.sha256(packed).hexdigest()}"
        assert snapshot.size == len(packed)
        assert snapshot.path.read_bytes() == TEXT
        assert snapshot.damage is None


def test_a_plain_file_is_copied_as_it_is(tmp_path: Path) -> None:
    with take_snapshot(BytesIO(TEXT), tmp_path, FileFormat.CSV) as snapshot:
        assert snapshot.path.read_bytes() == TEXT
        assert snapshot.damage is None


def test_the_copy_is_gone_after_use_and_after_a_failure(tmp_path: Path) -> None:
    class Failing(BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with of(gzip.compress(TEXT), tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(UnreadableFileError, match="Input/output error"):
        take_snapshot(Failing(), tmp_path, FileFormat.CSV)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("padding", [b"", b"\0" * 1_000])
def test_several_gzip_members_and_zero_padding_are_one_file(tmp_path: Path, padding: bytes) -> None:
    packed = b"".join(gzip.compress(part) for part in (b"a,b\n", b"", TEXT, b"end\n")) + padding
    with of(packed, tmp_path) as snapshot:
        assert snapshot.path.read_bytes() == b"a,b\n" + TEXT + b"end\n"
        assert snapshot.damage is None


def test_a_cut_at_any_place_keeps_a_beginning_and_is_damage(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT)
    for cut in (1, 5, 10, 1_000, len(packed) // 2, len(packed) - 1):
        with of(packed[:cut], tmp_path) as snapshot:
            assert snapshot.damage is not None
            assert snapshot.damage.startswith("gzip cut off")
            assert TEXT.startswith(snapshot.path.read_bytes())
            assert snapshot.content_hash == f"sha256:{hashlib.sha256(packed[:cut]).hexdigest()}"


def test_damage_in_the_middle_keeps_all_that_comes_before_it(tmp_path: Path) -> None:
    plain = random.Random(7).randbytes(300_000)  # noqa: S311  # incompressible, not secret
    packed = bytearray(gzip.compress(plain))
    packed[200_000:200_010] = b"\xff" * 10
    with of(bytes(packed), tmp_path) as snapshot:
        kept = snapshot.path.read_bytes()
        assert snapshot.damage is not None
        assert snapshot.damage.startswith("damaged gzip after ")
        assert plain.startswith(kept[:199_000])
        assert len(kept) >= 199_000


def test_a_wrong_checksum_is_damage_and_keeps_the_bytes(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    with of(bytes(packed), tmp_path) as snapshot:
        assert snapshot.damage is not None
        assert "incorrect data check" in snapshot.damage
        assert snapshot.path.read_bytes() == TEXT


def test_bytes_behind_the_gzip_stream_are_damage(tmp_path: Path) -> None:
    with of(gzip.compress(TEXT) + b"trailing", tmp_path) as snapshot:
        assert snapshot.damage is not None
        assert snapshot.path.read_bytes() == TEXT


def test_a_file_that_is_no_gzip_is_damage_with_nothing_kept(tmp_path: Path) -> None:
    with of(b"tenant_id,sensor_id\n", tmp_path) as snapshot:
        assert snapshot.damage is not None
        assert snapshot.path.read_bytes() == b""


def test_a_gzip_bomb_stops_at_the_limit_in_flat_memory(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(2**20)
    bomb = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    try:
        with of(bomb, tmp_path, plain_bytes_max=8 * 2**20) as snapshot:
            peak = tracemalloc.get_traced_memory()[1]
            assert snapshot.path.stat().st_size == 8 * 2**20
            assert snapshot.damage == "gzip unpacks to more than the limit of 8388608 bytes"
            assert snapshot.size == len(bomb)
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_small_gzip_may_not_unpack_to_more_than_readings_ever_do(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    with of(bomb, tmp_path) as snapshot:
        assert snapshot.damage is not None
        assert "times its size" in snapshot.damage
        assert snapshot.path.stat().st_size == max(PLAIN_BYTES_FREE, PACKING_RATIO_MAX * len(bomb))
    with of(gzip.compress(bytes(PLAIN_BYTES_FREE)), tmp_path) as snapshot:
        assert snapshot.damage is None


def test_exactly_the_limit_is_within_it(tmp_path: Path) -> None:
    with of(gzip.compress(TEXT), tmp_path, plain_bytes_max=len(TEXT)) as snapshot:
        assert snapshot.damage is None
        assert snapshot.path.read_bytes() == TEXT


def test_an_empty_file_is_not_damaged(tmp_path: Path) -> None:
    with of(b"", tmp_path) as snapshot:
        assert (snapshot.size, snapshot.damage) == (0, None)
