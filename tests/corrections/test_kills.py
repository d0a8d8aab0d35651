"""``kill -9`` between all effects of a hold, its release and a correction: nothing twice, nothing forgotten."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.corrections.write_correction import approve_correction
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.database.schema import PIPELINE
from fridge_pipeline.invoices.hold_drafts import HoldOrder, hold_drafts
from fridge_pipeline.invoices.rules.hold_draft import HoldAct
from tests.console_script import forking_server
from tests.corrections.test_invoice_corrections import (
    approve,
    items,
    late_file,
    notes,
    of_readings,
    owed,
    propose,
    taken_out,
)
from tests.invoices.account import InvoicedTenant
from tests.invoices.test_holding import LONGEST, after_the_end, final_after, hold, updates
from tests.invoices.test_holding import tenant as held_tenant  # noqa: F401 - a fixture
from tests.people import signed_in
from tests.pipeline import gateway_to

pytestmark = pytest.mark.prove

SECONDS_UNTIL_UNLOCKED = 10

HOLDING = (Failpoint.HOLD_INTENDED, Failpoint.HOLD_ANSWERED, Failpoint.HOLD_WRITTEN)
CORRECTING = (Failpoint.STAGED, Failpoint.MARKED_SENT, Failpoint.ANSWERED, Failpoint.RECEIPTS_WRITTEN)


def killed(tenant: InvoicedTenant, act: str, failpoint: Failpoint, proposal_id: int = 0) -> None:
    """Does it in a process of its own, which is killed there."""
    line = tenant.pipeline
    asked = (act, failpoint, proposal_id, line.database.owned.dsn, line.sandbox.url, line.clock())
    deadline = time.monotonic() + SECONDS_UNTIL_UNLOCKED
    while True:
        with tempfile.NamedTemporaryFile() as told:
            process = forking_server().Process(target=_die, args=(told.name, *asked))
            process.start()
            process.join(120)
            if process.exitcode == -signal.SIGKILL:
                return
            # the server may not have seen yet that its client is gone
            said = Path(told.name).read_text(encoding="utf-8")
        assert "another process" in said, said
        assert time.monotonic() < deadline


def _die(told: str, act: str, failpoint: Failpoint, proposal_id: int, dsn: str, url: str, now: datetime) -> None:
    """In the process: does one thing, up to the failpoint."""

    def die(seen: Failpoint) -> None:
        if seen is failpoint:
            os.kill(os.getpid(), signal.SIGKILL)

    os.dup2(os.open(told, os.O_WRONLY), 2)
    database = Database(dsn).acting_as(PIPELINE)
    run, gateway = Run(database, CATALOGUE, lambda: now, "killed", die), gateway_to(url)
    if act == "hold":
        hold_drafts(run, lambda: gateway, HoldOrder(timedelta(hours=48), writes=True))
    else:
        approve_correction(replace(run, database=signed_in(database, "grace")), lambda: gateway, proposal_id)


@pytest.mark.parametrize("failpoint", HOLDING)
@pytest.mark.parametrize("act", [HoldAct.HOLD, HoldAct.RELEASE])
def test_a_process_killed_between_two_effects_has_held_or_let_go_once_and_the_next_one_knows(
    held_tenant: InvoicedTenant,  # noqa: F811
    act: HoldAct,
    failpoint: Failpoint,
) -> None:
    tenant = held_tenant
    if act is HoldAct.RELEASE:
        hold(tenant)
        after_the_end(tenant, hours=3)
    tenant.read()
    before = updates(tenant)
    killed(tenant, "hold", failpoint)
    for _ in range(2):
        hold(tenant)
    assert updates(tenant) - before == 1
    assert final_after(tenant) == (LONGEST if act is HoldAct.HOLD else timedelta(hours=3, minutes=15))
    known = "select count(*) filter (where answers is null), count(outcome) from fridge.invoice_holds where act = %s"
    assert tenant.pipeline.rows(known, act.value) == [(1, 1)]


def test_a_correction_whose_every_process_is_killed_one_effect_further_on_is_made_once(
    tenant: InvoicedTenant,
) -> None:
    """Compared, approved, looked for, about to be sent, answered, on record: six processes, and none of them ends."""
    late_file(tenant)
    found = of_readings(propose(tenant))
    for failpoint in (
        Failpoint.READ_BACK_WRITTEN,
        Failpoint.STAGED,
        Failpoint.READ_BACK,
        Failpoint.MARKED_SENT,
        Failpoint.ANSWERED,
        Failpoint.RECEIPTS_WRITTEN,
    ):
        assert owed(tenant) == [("not_invoiced",)]
        killed(tenant, "correct", failpoint, found.proposal_id)
    assert (len(items(tenant)), owed(tenant)) == (1, [])
    assert tenant.pipeline.rows("select how, quantity from fridge.settlements") == [("invoiced_by_hand", 30)]


@pytest.mark.parametrize("failpoint", CORRECTING)
@pytest.mark.parametrize("kind", ["invoice item", "credit note"])
def test_a_process_killed_between_two_effects_has_corrected_once_and_whoever_goes_on_ends_the_exception(
    tenant: InvoicedTenant,
    kind: str,
    failpoint: Failpoint,
) -> None:
    if kind == "invoice item":
        late_file(tenant)
    else:
        taken_out(tenant, 20, 2)
    found = of_readings(propose(tenant))
    killed(tenant, "correct", failpoint, found.proposal_id)
    written = failpoint is Failpoint.RECEIPTS_WRITTEN
    assert bool(owed(tenant)) != written, "it is not forgotten meanwhile"
    tenant.go(tenant.pipeline.clock() + timedelta(hours=25))  # Stripe has forgotten the key
    deadline = time.monotonic() + SECONDS_UNTIL_UNLOCKED
    while not written:
        try:
            assert approve(tenant, found.proposal_id, "olga").state == "written"
        except CorrectionRefusedError as error:
            if "another process" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # the server has not seen yet that its client is gone
        else:
            break
    assert len(items(tenant)) + len(notes(tenant)) == 1
    assert owed(tenant) == []
    assert tenant.pipeline.one("select count(*) from fridge.settlements") == 1
