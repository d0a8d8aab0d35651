"""Which names are landing files, in which format, and how odd names become text."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import (
    FileFormat,
    LandingFile,
    is_landing_file,
    storable_path,
    system_path,
)


@pytest.mark.parametrize("known", list(FileFormat))
def test_each_format_is_known_by_its_suffix_in_any_case(known: FileFormat) -> None:
    assert FileFormat.of(f"a.b.{known}") is known
    assert FileFormat.of(f"A.{known.value.upper()}") is known


@pytest.mark.parametrize("name", ["readings.xlsx", "x.csv.zip", "x.parquet.gz", "csv", "x.json", "x.gz", ""])
def test_other_suffixes_have_no_format_and_are_landing_files_all_the_same(name: str) -> None:
    assert FileFormat.of(name) is None
    assert is_landing_file(name)


@pytest.mark.parametrize("name", [".x.csv", "_x.csv", "x.csv.tmp", "x.part", "x.csv.TMP", ".", "_"])
def test_unfinished_names_are_no_landing_files(name: str) -> None:
    assert not is_landing_file(name)


def test_only_whole_file_compression_counts_as_gzip() -> None:
    assert [known for known in FileFormat if known.is_gzip] == [FileFormat.CSV_GZ, FileFormat.NDJSON_GZ]


def test_a_landing_file_knows_its_name_and_format_from_its_path() -> None:
    file = LandingFile("2026-01-24/18/a b.csv.gz", Hour.from_key("2026-01-24-18:00"), 5, "1")

    assert (file.name, file.format) == ("a b.csv.gz", FileFormat.CSV_GZ)


@given(st.binary(max_size=30))
def test_any_bytes_of_a_path_become_valid_text_and_back(raw: bytes) -> None:
    path = os.fsdecode(raw)
    text = storable_path(path)

    assert text.encode("utf-8").decode("utf-8") == text
    assert system_path(text) == path


@given(st.binary(max_size=4), st.binary(max_size=4))
def test_two_different_paths_never_become_the_same_text(one: bytes, other: bytes) -> None:
    same_text = storable_path(os.fsdecode(one)) == storable_path(os.fsdecode(other))

    assert same_text == (one == other)


def test_ordinary_names_stay_as_they_are() -> None:
    assert storable_path("2026-01-24/18/Kühl 'x' 100%.csv") == "2026-01-24/18/Kühl 'x' 100%.csv"
    assert storable_path(os.fsdecode(b"K\xfchl\\.csv")) == "K\\xfchl\\\\.csv"
