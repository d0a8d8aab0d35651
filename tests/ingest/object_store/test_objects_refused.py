"""What an object store refuses, cannot answer or names oddly is told in one line and costs no other hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.cli.services import free_port
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError, LandingUriError, UnreadableFileError
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.watch import watch_landing_zone
from fridge_pipeline.settings import SettingError, read_settings
from tests.ingest.object_store.conftest import Bucket
from tests.ingest.object_store.s3_server import KEY_ID, SECRET
from tests.pipeline import Pipeline, csv_of, readings
from tests.sandbox_process import fresh_name

HOUR = Hour.from_key("2026-01-24-18:00")


def test_access_denied_is_one_line_an_exception_of_the_hour_and_over_when_access_is_given(
    bucket: Bucket, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.land(HOUR, "a.csv", csv_of(readings("ada", HOUR, 1, 3)))
    (file,) = bucket.zone.listing(HOUR).files
    key_id, secret = bucket.server.user_without_rights(fresh_name("user"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    bucket.server.asks_for_rights(yes=True)
    try:
        pipeline.zone = bucket.zone
        (denied,) = pipeline.load(HOUR)
        with pytest.raises(UnreadableFileError, match="access denied") as unreadable:
            bucket.zone.snapshot(file, tmp_path)
        with pytest.raises(LandingFolderError) as refused:
            watch_landing_zone(pipeline.database, bucket.zone, HourRange(HOUR, HOUR), pipeline.clock())
    finally:
        bucket.server.asks_for_rights(yes=False)

    told = denied.failure or ""
    assert f"{bucket.uri}/{HOUR.folder}'" in told
    assert "access denied (403 Forbidden, AccessDenied); let the credentials" in told
    assert pipeline.rows("select kind, detail from fridge.exceptions where closed_at is null") == [
        ("load_failed", told)
    ]
    assert bucket.uri in str(refused.value)
    for text in (told, str(refused.value), str(unreadable.value)):
        assert "\n" not in text
        assert key_id not in text
        assert secret not in text

    (given,) = pipeline.load(HOUR)
    assert given.inserted == 3
    assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == []


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FRIDGE_LANDING_URI", "s3://no-such-bucket/landing", "there is no such bucket (404 Not Found, NoSuchBucket)"),
        ("FRIDGE_LANDING_URI", "s3:///landing", "names no bucket; say s3://BUCKET/PREFIX"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:FREE_PORT", "the store does not answer; check AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "http://no address", "check that AWS_ENDPOINT_URL is an address"),
    ],
)
def test_a_store_that_cannot_be_asked_is_one_line_that_says_what_to_do(
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    told: str,
) -> None:
    value = value.replace("FREE_PORT", str(free_port(0)))  # as part of a name the workers would not agree on it
    monkeypatch.setenv(variable, value)
    uri = value if variable == "FRIDGE_LANDING_URI" else bucket.uri

    for ask in (lambda: open_landing_zone(uri).hours(), lambda: open_landing_zone(uri).folders()):
        with pytest.raises((LandingFolderError, LandingUriError)) as refused:
            ask()
        assert uri in str(refused.value)
        assert told in str(refused.value)
        assert "\n" not in str(refused.value)
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "uri", [f"s3://{KEY_ID}:{SECRET}@bucket/landing", f"s3://bucket/landing?secret_access_key={SECRET}"]
)
def test_a_landing_uri_with_credentials_is_refused_and_not_repeated(uri: str) -> None:
    for read in (lambda: read_settings({"FRIDGE_LANDING_URI": uri}), lambda: open_landing_zone(uri)):
        with pytest.raises(
            (SettingError, LandingUriError), match=r"^FRIDGE_LANDING_URI: .*say s3://bucket/landing, and set"
        ) as refused:
            read()
        assert SECRET not in str(refused.value)
        assert KEY_ID not in str(refused.value)
