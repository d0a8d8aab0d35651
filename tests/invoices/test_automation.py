"""What Dagster does about invoices: mornings, drafts, checks; nothing when they are off, no run when nothing is new."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from fridge_pipeline.invoices.compare_invoices import compared_since
from fridge_pipeline.orchestration.automation import READ_INVOICES, RECONCILE_DAYS
from fridge_pipeline.orchestration.invoice_watch import DRAFTS_INTERVAL_SECONDS
from fridge_pipeline.orchestration.partitions import days_in_tags
from tests.console_script import Run
from tests.invoices.account import InvoicedTenant
from tests.orchestration.conftest import definitions  # noqa: F401 # the same installation for Dagster's objects
from tests.orchestration.ticks import asset_job, schedule_tick, sensor_tick
from tests.pipeline import Pipeline, readings

CHECKS = {
    dg.AssetCheckKey(dg.AssetKey("stripe_invoices"), name)
    for name in ("invoices_are_usage", "accepted_usage_is_invoiced")
}


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose first day is over and whose invoice is final; both clocks are those of the machine again."""
    found = InvoicedTenant(pipeline)
    found.subscribe(found.price())
    found.use(3, 5)
    found.go(found.start + timedelta(hours=26))
    found.use(3, 2)
    found.go(datetime.now(UTC).replace(microsecond=0))
    return found


def tick(
    definitions: dg.Definitions,  # noqa: F811
    instance: dg.DagsterInstance,
    later: timedelta = timedelta(0),
) -> tuple[list[dg.RunRequest], str]:
    """One tick of the sensor of drafts: what it requests, or why nothing."""
    told = sensor_tick(definitions, instance, "invoice_drafts", clock=lambda: datetime.now(UTC) + later)
    return list(told.run_requests or []), told.skip_message or ""


def test_the_asset_reads_compares_and_its_check_says_which_usage_no_invoice_carries(
    tenant: InvoicedTenant,
    definitions: dg.Definitions,  # noqa: F811
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        (morning,) = schedule_tick(definitions, instance, "daily_invoices")
        assert days_in_tags(dict(morning.tags))[-1] == tenant.pipeline.clock().date() - timedelta(days=1)
        job = asset_job(definitions, ["stripe_invoices"], CHECKS)
        result = job.execute_in_process(instance=instance, tags=dict(morning.tags))
        metadata = result.get_asset_materialization_events()[0].materialization.metadata
        assert metadata["after_finalization"].value == 1
        assert str(metadata["state"].value).endswith("days read")
        verdicts = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
        assert verdicts == {"invoices_are_usage": True, "accepted_usage_is_invoiced": False}
        requested, told = tick(definitions, instance)
        if tenant.pipeline.clock().hour > 1:  # else its day has just ended, and the draft of it is to be read
            assert (requested, told) == ([], "0 drafts, and all of them are read")
        (again,) = schedule_tick(definitions, instance, "daily_invoices")
        assert len(days_in_tags(dict(again.tags))) == 1, "what was read after its day is not read again"


def test_days_that_were_not_read_are_read_as_far_back_as_is_compared(
    pipeline: Pipeline,
    definitions: dg.Definitions,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after two months of FRIDGE_INVOICES=off, or of a key that may not read them."""
    now = pipeline.clock()
    monkeypatch.setenv("FRIDGE_PARTITIONS_START", f"{now - timedelta(days=200):%Y-%m-%d-00:00}")
    with dg.DagsterInstance.ephemeral() as instance:
        (morning,) = schedule_tick(definitions, instance, "daily_invoices")
    assert days_in_tags(dict(morning.tags))[0] == compared_since(now).date()


def test_no_more_is_read_than_the_setting_allows(
    tenant: InvoicedTenant,
    definitions: dg.Definitions,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
) -> None:
    tenant.read()
    before = tenant.invoice_reads()
    monkeypatch.setenv("FRIDGE_STRIPE_READS", "1")
    used_up = "the reads that Stripe allows in a month are used up"
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(definitions, instance) == ([], f"drafts are not read: {used_up}")
        (morning,) = schedule_tick(definitions, instance, "daily_invoices")
        job = asset_job(definitions, ["stripe_invoices"])
        result = job.execute_in_process(instance=instance, tags=dict(morning.tags))
        state = result.get_asset_materialization_events()[0].materialization.metadata["state"].value
    assert state == f"not read: {used_up}"
    assert used_up in run("invoices", "--read-stripe", FRIDGE_STRIPE_READS="1").stdout
    assert tenant.invoice_reads() == before


def test_off_reads_nothing_requests_nothing_and_says_so(
    tenant: InvoicedTenant,
    definitions: dg.Definitions,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRIDGE_INVOICES", "off")
    before = tenant.invoice_reads()
    yesterday = f"{tenant.pipeline.clock() - timedelta(days=1):%Y-%m-%d}"
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(definitions, instance) == ([], "FRIDGE_INVOICES=off: no invoice is read")
        assert schedule_tick(definitions, instance, "daily_invoices") == []
        job = asset_job(definitions, ["stripe_invoices"], CHECKS)
        result = job.execute_in_process(instance=instance, tags={"dagster/partition": yesterday})
        assert {each.passed for each in result.get_asset_check_evaluations()} == {True}
    assert tenant.invoice_reads() == before
    assert tenant.rows() == []


@pytest.mark.parametrize("mode", ["watch", "hold"])
def test_the_asset_holds_the_draft_of_a_file_that_is_not_loaded_and_watching_it_only_says_so(
    pipeline: Pipeline,
    definitions: dg.Definitions,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    mode: str,
) -> None:
    """The draft of the day before yesterday, which Stripe itself would make final after 72 hours."""
    monkeypatch.setenv("FRIDGE_INVOICES", mode)
    monkeypatch.setenv("FRIDGE_INVOICE_HOLD_HOURS", "100")
    found = InvoicedTenant(pipeline)
    pipeline.sandbox.settings(finalization_grace_seconds=72 * 3600)
    subscription = found.subscribe(found.price())
    found.use(3, 5)
    found.go(found.start + timedelta(hours=25))
    found.client.v1.subscriptions.cancel(subscription)
    found.go(datetime.now(UTC).replace(microsecond=0))
    pipeline.land(found.hour(20), "late.csv", readings("cohoes", found.hour(20), 1, 7))
    with dg.DagsterInstance.ephemeral() as instance:
        (wanted,), _ = tick(definitions, instance)
        (again,), _ = tick(definitions, instance, timedelta(seconds=DRAFTS_INTERVAL_SECONDS))
        assert (again.run_key != wanted.run_key) is (mode == "hold"), "a run that did not read it leaves it unheld"
        reconciling = definitions.resolve_job_def(RECONCILE_DAYS)
        instance.create_run_for_job(reconciling, tags=dict(wanted.tags), status=dg.DagsterRunStatus.STARTED)
        assert tick(definitions, instance)[0][0].tags == wanted.tags, "another job's run of these days reads no invoice"
        reading = instance.create_run_for_job(
            definitions.resolve_job_def(READ_INVOICES), tags=dict(wanted.tags), status=dg.DagsterRunStatus.STARTED
        )
        assert tick(definitions, instance) == ([], "a run is at these days already")
        instance.report_run_failed(reading)
        job = asset_job(definitions, ["stripe_invoices"], CHECKS)
        result = job.execute_in_process(instance=instance, tags=dict(wanted.tags))
        metadata = result.get_asset_materialization_events()[0].materialization.metadata
        assert metadata["drafts_held_now"].value == (1 if mode == "hold" else 0)
        (draft,) = found.client.v1.invoices.list({"status": "draft"}).data
        assert draft.metadata is not None
        assert ("fridge_held_by" in draft.metadata.to_dict()) is (mode == "hold")
        assert tick(definitions, instance) == ([], "1 drafts, and all of them are read")
    named = {"FRIDGE_INVOICES": mode, "FRIDGE_INVOICE_HOLD_HOURS": "100"}
    shown = run("invoices", "--read-stripe", **named).stdout
    assert (f"{draft.id} (draft) cohoes: hold until" in shown) is (mode == "hold"), shown
    told = json.loads(run("invoices", "--read-stripe", "--json", **named).stdout)
    assert told["plan"][draft.id]["act"] == ("wait" if mode == "hold" else "hold")
    assert len(told["drafts"]) == (1 if mode == "hold" else 0)


def test_the_command_reads_compares_and_names_what_is_owed(tenant: InvoicedTenant, run: Run) -> None:
    shown = run("invoices", "--read-stripe")
    assert shown.returncode == 0, shown.stderr
    assert "5 invoiced, usage 7 (-2, 0.02 USD); after finalization" in shown.stdout
    month = f"{tenant.start:%Y-%m}"
    told = json.loads(run("invoices", "--json", "--month", month, "--tenant", "cohoes").stdout)
    (row,) = [each for each in told["invoices"] if each["cause"] == "after_finalization"]
    assert (row["difference"], row["amount"], row["event_name"]) == ("-2", 2, "temperature_readings")
    assert json.loads(run("invoices", "--json", "--tenant", "troy").stdout)["invoices"] == []


def test_an_invoice_is_explained_down_to_the_files_of_the_statement_that_missed_it(
    tenant: InvoicedTenant, run: Run
) -> None:
    tenant.read()
    tenant.compare()
    ((invoice, line),) = tenant.pipeline.rows(
        "select invoice_id, line_id from fridge.invoice_lines where period_start = %s", tenant.start
    )
    whole = run("explain", "--invoice", invoice)
    shown = whole.stdout
    assert "5 invoiced, usage 7, accepted 7; after finalization" in shown, whole.stderr
    assert "1 hour decided by Stripe after the invoice was final" in shown, whole.stderr
    told = run("explain", "--invoice", invoice, "--line", line)
    first, second = (f"{tenant.hour(3).folder}/{number}.csv" for number in (1, 2))
    assert f"    {first}: 5 inserted\n    {second}: 2 inserted" in told.stdout, told.stderr
    assert re.search(r":r2: 7 accepted at .*, after the invoice was final", told.stdout)
    assert run("explain", "--invoice", invoice, "--line", "il_none").returncode == 1
    assert run("explain", "cohoes").returncode == 2


def test_finance_reads_the_comparison_with_what_to_do(tenant: InvoicedTenant) -> None:
    tenant.read()
    tenant.compare()
    rows = tenant.pipeline.rows(
        "select tenant_id, usage_quantity::int, invoice_quantity::int, difference::int, cause, is_explained,"
        " what_to_do like 'fridge correct MONTH%%', amount_minor_units from fridge.invoice_tie_out"
        " where event_name = 'temperature_readings' and cause is not null"
    )
    assert rows == [("cohoes", 7, 5, -2, "after_finalization", True, True, 2)]
    assert tenant.pipeline.failing_tests() & {"unique_invoice_tie_out", "not_null_invoice_tie_out"} == set()
