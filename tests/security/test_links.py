"""What is no file of its own in the landing zone is read by nobody: links, pipes, sockets, devices; neighbours load."""

from __future__ import annotations

import os
import socket
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.operations.conftest import Watch
from tests.pipeline import Pipeline, readings

SECRET = "hunter2-in-the-key-file"


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch) -> Hour:
    """An hour with a good file among everything that is none, links to a file with a secret first of all."""
    hour = Hour(two_days_ago)
    folder = pipeline.land(hour, "good.csv", readings("cohoes", hour, 1, 5)).parent
    secret = pipeline.landing.parent / "secret"
    secret.write_text(f"password,{SECRET}\n{SECRET}\n")
    for name in ("link.csv", "link.ndjson", "link.csv.gz", "link.parquet", "link.xlsx"):
        (folder / name).symlink_to(secret)
    (folder / "circle.csv").symlink_to("circle.csv")
    (folder / "nowhere.csv").symlink_to("nowhere")
    (folder / "to-a-folder.csv").symlink_to(pipeline.landing.parent, target_is_directory=True)
    (folder / "to-a-good-file.csv").symlink_to("good.csv")
    (folder / "device.csv").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.csv")
    monkeypatch.chdir(folder)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
    return hour


def test_each_is_an_exception_of_its_own_once_and_its_neighbour_loads(pipeline: Pipeline, hour: Hour) -> None:
    (load,) = pipeline.load(hour)
    assert (load.inserted, load.unfetched, load.failure) == (5, 0, None)
    told = dict(pipeline.rows("select substring(subject from '[^/]+$'), detail from fridge.exceptions"))
    named = {"pipe.csv": "a pipe, a device or a folder", "socket.csv": "a socket"}
    assert len(told) == 12
    for name, detail in told.items():
        what = named.get(name, "a symbolic link")
        assert f"this is {what}, which is not followed or read; deliver the file itself" in detail or "xlsx" in name
    (again,) = pipeline.load(hour)
    assert (again.loaded, again.unfetched) == ([], 0), "nothing is tried for ever"


def test_a_file_that_takes_the_place_of_a_link_is_loaded_and_ends_its_exception(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.load(hour)
    (pipeline.landing / hour.folder / "link.csv").unlink()
    pipeline.land(hour, "link.csv", readings("troy", hour, 1, 3))
    (load,) = pipeline.load(hour)
    assert load.inserted == 3
    ended = "select substring(subject from '[^/]+$') from fridge.exceptions where closed_at is not null"
    assert pipeline.rows(ended) == [("link.csv",)]


def test_no_text_of_what_a_link_leads_to_is_in_any_table(pipeline: Pipeline, hour: Hour) -> None:
    """Nor of a header that fits nothing, in a file that holds the secret by mistake or through a hard link."""
    os.link(pipeline.landing.parent / "secret", pipeline.landing / hour.folder / "hard.csv")
    pipeline.land(hour, "text.ndjson", f"{SECRET}\n".encode())
    pipeline.land(hour, "quotes.csv", f'"{SECRET}\n'.encode())
    pipeline.run(hour)
    pipeline.run_models(hour)
    tables = pipeline.rows(
        "select table_name from information_schema.tables where table_schema = 'fridge' order by table_name"
    )
    assert len(tables) > 40
    with pipeline.database.connect() as connection:
        found = [
            name
            for (name,) in tables
            if connection.execute(f"select 1 from fridge.{name} as t where t::text like '%{SECRET[:7]}%'").fetchone()
        ]
    assert found == []
    assert pipeline.one("select count(*) from fridge.exceptions where subject like '%%hard.csv'") == 1


def test_nor_is_it_in_a_page_a_workbook_a_pack_or_an_alert(
    pipeline: Pipeline, run: Run, hour: Hour, tmp_path: Path
) -> None:
    pipeline.run(hour)
    pipeline.run_models(hour)
    month, made = f"{hour.start:%Y-%m}", tmp_path / "made"
    for command in (["report", month, "--out", str(made)], ["evidence", month, "--out", str(made / "pack.zip")]):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    told = Watch(pipeline, []).look().alerts
    texts = {f"alert {alert.key}": f"{alert.title} {alert.text}".encode() for alert in told} | contents(made)
    assert {"link.csv" for text in texts.values() if b"link.csv" in text} == {"link.csv"}
    assert {Path(name).suffix for name in texts} >= {".html", ".xml", ".csv"}
    assert any("unreadable_file" in name for name in texts)
    assert [name for name, text in texts.items() if SECRET[:7].encode() in text] == []


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name, and what is in each archive (a workbook is one)."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found |= {f"{path.name}/{name}": archive.read(name) for name in archive.namelist()}
        elif path.is_file():
            found[path.name] = path.read_bytes()
    return found
