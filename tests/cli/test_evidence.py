from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.finance.evidence.books import build, packed, unpacked
from tests.pipeline import Pipeline


def test_evidence_makes_a_pack_that_verify_checks_and_names_what_was_altered(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path
) -> None:
    hour, month = Hour(two_days_ago), Month.containing(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    build(pipeline)
    key = {"STRIPE_API_KEY": "sk_test_51hidden", "STRIPE_API_BASE": "https://stripe.example"}

    made = run("evidence", month.key, "--out", "pack.zip", "--json", **key)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["month"], told["is_final"], told["previous_month"]) == (month.key, False, None)
    files = unpacked(tmp_path / "pack.zip")
    said = json.loads(files["pack.json"])
    ((where,), host) = (said["stripe"], urlsplit(pipeline.gateway.base).netloc)
    assert (where["mode"], where["host"]) == ("sandbox", host), "where it went, and not where it would go now"
    assert "stripe.example" not in files["pack.json"].decode()
    assert re.fullmatch(r"[0-9a-f]{40}|not known", said["program"]["commit"])
    assert len(said["program"]["source_sha256"]) == 64
    assert not any(b"sk_test_51hidden" in body for body in files.values())

    held = run("verify", "pack.zip")
    assert held.returncode == 0, held.stdout
    assert f"pack.zip holds; its manifest is {told['manifest_sha256']}\nIt is a DRAFT" in held.stdout
    packed(tmp_path / "forged.zip", {**files, "README.txt": b"trust me"}, month)
    forged = run("verify", "forged.zip")
    assert forged.returncode == 1
    assert "DOES NOT HOLD: forged.zip: README.txt was changed" in forged.stdout

    for arguments in (("evidence", "2026-13"), ("verify", "nowhere.zip")):
        assert run(*arguments).returncode == 2
    at_home = run("evidence", month.key)
    assert f"home of fridge/evidence/{month.key}.zip" in at_home.stdout
    assert f"DRAFT: {month.key} is not closed" in at_home.stdout


def test_backtest_ends_with_1_when_a_number_differs_and_0_when_none_does(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    span = ("backtest", "--from", hour.key, "--to", hour.plus(1).key)
    same = run(*span)
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "nothing differs"), same.stderr
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 7 where measure = 'inserted_count'")
    other = run(*span, "--json")
    assert other.returncode == 1
    (difference,) = json.loads(other.stdout)["differences"]
    assert (difference["beside"], difference["recomputed"], difference["found"]) == ("usage", 10, 7)
    text = run(*span).stdout
    assert "cohoes, temperature_readings: 1 hours differ from the usage; 10 counted again, 7 there (-3)" in text
    assert f"  {hour}: 10 counted again, 7 there" in text
    assert run("backtest", "--from", hour.key, "--to", hour.plus(-1).key).returncode == 2
