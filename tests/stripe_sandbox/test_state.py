"""The state file: what was answered is never forgotten."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import stripe

from tests.sandbox_process import fresh_name, start_sandbox
from tests.stripe_sandbox.account import HOUR, Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox_process import SandboxProcess

SOME_DAY = 1_769_280_000  # 2026-01-24 18:40 UTC


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Starts sandboxes on one state file; whatever still runs at the end is killed."""
    started: list[SandboxProcess] = []

    def start_on_state(**options: object) -> SandboxProcess:
        started.append(start_sandbox(tmp_path / "state" / "sandbox.db", **options))  # type: ignore[arg-type]
        return started[-1]

    yield start_on_state
    for sandbox in started:
        sandbox.kill()


def test_meters_customers_usage_clock_identifiers_and_replies_survive_kill_9(
    start: Callable[..., SandboxProcess],
) -> None:
    before = Account(start())
    before.sandbox.set_clock(now=SOME_DAY, frozen=True)
    hour = before.past_hour()
    meter = before.meter("sum", "hour")
    off = before.meter()
    before.stripe.v1.billing.meters.deactivate(off.id)
    gone = before.stripe.v1.customers.create({"name": "Gone", "metadata": {"tenant": "7"}})
    before.stripe.v1.customers.delete(gone.id)
    before.send(meter, 5, hour, identifier="one", key="one")
    before.send(meter, "7.25", hour, identifier="two")
    before.refusal(meter, 9, hour, customer="nobody", identifier="three", key="three")
    told = before.sandbox.usage()
    before.sandbox.kill()

    after = Account(start())
    assert (after.sandbox.health()["now"], after.sandbox.health()["frozen"]) == (SOME_DAY, True)
    assert after.sandbox.usage() == told
    assert (told["received"], told["refused"], told["data"][0]["value"]) == (2, 1, 7.25)
    assert after.total(meter, hour, hour + HOUR) == 7.25
    assert [m.status for m in after.stripe.v1.billing.meters.list().data] == ["inactive", "active"]
    assert after.stripe.v1.customers.retrieve(gone.id).to_dict()["deleted"] is True
    assert "already exists" in str(after.refusal(meter, 5, hour, identifier="two"))
    assert after.send(meter, 5, hour, identifier="one", key="one").identifier == "one"
    replayed = after.refusal(meter, 9, hour, customer="nobody", identifier="three", key="three")
    assert replayed.headers is not None
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert after.total(meter, hour, hour + HOUR) == 7.25


def test_cancelled_events_reports_settings_and_what_counted_never_or_twice_survive_kill_9(
    start: Callable[..., SandboxProcess],
) -> None:
    before = Account(start())
    before.sandbox.set_clock(now=SOME_DAY, frozen=True)
    settings = before.sandbox.settings(lag_seconds=0.5, calls_per_second=None, unsigned_customers=True)
    meter, hour = before.meter(), before.past_hour()
    before.sandbox.faults({"kind": "count_twice"}, {"kind": "swallow"}, {"kind": "refuse_asynchronously"})
    for value, name in ((1, "twice"), (20, "lost"), (300, "refused"), (4000, "cancelled"), (50000, "counted")):
        before.send(meter, value, hour, identifier=name)
    before.cancel(meter, "cancelled")
    before.sandbox.set_clock(advance_seconds=10)
    told, reports = before.sandbox.usage()["data"], [each.to_dict() for each in before.reports()]
    before.sandbox.kill()

    after = Account(start())
    assert after.sandbox.settings() == settings
    assert (after.sandbox.usage()["data"], told[0]["value"]) == (told, 50002)
    assert after.total(meter, hour, hour + HOUR) == 50002
    assert ([each.to_dict() for each in after.reports()], len(reports)) == (reports, 1)
    with pytest.raises(stripe.InvalidRequestError, match="already cancelled"):
        after.cancel(meter, "cancelled")
    assert "already exists" in str(after.refusal(meter, 1, hour, identifier="lost"))
    after.sandbox.reset()
    after.sandbox.kill()
    anew = Account(start())
    assert anew.sandbox.settings()["lag_seconds"] == 0
    assert anew.sandbox.usage()["data"] == []


def test_every_event_answered_before_a_kill_9_amid_concurrent_calls_is_still_there(
    start: Callable[..., SandboxProcess],
) -> None:
    account = Account(start())
    meter, hour = account.meter(), account.past_hour()
    answered: list[str] = []
    sent: list[str] = []
    enough = threading.Event()

    def send_until_it_dies(customer: str) -> None:
        while True:
            name = fresh_name("event")
            sent.append(name)
            try:
                account.send(meter, 1, hour, customer=customer, identifier=name)
            except stripe.APIConnectionError:
                return
            answered.append(name)
            if len(answered) >= 150:
                enough.set()

    customers = [fresh_name("cus") for _ in range(6)]  # one call at a time each
    senders = [threading.Thread(target=send_until_it_dies, args=(customer,)) for customer in customers]
    for sender in senders:
        sender.start()
    assert enough.wait(30)
    account.sandbox.kill()
    for sender in senders:
        sender.join(30)

    after = Account(start())
    counted = sum(after.total(meter, hour, hour + 60, customer) for customer in customers)
    assert len(answered) <= counted <= len(sent)
    for name in answered[::10] + answered[-6:]:
        assert "already exists" in str(after.refusal(meter, 1, hour, identifier=name))


def test_without_a_state_file_everything_is_forgotten_at_the_end() -> None:
    first = Account(start_sandbox())
    first.meter()
    first.sandbox.stop()
    second = Account(start_sandbox())
    try:
        assert second.stripe.v1.billing.meters.list().data == []
    finally:
        second.sandbox.stop()


def test_no_key_is_written_to_the_state_file(start: Callable[..., SandboxProcess], tmp_path: Path) -> None:
    sandbox = start()
    sandbox.client("sk_test_verysecret").v1.customers.create({"name": "known"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.AuthenticationError):
        sandbox.client("sk_live_verysecret").v1.customers.create({"name": "unknown"})
    sandbox.kill()
    written = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert b"known" in written
    assert b"verysecret" not in written


def test_a_second_sandbox_on_the_same_state_file_does_not_start(start: Callable[..., SandboxProcess]) -> None:
    start()
    with pytest.raises(RuntimeError, match="ended with 1"):
        start()


def test_a_file_that_is_no_state_file_is_left_alone(tmp_path: Path) -> None:
    foreign, text = tmp_path / "other.db", tmp_path / "notes.txt"
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table mine (x)")
    connection.close()
    text.write_text("not a database at all, but somebody's notes" * 30)
    for path in (foreign, text):
        content = path.read_bytes()
        with pytest.raises(RuntimeError, match="ended with 1"):
            start_sandbox(path)
        assert path.read_bytes() == content


def test_once_the_disk_is_full_nothing_is_answered_that_a_restart_would_forget(
    start: Callable[..., SandboxProcess],
) -> None:
    full = ("sh", "-c", 'ulimit -f 400; exec "$@"', "sh")  # a file may grow to some hundred kB, as on a full disk
    account = Account(start(prefix=full))
    meter, hour = account.meter(), account.past_hour()
    answered, refusal = 0, None
    while refusal is None and answered < 3000:
        try:
            account.send(meter, 1, hour)
            answered += 1
        except stripe.APIError as error:
            refusal = error
    assert "cannot write the sandbox's state file" in str(refusal)
    reading = requests.get(f"{account.sandbox.url}/_sandbox/usage", timeout=20)
    assert (reading.status_code, reading.json()["error"]["type"]) == (500, "api_error")
    account.sandbox.kill()
    assert answered > 0
    assert Account(start()).total(meter, hour, hour + 60) == answered
