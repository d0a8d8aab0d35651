from __future__ import annotations

import json
from pathlib import Path

from tests.console_script import Run


def test_a_person_of_the_embedded_server_is_added_acts_in_their_own_name_and_is_removed(
    run: Run, tmp_path: Path
) -> None:
    home, file = tmp_path / "its own", tmp_path / "password of olga"
    own = {"FRIDGE_DATABASE_URL": "", "FRIDGE_HOME": str(home), "FRIDGE_PERSON_PASSWORD_FILE": str(file)}
    decide = ("variance", "warn", "--reason", "new gateways", "--as", "olga")
    try:
        run("db", "url", **own)  # the server stays up in between
        added = run("people", "add", "olga", "--role", "operator", **own)
        assert added.returncode == 0, added.stderr
        (password,) = [line.rpartition(" ")[2] for line in added.stdout.splitlines() if "shown this once" in line]
        again = run("people", "add", "olga", "--role", "operator", **own)
        assert (again.returncode, "olga has it" in again.stderr) == (1, True)
        second = run("people", "add", "olga", "--role", "preparer", **own)
        assert "was there already: its password is as it was" in second.stdout

        file.touch(mode=0o644)
        file.write_text(f"{password}\n")
        open_to_all = run(*decide, **own)
        assert (open_to_all.returncode, "chmod 600" in open_to_all.stderr) == (1, True)
        file.chmod(0o600)
        done = run(*decide, **own)
        assert done.returncode == 0, done.stderr
        assert "warn  olga" in done.stdout
        told = json.loads(run("variance", "--json", FRIDGE_VARIANCE="off", **own).stdout)
        assert (told["variance"], told["by_variable"]) == ("off", True)
        assert [each["decided_by"] for each in told["decisions"]] == ["olga"]

        nobody_to_ask = run(*decide, **{**own, "FRIDGE_PERSON_PASSWORD_FILE": ""})
        assert nobody_to_ask.returncode == 1
        assert "no password of olga, and no terminal to ask for it at: name a file" in nobody_to_ask.stderr

        people = json.loads(run("people", "list", "--json", **own).stdout)
        assert [(each["login"], each["role"], each["may_sign_in"]) for each in people] == [
            ("olga", "operator", True),
            ("olga", "preparer", True),
        ]
        assert run("people", "remove", "olga", **own).stdout == "olga is no longer operator and preparer\n"
        refused = run(*decide, **own)
        assert (refused.returncode, 'role "olga" is not permitted to log in' in refused.stderr) == (1, True)
        assert run("people", "list", **own).stdout.startswith("nobody. Months are closed by two")
    finally:
        run("db", "stop", **own)
    logs = "".join(path.read_text(errors="replace") for path in home.rglob("*.log*"))
    assert "olga" in logs
    assert password not in logs
