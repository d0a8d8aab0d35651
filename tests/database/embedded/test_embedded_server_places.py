"""It works wherever the home and the programs lie and whoever starts it, and it keeps its secrets."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from fridge_pipeline.database.embedded import binaries, cluster, postmaster
from fridge_pipeline.database.embedded.cluster import Account
from fridge_pipeline.database.embedded.layout import BinariesError, DataDirectoryError
from fridge_pipeline.database.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

VAR_TMP = Path("/var/tmp")  # noqa: S108  # where the adapter puts its copy
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start processes as another user")
REPOSITORY = Path(__file__).parents[3]

# Imports everything first, as the interpreter itself may be out of the ordinary user's reach afterwards.
AS_ORDINARY_USER = """
import importlib.readers, os, sys
from pathlib import Path
import psycopg
from fridge_pipeline.database.embedded import server
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[3]))
with server.EmbeddedServer(Path(sys.argv[1])).hold() as address:
    with psycopg.connect(address.dsn()) as connection:
        print(connection.execute("select 6 * 7").fetchone()[0])
    print((Path(sys.argv[1]) / "data" / "postmaster.pid").read_text().splitlines()[1])
"""
AND_COPIES = """
import sys
from pathlib import Path
import psycopg
from fridge_pipeline.database.embedded import server
with server.EmbeddedServer(Path(sys.argv[1])).hold() as address:
    with psycopg.connect(address.dsn()) as connection:
        print(connection.execute("select 6 * 7").fetchone()[0])
    copies = list(Path("/var/tmp").glob("fridge-postgres-*" + sys.argv[2]))
    print(len(copies), oct(copies[0].stat().st_mode & 0o7777), copies[0].stat().st_uid)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder everybody may enter (pytest's own are closed)."""
    with tempfile.TemporaryDirectory(prefix="fridge-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def wheel_in(folder: Path) -> Path:
    """A copy of the wheel's PostgreSQL 18 at another place."""
    package = binaries._package()
    for part in (f"{binaries.PACKAGE}/{binaries.INSTALLATION}", f"{binaries.PACKAGE}.libs"):
        if (package.parent / part).exists():
            shutil.copytree(package.parent / part, folder / part, ignore=binaries._not_needed)
    (folder / binaries.PACKAGE / "__init__.py").write_text("raise RuntimeError('imported')\n")
    return folder


def code_in(folder: Path) -> Path:
    """A copy of our own code at another place: the checkout may lie where an ordinary user cannot read it."""
    shutil.copytree(
        REPOSITORY / "fridge_pipeline", folder / "fridge_pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


def run(script: str, *arguments: str, path: Path | None = None) -> list[str]:
    search = [str(path)] if path else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*search, str(REPOSITORY)])}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_long_path_with_spaces_quotes_and_unicode_works(remote_home: Path) -> None:
    with EmbeddedServer(remote_home).hold() as address, psycopg.connect(address.dsn()) as connection:
        assert connection.execute("select 6 * 7").fetchone() == (42,)
    assert not EmbeddedServer(remote_home).is_running()


@as_root
def test_root_serves_from_below_a_folder_that_the_servers_user_cannot_enter(home: Path) -> None:
    with EmbeddedServer(home).hold() as address, psycopg.connect(address.dsn()) as connection:
        assert connection.execute("select 6 * 7").fetchone() == (42,)
        process = postmaster.find(home / "data")
        assert process is not None
        user = Account(process.uids().effective, process.gids().effective, switches=True)
    assert user.uid != 0
    assert not user.can_enter(home.parent)
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700


@as_root
def test_root_copies_programs_out_of_reach_and_removes_the_copy_with_the_server(new_home: Path) -> None:
    closed = new_home.with_name("closed")
    closed.mkdir(mode=0o700)
    ending = binaries._copy_name(new_home, "")[len("fridge-postgres-") :]
    lines = run(AND_COPIES, str(new_home), ending, path=wheel_in(closed))
    assert lines == ["42", "1 0o755 0"]
    assert list(VAR_TMP.glob(f"*{ending}*")) == []
    shutil.rmtree(closed)


@as_root
def test_root_runs_no_programs_from_a_copy_that_somebody_else_could_have_made(home: Path) -> None:
    trap = VAR_TMP / binaries._copy_name(home, "0.6.0")
    trap.mkdir()
    try:
        os.chown(trap, pwd.getpwnam("nobody").pw_uid, -1)
        with pytest.raises(BinariesError, match="find out who put it there"):
            binaries.remove_copies(home)
        os.chown(trap, 0, -1)
        trap.chmod(0o777)
        with pytest.raises(BinariesError, match="drwxrwxrwx"):
            binaries.remove_copies(home)
    finally:
        trap.rmdir()


@as_root
def test_an_ordinary_user_starts_a_server_of_his_own(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    programs = binaries._package() / binaries.INSTALLATION / "bin"
    reached = Account(nobody.pw_uid, nobody.pw_gid, switches=True).can_run(programs / "postgres")
    path = None if reached else code_in(wheel_in(open_folder / "wheel"))
    arguments = (str(home), str(nobody.pw_gid), str(nobody.pw_uid))
    assert run(AS_ORDINARY_USER, *arguments, path=path) == ["42", str(home / "data")]
    assert (home / "data").stat().st_uid == nobody.pw_uid
    with EmbeddedServer(home).hold():  # and root, coming later, serves it as that same user
        process = postmaster.find(home / "data")
        assert process is not None
        assert process.uids().real == nobody.pw_uid
    assert run(AS_ORDINARY_USER, *arguments, path=path)[0] == "42"


@as_root
def test_the_home_of_another_user_is_refused(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home = open_folder / "home"
    home.mkdir()
    with pytest.raises(AssertionError, match="belongs to user id 0, this process runs as"):
        run(AS_ORDINARY_USER, str(home), str(nobody.pw_gid), str(nobody.pw_uid))


@pytest.mark.parametrize(
    ("mode", "owner", "group", "enters"),
    [(0o700, 7, 0, True), (0o077, 7, 7, False), (0o710, 0, 7, True), (0o701, 0, 7, False), (0o701, 0, 0, True)],
)
@as_root
def test_who_may_enter_a_folder_is_told_from_its_mode_bits(
    open_folder: Path, mode: int, owner: int, group: int, *, enters: bool
) -> None:
    folder = open_folder / "some"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(mode)
    (folder / "below").mkdir(mode=0o755)
    assert Account(7, 7, switches=True).can_enter(folder / "below") is enters


def test_passwords_stay_in_files_that_only_their_owner_reads(home: Path) -> None:
    with EmbeddedServer(home).hold() as address:
        superuser = (home / "postgres.password").read_text().strip()
        assert address.password == (home / "fridge.password").read_text().strip()
        assert len({address.password, superuser}) == 2
        process = postmaster.find(home / "data")
        assert process is not None
        visible = [repr(address), str(address), (home / "server.log").read_text(), " ".join(process.cmdline())]
        for password in (address.password, superuser):
            assert len(bytes.fromhex(password)) * 8 == 256
            assert [text for text in visible if password in text] == []
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.glob("*.password")} == {
        "fridge.password": 0o600,
        "fridge_app.password": 0o600,
        "fridge_finance.password": 0o600,
        "fridge_metrics.password": 0o600,
        "postgres.password": 0o600,
    }
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700


def test_the_server_keeps_hashes_that_cost_one_iteration_to_check(home: Path) -> None:
    server = EmbeddedServer(home)
    with server.hold() as address, psycopg.connect(server.signed_in(address, "postgres").dsn()) as connection:
        kept: dict[str, str] = dict(
            connection.execute("select rolname, rolpassword from pg_authid where rolcanlogin").fetchall()
        )
    assert kept.keys() == {"fridge", "fridge_app", "fridge_finance", "fridge_metrics", "postgres"}
    assert [role for role, hashed in kept.items() if not hashed.startswith("SCRAM-SHA-256$1:")] == []


def test_a_role_that_cannot_be_made_is_said_without_its_password(
    new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (resources.files(cluster.__package__) / "roles.sql").read_text().replace("createdb", "in role unheard_of")
    monkeypatch.setattr(cluster, "Template", lambda _: Template(broken))
    with pytest.raises(DataDirectoryError, match='role "unheard_of" does not exist') as caught:
        EmbeddedServer(new_home).pin()
    passwords = [path.read_text().strip() for path in new_home.glob("*.password")]
    assert len(passwords) == 2
    assert [each for each in passwords if each in str(caught.value)] == []


def test_a_lost_password_is_said_and_a_new_one_is_not_made_up(home: Path) -> None:
    with EmbeddedServer(home).hold():
        pass
    aside = (home / "fridge.password").rename(home / "aside")
    try:
        with pytest.raises(DataDirectoryError, match="is missing"), EmbeddedServer(home).hold():
            pass
        assert not (home / "fridge.password").exists()
    finally:
        aside.rename(home / "fridge.password")
    assert not EmbeddedServer(home).is_running()


def test_a_data_directory_of_another_postgresql_is_left_alone(new_home: Path) -> None:
    (new_home / "data").mkdir(parents=True)
    (new_home / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(DataDirectoryError, match="was made by PostgreSQL 16"), EmbeddedServer(new_home).hold():
        pass
    assert [path.name for path in (new_home / "data").iterdir()] == ["PG_VERSION"]


def test_inherited_postgresql_variables_reach_neither_the_server_nor_its_making(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGDATA": "/nowhere",
        "PGPORT": "1",
        "PGOPTIONS": "-c work_mem=1MB",
        "PGTZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    with EmbeddedServer(home).hold() as address:
        monkeypatch.delenv("PGOPTIONS")
        monkeypatch.delenv("PGTZ")
        with psycopg.connect(address.dsn()) as connection:
            assert connection.execute("show timezone").fetchone() == ("UTC",)
            assert connection.execute("show work_mem").fetchone() == ("4MB",)
        process = postmaster.find(home / "data")
        assert process is not None
        assert [name for name in process.environ() if name in {"PGDATA", "PGPORT", "PGOPTIONS", "PGTZ"}] == []


def test_the_server_inherits_no_lock(home: Path) -> None:
    with EmbeddedServer(home).hold():
        process = postmaster.find(home / "data")
        assert isinstance(process, psutil.Process)
        opened = [Path(file.path).name for file in process.open_files()]
        assert [name for name in opened if name.endswith(".lock")] == []
