"""Laws of packs and reports in an object store, on a real S3 API over HTTP."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from fridge_pipeline.cli import report as report_command
from fridge_pipeline.cli.main import fridge
from fridge_pipeline.finance import report_month as report_step
from fridge_pipeline.finance.packs_in_archive import packs_in_archive
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.finance.rules.evidence_format import PackLink
from fridge_pipeline.ingest.object_store import archive
from fridge_pipeline.ingest.object_store.archive import fetch, put_in_place_of, put_unlike_any, require_listed
from fridge_pipeline.ingest.object_store.store import ArchiveError, StoreUriError
from fridge_pipeline.ingest.rules.location import ObjectLocation, location_of
from fridge_pipeline.installation import Ledger
from fridge_pipeline.operations.check_health import check_packs
from fridge_pipeline.orchestration import month_assets as month_report
from fridge_pipeline.orchestration.month_assets import audit_report, evidence_pack
from fridge_pipeline.orchestration.partitions import monthly_partitions, on_grid
from fridge_pipeline.settings import SettingError, read_settings
from tests.finance.evidence.books import HOURS, JANUARY, close, fill, made, make
from tests.finance.evidence.outside import list_signers, make_key
from tests.finance.report.books import closed_books, quiet_books
from tests.ingest.object_store.conftest import Bucket
from tests.ingest.object_store.cutting_proxy import cutting_proxy
from tests.ingest.object_store.s3_server import KEY_ID, SECRET
from tests.pipeline import Pipeline
from tests.sandbox_process import fresh_name

PACK = b"PK of january"


@pytest.fixture
def place(bucket: Bucket) -> ObjectLocation:
    return ObjectLocation(f"s3://{bucket.name}/audit/2026-01.zip")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.zip"
    path.write_bytes(PACK)
    return path


def names(bucket: Bucket) -> list[str]:
    return sorted(bucket.server.objects(bucket.name))


def installed(pipeline: Pipeline, folder: Path, archive_uri: str) -> Ledger:
    settings = read_settings({"FRIDGE_HOME": str(folder / "home"), "FRIDGE_ARCHIVE_URI": archive_uri})
    return Ledger(settings, pipeline.database, pipeline.clock)


def test_a_pack_in_a_bucket_is_that_of_a_folder_and_keeps_its_name_whatever_is_made_after_it(
    pipeline: Pipeline, bucket: Bucket, place: ObjectLocation, tmp_path: Path
) -> None:
    fill(pipeline)
    draft = make(pipeline, JANUARY, place)
    assert (str(draft.path), draft.is_final) == (f"s3://{bucket.name}/audit/2026-01-draft.zip", False)
    close(pipeline, JANUARY)
    first = make(pipeline, JANUARY, place)
    again = make(pipeline, JANUARY, place)
    assert first.path == again.path == place
    body = made(pipeline, JANUARY, tmp_path / "2026-01.zip").read_bytes()
    assert bucket.server.objects(bucket.name)["audit/2026-01.zip"] == body

    pipeline.clock.advance(hours=1)
    second = make(pipeline, JANUARY, place)
    assert second.path == place.parent / "2026-01-2.zip"
    assert names(bucket) == ["audit/2026-01-2.zip", "audit/2026-01-draft.zip", "audit/2026-01.zip"]
    assert bucket.server.objects(bucket.name)["audit/2026-01.zip"] == body
    assert list(pipeline.workspace.iterdir()) == []

    held = CliRunner().invoke(fridge, ["verify", str(second.path)])
    assert held.exit_code == 0, held.output
    assert f"2026-01-2.zip holds; its manifest is {second.manifest_sha256}" in held.output
    bucket.server.put(bucket.name, "audit/2026-01.zip", body[:-1_000])
    damaged = CliRunner().invoke(fridge, ["verify", str(place)])
    assert damaged.exit_code == 1
    assert "DOES NOT HOLD: 2026-01.zip: 2026-01.zip is not a readable ZIP file" in damaged.output

    asset = on_grid(evidence_pack, monthly_partitions(HOURS[0]))
    resources = {"ledger": installed(pipeline, tmp_path, f"s3://{bucket.name}/books/")}
    done = dg.materialize([asset], partition_key="2026-01", resources=resources)
    (event,) = done.asset_materializations_for_node("evidence_pack")
    assert event.metadata["pack"].value == f"s3://{bucket.name}/books/evidence/2026-01.zip"
    assert "books/evidence/2026-01.zip" in names(bucket)


def test_a_pack_in_a_bucket_is_signed_beside_it_once_and_doctor_reads_of_it_what_stands_in_the_chain(
    pipeline: Pipeline, bucket: Bucket, tmp_path: Path
) -> None:
    fill(pipeline)
    close(pipeline, JANUARY)
    place = ObjectLocation(f"s3://{bucket.name}/books/evidence/2026-01.zip")
    manifest = make(pipeline, JANUARY, place).manifest_sha256
    key = make_key(tmp_path, "grace")
    signers = list_signers(tmp_path / "signers", key)
    signing, verifying = ["sign-pack", str(place), "--key", str(key)], ["verify", str(place), "--signers", str(signers)]

    unsigned = CliRunner().invoke(fridge, verifying)
    assert (unsigned.exit_code, "there is no such object" in unsigned.output) == (1, True)
    first = CliRunner().invoke(fridge, signing)
    assert (first.exit_code, first.output.splitlines()[-1]) == (0, f"made {place}.sig")
    again = CliRunner().invoke(fridge, signing)
    assert (again.exit_code, f"{place}.sig is there already" in again.output) == (1, True)
    assert "it is signed by grace, who approved the month" in CliRunner().invoke(fridge, verifying).output

    archive_of = ObjectLocation(f"s3://{bucket.name}/books")
    (found,) = packs_in_archive(archive_of)
    assert isinstance(found, ChainedPack)
    assert found.link == PackLink("2026-01", manifest)
    grades = [check.grade.value for check in check_packs(pipeline.database, archive_of, pipeline.clock())]
    assert grades == ["ok", "ok"]
    body = bucket.server.objects(bucket.name)["books/evidence/2026-01.zip"]
    bucket.server.put(bucket.name, "books/evidence/2026-02.zip", body[:-1_000])
    wrong = [str(check) for check in check_packs(pipeline.database, archive_of, pipeline.clock())][-1]
    assert wrong.startswith("WRONG packs: 2026-02.zip is not a readable ZIP file")


def test_a_report_in_a_bucket_is_that_of_a_folder_and_the_newest_of_its_month(
    pipeline: Pipeline, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(month_report, "refresh_month", lambda *_: None)
    monkeypatch.setattr(report_step, "read_books", lambda *_: (quiet_books(["cohoes"], days=1), []))
    opened = installed(pipeline, tmp_path, f"s3://{bucket.name}/books")
    asset = on_grid(audit_report, monthly_partitions(HOURS[0]))
    done = dg.materialize([asset], partition_key="2026-01", resources={"ledger": opened})
    (event,) = done.asset_materializations_for_node("audit_report")
    uri = f"s3://{bucket.name}/books/reports/2026-01/usage-2026-01"
    assert (event.metadata["page"].value, event.metadata["workbook"].value) == (f"{uri}.html", f"{uri}.xlsx")
    before = bucket.server.objects(bucket.name)

    @contextmanager
    def ledger() -> Iterator[Ledger]:
        yield opened

    monkeypatch.setattr(report_command, "ledger", ledger)
    monkeypatch.setattr(report_step, "read_books", lambda *_: (closed_books(), []))
    for out in (str(tmp_path / "out"), f"s3://{bucket.name}/books/reports/2026-01"):
        told = CliRunner().invoke(fridge, ["report", "2026-01", "--out", out])
        assert told.exit_code == 0, told.output
        assert f"page      {out}/usage-2026-01.html" in told.output
    after = bucket.server.objects(bucket.name)
    page = "books/reports/2026-01/usage-2026-01.html"
    assert after[page] == (tmp_path / "out" / "usage-2026-01.html").read_bytes() != before[page]
    assert after.keys() == before.keys()
    assert list((tmp_path / "home" / "work").iterdir()) == []


def test_a_name_that_somebody_takes_at_the_same_moment_stays_theirs(
    bucket: Bucket, place: ObjectLocation, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_newest_number", lambda *_: 0)
    assert put_unlike_any(file, place) == place
    assert put_unlike_any(file, place) == place, "an answer that was lost is no other pack"
    file.write_bytes(b"another")
    assert put_unlike_any(file, place) == place.parent / "2026-01-2.zip"
    found = bucket.server.objects(bucket.name)
    assert found == {"audit/2026-01.zip": PACK, "audit/2026-01-2.zip": b"another"}


def test_numbers_go_on_after_the_highest_and_neighbours_do_not_count(
    bucket: Bucket, place: ObjectLocation, file: Path
) -> None:
    for name in ("2026-01.zip", "2026-01-9.zip", "2026-01-draft-40.zip", "2026-012.zip", "2026-01-99.csv"):
        bucket.server.put(bucket.name, f"audit/{name}", b"older")
    bucket.server.put(bucket.name, "audit/deeper/2026-01-77.zip", b"older")
    assert put_unlike_any(file, place) == place.parent / "2026-01-10.zip"
    assert put_unlike_any(file, place) == place.parent / "2026-01-10.zip"
    assert put_unlike_any(file, ObjectLocation(f"s3://{bucket.name}/2026-01.zip")).name == "2026-01.zip"


def test_a_uri_that_is_encoded_names_the_object_with_the_plain_name(bucket: Bucket, file: Path, tmp_path: Path) -> None:
    place = ObjectLocation(f"s3://{bucket.name}/a%20b/2026%2001.zip")
    assert put_unlike_any(file, place) == place
    file.write_bytes(b"another")
    second = put_unlike_any(file, place)
    assert bucket.server.objects(bucket.name) == {"a b/2026 01.zip": PACK, "a b/2026 01-2.zip": b"another"}
    fetch(second, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"another"


def test_a_connection_cut_halfway_leaves_nothing_under_the_name(
    bucket: Bucket, place: ObjectLocation, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others verify at the same time
    file.write_bytes(os.urandom(3 * 2**20))
    with cutting_proxy(bucket.server.url, sent_max=2**20, answered_max=2**14) as cut:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cut)
        for put in (put_unlike_any, put_in_place_of):
            with pytest.raises(ArchiveError, match=f"cannot put {place}: the store does not answer"):
                put(file, place)
        assert names(bucket) == []
        bucket.server.put(bucket.name, "audit/2026-01.zip", file.read_bytes())
        told = CliRunner().invoke(fridge, ["verify", str(place)])
    assert told.exit_code == 1
    assert f"cannot fetch {place}: " in told.output
    assert "holds" not in told.output
    assert list(Path(tempfile.gettempdir()).glob("fridge-verify-*")) == []


def test_access_denied_is_one_line_that_says_what_to_do_and_holds_no_credential(
    bucket: Bucket, place: ObjectLocation, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, secret = bucket.server.user_without_rights(fresh_name("user"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    told = []
    bucket.server.asks_for_rights(yes=True)
    try:
        for ask, rights in (
            (lambda: put_unlike_any(file, place), "list the prefix, and get and put its objects"),
            (lambda: put_in_place_of(file, place), "list the prefix, and get and put its objects"),
            (lambda: fetch(place, tmp_path / "copy"), "get the object"),
            (lambda: require_listed(place), "list the prefix, and get and put its objects"),
        ):
            with pytest.raises(ArchiveError, match=rf"{place}: access denied \(403 .*\) {rights}, and run again") as no:
                ask()
            told.append(str(no.value))
        told.append(CliRunner().invoke(fridge, ["verify", str(place)]).output)
    finally:
        bucket.server.asks_for_rights(yes=False)
    for text in told:
        assert text.strip().count("\n") == 0
        assert key_id not in text
        assert secret not in text
    assert names(bucket) == []


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://no-such-bucket/audit/2026-01.zip", "there is no such bucket (404 Not Found, NoSuchBucket); make it"),
        ("s3://BUCKET", "names a bucket and no object in it; say s3://BUCKET/NAME"),
    ],
)
def test_a_place_that_cannot_be_is_told_before_anything_is_put(bucket: Bucket, file: Path, uri: str, told: str) -> None:
    place = ObjectLocation(uri.replace("BUCKET", bucket.name))
    asks: list[Callable[[], object]] = [
        lambda: put_unlike_any(file, place),
        lambda: put_in_place_of(file, place),
        lambda: fetch(place, file.with_name("copy")),
    ]
    for ask in asks:
        with pytest.raises(ArchiveError) as refused:
            ask()
        assert told.replace("BUCKET", bucket.name) in str(refused.value)


def test_a_pack_that_has_vanished_is_said_to_be_gone_and_one_too_large_for_a_request_is_not_begun(
    bucket: Bucket, place: ObjectLocation, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = CliRunner().invoke(fridge, ["verify", str(place)])
    assert gone.exit_code == 1
    assert f"cannot fetch {place}: there is no such object; check its name" in gone.output
    monkeypatch.setattr(archive, "PUT_BYTES_MAX", len(PACK) - 1)
    with pytest.raises(ArchiveError, match=r"it has 13 bytes, and one request carries 12; put it there with the store"):
        put_unlike_any(file, place)
    assert names(bucket) == []


def test_a_uri_with_credentials_is_refused_and_not_repeated_and_so_is_a_prefix_for_a_pack() -> None:
    uri = f"s3://{KEY_ID}:{SECRET}@bucket/audit/2026-01.zip"
    for command in (["verify", uri], ["evidence", "2026-01", "--out", uri], ["report", "2026-01", "--out", uri]):
        told = CliRunner().invoke(fridge, command)
        assert told.exit_code == 2
        assert "say s3://bucket/audit/2026-01.zip, and set" in told.output
        assert SECRET not in told.output
    prefix = CliRunner().invoke(fridge, ["evidence", "2026-01", "--out", "s3://bucket/audit/"])
    assert (prefix.exit_code, "is a prefix; say which object below it" in prefix.output) == (2, True)
    with pytest.raises(SettingError, match="FRIDGE_ARCHIVE_URI: the URI carries credentials") as refused:
        read_settings({"FRIDGE_ARCHIVE_URI": uri})
    assert SECRET not in str(refused.value)
    with pytest.raises(StoreUriError):
        fetch(ObjectLocation(uri), Path("never"))


def test_the_archive_is_below_home_unless_it_is_said_to_be_elsewhere(tmp_path: Path) -> None:
    home = {"FRIDGE_HOME": str(tmp_path)}
    assert read_settings(home).archive == tmp_path
    assert read_settings({**home, "FRIDGE_ARCHIVE_URI": "/srv/audit"}).archive == Path("/srv/audit")
    assert read_settings({**home, "FRIDGE_ARCHIVE_URI": "file:///srv/a%20b"}).archive == Path("/srv/a b")
    assert read_settings({**home, "FRIDGE_ARCHIVE_URI": "s3://b/x/"}).archive == location_of("s3://b/x")
    with pytest.raises(SettingError, match="FRIDGE_ARCHIVE_URI: ftp:// is not a location for files"):
        read_settings({**home, "FRIDGE_ARCHIVE_URI": "ftp://host/x"})


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory is a process's own"
)
def test_a_large_pack_is_put_and_fetched_in_flat_memory(place: ObjectLocation, file: Path) -> None:
    size = 96 * 2**20
    with file.open("wb") as stream:
        stream.truncate(size)
    put_in_place_of(first_file(file), place)
    before = own_memory()
    peaks: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peaks.append(own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        put_in_place_of(file, place)
        fetch(place, file.with_name("copy"))
    finally:
        done.set()
        watcher.join()
    assert file.with_name("copy").stat().st_size == size
    assert max(peaks) - before < size // 2, "half of it was in memory at once"


def first_file(file: Path) -> Path:
    """A small file: the first request makes what all later ones use."""
    small = file.with_name("small")
    small.write_bytes(PACK)
    return small


def own_memory() -> int:
    """Bytes that are this process's own, without what it has mapped of files."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024
