"""``make mutants``: switches off one guarantee at a time, in a copy, and shows which test notices."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

REPOSITORY = Path(__file__).parents[1]
COPIED = (
    *("fridge_pipeline", "stripe_sandbox", "dbt_like_sql", "tests", "docs"),
    *("pyproject.toml", "dagster.yaml", "workspace.yaml"),
)
TESTS = (
    *("tests/stripe", "tests/ingest/test_reading.py", "tests/reconciliation/test_side_by_side.py"),
    *("tests/laws/test_l04_to_l07_stating.py", "tests/billing"),
)

console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Edit:
    """Text that stands exactly once in a file, and what takes its place."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Mutant:
    """A guarantee, the edits that switch it off, and where the tests are that may notice."""

    guarantee: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = TESTS


DELIVER = "fridge_pipeline/billing/deliver.py"
STAGING = "fridge_pipeline/billing/rules/staging.py"
ANSWER = "fridge_pipeline/stripe/rules/answer.py"
LIMITS = "fridge_pipeline/stripe/rules/limits.py"
READING = "fridge_pipeline/ingest/rules/reading.py"
RECONCILE = "fridge_pipeline/reconciliation/reconcile.py"
REFUSE = "fridge_pipeline/billing/wait.py"
PARQUET = "fridge_pipeline/ingest/landing/parquet_bounds.py"
OWN_PAGES = "fridge_pipeline/orchestration/own_pages.py"
LOCAL = "fridge_pipeline/ingest/landing/local.py"
PARTITIONS = "fridge_pipeline/orchestration/partitions.py"
SIGNATURE = "fridge_pipeline/finance/pack/signature.py"
RECORD = "fridge_pipeline/finance/evidence_record.py"
HEALTH = "fridge_pipeline/operations/rules/health_check.py"
GATEWAY = "fridge_pipeline/stripe/gateway.py"
QUERIES = "fridge_pipeline/billing/queries.sql"
SCHEMA = "fridge_pipeline/billing/schema.sql"
COMPARE_PERIOD = "fridge_pipeline/invoices/rules/compare_period.py"
PRICE_AMOUNT = "fridge_pipeline/invoices/rules/price_amount.py"
UNCOVERED = "fridge_pipeline/invoices/rules/uncovered_usage.py"
HOLD_RULE = "fridge_pipeline/invoices/rules/hold_draft.py"
HOLD_DRAFTS = "fridge_pipeline/invoices/hold_drafts.py"
PLAN_HOLDS = "fridge_pipeline/invoices/plan_holds.py"
HOLDING = ("tests/invoices/test_holding.py",)
HOLDS = "tests/invoices/test_holding.py::test_"
INVOICE_WRITES = "fridge_pipeline/stripe/invoice_writes.py"
CORRECTED = "fridge_pipeline/invoices/rules/corrected.py"
INVOICE_QUERIES = "fridge_pipeline/invoices/queries.sql"
PROPOSAL = "fridge_pipeline/corrections/rules/proposal.py"
WRITE_CORRECTION = "fridge_pipeline/corrections/write_correction.py"
CORRECTION_WRITES = "fridge_pipeline/stripe/correction_writes.py"
CORRECTIONS_SCHEMA = "fridge_pipeline/corrections/schema.sql"
CORRECTS = "tests/corrections/test_invoice_corrections.py::test_"
STRIPE_INVOICE = "fridge_pipeline/stripe/rules/invoice.py"
INVOICES = (
    "tests/invoices/test_shapes.py",
    "tests/invoices/test_price_amount.py",
    "tests/invoices/test_uncovered_usage.py",
)

ANY_PAGE = "    own = {_plain_authority(urlsplit(origin or '').netloc), _plain_authority(authority)}\n"
IS_TAKEN = "    if case.taken_by is not None:\n"
ONE_TENANT = (
    "create trigger meter_events_insert_one_tenant after insert on fridge.meter_events\n"
    "referencing new table as new_rows for each statement execute function fridge.refuse_second_tenants();\n"
)
TOO_LATE = "    if is_too_late(case.hour, now):\n        return StagingVerdict.TOO_LATE\n"
UNMAPPED = "    if case.customer_id is None:\n        return StagingVerdict.UNMAPPED\n"
STRIPPED = "pl.col(field).cast(pl.String).str.strip_chars(BLANK)\n"

SOURCE_NUMBERS = "fridge_pipeline/ingest/rules/source_numbers.py"
OF_NUMBERS = ("tests/ingest/landing/test_source_numbers.py",)
MEASURED_NUMBERS = ("tests/finance/test_measured_numbers.py",)

MUTANTS = (
    Mutant(
        "intent first: nothing is sent that is not committed as sent",
        (
            Edit(
                DELIVER,
                "        marked = mark_sent(self.connection, attempts, self.run.clock(), self.run.run_id)\n",
                "        marked = dict.fromkeys(attempts, False)\n",
            ),
            Edit(
                DELIVER,
                "        now = self.run.clock()\n        receipts = [\n",
                "        now = self.run.clock()\n"
                "        mark_sent(self.connection, [attempt for attempt, _ in answered], now, self.run.run_id)\n"
                "        receipts = [\n",
            ),
        ),
    ),
    Mutant(
        "same identifier: a statement that is sent again keeps its identifier",
        (
            Edit(
                GATEWAY,
                "                identifier=event.identifier,\n",
                '                identifier=event.identifier + __import__("secrets").token_hex(4),\n',
            ),
        ),
    ),
    Mutant(
        "20-hour rule: no identifier is sent again that Stripe may have forgotten",
        (
            Edit(
                LIMITS, "RESEND_WINDOW = IDENTIFIER_MEMORY - timedelta(hours=4)", "RESEND_WINDOW = timedelta(days=400)"
            ),
        ),
    ),
    Mutant(
        "one call at a time per customer and meter, in a process",
        (
            Edit(
                DELIVER,
                "                workers.give(theirs)\n",
                "                for each in theirs:\n                    workers.give([each])\n",
            ),
        ),
    ),
    Mutant(
        "one call at a time per customer and meter, from one batch to the next",
        (
            Edit(
                DELIVER,
                "        self._let_go(ours)\n",
                "        self.ready.extend(key for key in ours if self.left[key])\n",
            ),
        ),
    ),
    Mutant(
        "one call at a time per customer and meter, across processes",
        (Edit(QUERIES, "where pg_try_advisory_lock(", "where (select true) or pg_try_advisory_lock("),),
    ),
    Mutant(
        "revision guard: no newer revision is staged while an older one is undecided",
        (
            Edit(
                STAGING,
                "    if case.latest_status in {Status.SENT, Status.UNKNOWN} or case.cancelling:\n",
                "    if case.cancelling:\n",
            ),
            Edit(
                SCHEMA,
                "create unique index meter_events_one_open",
                "create index meter_events_one_open",
            ),
        ),
    ),
    Mutant(
        "a duplicate means delivered only when it was ours",
        (Edit(ANSWER, "False: Status.UNKNOWN}\n_AFTER_REFUSAL", "False: Status.ACCEPTED}\n_AFTER_REFUSAL"),),
    ),
    Mutant(
        "a refusal after an attempt that may have arrived settles nothing",
        (Edit(ANSWER, "_AFTER_REFUSAL = {True: Status.UNKNOWN", "_AFTER_REFUSAL = {True: Status.REFUSED"),),
    ),
    Mutant(
        "absent once is not missing: summaries lag",
        (Edit(LIMITS, "SUMMARY_SETTLE = timedelta(hours=6)", "SUMMARY_SETTLE = timedelta(0)"),),
    ),
    Mutant(
        "what is counted is cancelled only once",
        (
            Edit(
                STAGING,
                "    if case.latest_status in {Status.SENT, Status.UNKNOWN} or case.cancelling:\n",
                "    if case.latest_status in {Status.SENT, Status.UNKNOWN}:\n",
            ),
        ),
    ),
    Mutant(
        "one tenant per customer, meter and hour: a customer that was handed on is billed to nobody twice",
        (
            Edit(STAGING, IS_TAKEN, "    if False:\n"),
            Edit(SCHEMA, ONE_TENANT, ""),
        ),
        ("tests/laws/test_one_tenant_per_customer.py",),
    ),
    Mutant(
        "one tenant per customer, meter and hour, whoever writes the statement",
        (Edit(SCHEMA, ONE_TENANT, ""),),
        ("tests/laws/test_one_tenant_per_customer.py",),
    ),
    Mutant(
        "customers without usage are read too: whoever else states usage for them shows",
        (Edit(RECONCILE, "        for each in due:\n", "        for each in due[:0]:\n"),),
        ("tests/reconciliation/test_both_ways.py",),
    ),
    Mutant(
        "the one sum that Stripe has of a customer that two tenants have had is compared with one of them",
        (Edit(RECONCILE, ", _sharers(accounts)\n", ", {}\n"),),
        ("tests/laws/test_one_tenant_per_customer.py",),
    ),
    Mutant(
        "every row of a parquet file is read, also from where its text is no dictionary any more",
        (Edit(PARQUET, " and encodings <= {_PLAIN, *_DICTIONARIES}\n", "\n"),),
        ("tests/ingest/landing/test_parquet_writers.py",),
    ),
    Mutant(
        "a late file of a customer that Stripe no longer knows is owed as the difference",
        (Edit(STAGING, 'is_gone = says_customer_is_gone(case.refusal or "") and', "is_gone = False and"),),
        ("tests/laws/test_customer_gone.py",),
    ),
    Mutant(
        "after a late refusal what waited of the hour gives way, and so does its older figure",
        (Edit(REFUSE, "    close_overtaken(connection, waiting, now)\n", ""),),
        ("tests/laws/test_refused.py",),
    ),
    Mutant(
        "a total that only Stripe's own sum proved counts again when the next one is refused later",
        (Edit(QUERIES, "stripe_readbacks.verdict = 'counted'", "false"),),
        ("tests/laws/test_refused.py",),
    ),
    Mutant(
        "what waits is said anew when a run ended after it had counted other usage",
        (
            Edit(
                QUERIES,
                "        waiting.owed <> coalesce",
                "        false and 0 <> coalesce",
            ),
        ),
        ("tests/laws/test_sweep.py",),
    ),
    Mutant(
        "no change is taken from the page of somebody else",
        (Edit(OWN_PAGES, "    own = {_plain_authority(authority), *names.authorities}\n", ANY_PAGE),),
        ("tests/orchestration/test_own_pages.py",),
    ),
    Mutant(
        "no link below the landing root is followed",
        (Edit(LOCAL, "_OPEN = os.O_RDONLY | os.O_NOFOLLOW", "_OPEN = os.O_RDONLY"),),
        ("tests/security/test_links.py",),
    ),
    Mutant(
        "blanks around an id make no other sensor",
        (Edit(READING, STRIPPED, f"pl.col(field) if field in IDS else {STRIPPED}"),),
        ("tests/orchestration/test_ids.py", "tests/ingest/landing/test_ids.py"),
    ),
    Mutant(
        "a key off the grid loads nothing",
        (Edit(PARTITIONS, "        if not grid.has_partition_key(key):\n", "        if False:\n"),),
        ("tests/orchestration/test_grids.py",),
    ),
    Mutant(
        "a pack is signed by whoever approved its month, not by anybody on the list",
        (Edit(SIGNATURE, "    if approver is None:\n", "    if not people:\n"),),
        (
            "tests/finance/evidence/test_anchors.py::test_a_pack_is_signed_by_whoever_approved_its_month_and_by_nobody_else",
        ),
    ),
    Mutant(
        "a pack that the books do not know shows that an older dump was restored",
        (Edit(HEALTH, "pack.link.manifest_sha256 not in registered]", "not registered]"),),
        ("tests/operations/test_restore.py",),
    ),
    Mutant(
        "no text of a pack is a formula",
        (Edit(RECORD, 'frozenset({"timestamptz", "bool", "text"})', 'frozenset({"timestamptz", "bool"})'),),
        ("tests/finance/evidence/test_formulas.py",),
    ),
    Mutant(
        "the age of an hour is judged first: nothing promises to bill it after 35 days",
        (Edit(STAGING, TOO_LATE + UNMAPPED, UNMAPPED + TOO_LATE),),
        ("tests/laws/test_too_late.py",),
    ),
    Mutant(
        "invoices: what Stripe accepted after an invoice was final is told from what it had accepted before",
        (Edit(COMPARE_PERIOD, "        late = booked.accepted != by_final\n", "        late = False\n"),),
        INVOICES,
    ),
    Mutant(
        "invoices: two items on one meter are told, also where each invoice looks right",
        (Edit(COMPARE_PERIOD, "period.is_shared and any(", "False and any("),),
        INVOICES,
    ),
    Mutant(
        "invoices: a void invoice carries nothing",
        (
            Edit(
                STRIPE_INVOICE,
                "self.status in {InvoiceStatus.VOID, InvoiceStatus.DELETED}",
                "self.status is InvoiceStatus.DELETED",
            ),
        ),
        INVOICES,
    ),
    Mutant(
        "invoices: money between two tiers is the difference of both totals",
        (Edit(PRICE_AMOUNT, "(after - before).to_integral", "after.to_integral"),),
        INVOICES,
    ),
    Mutant(
        "invoices: usage between two invoices is looked for",
        (Edit(UNCOVERED, "for gap in without([Span(looked_at.start, until)], covered):", "for gap in ():"),),
        INVOICES,
    ),
    Mutant(
        "invoices: a draft is let go only when Stripe's sums agree",
        (Edit(PLAN_HOLDS, "        if shown != ours.accepted:", "        if False:"),),
        HOLDING,
    ),
    Mutant(
        "invoices: a draft that another installation holds is left alone",
        (Edit(HOLD_RULE, "    if draft.mark is not None and own is None:", "    if False:"),),
        HOLDING,
    ),
    Mutant(
        "invoices: a draft that somebody has moved is left alone",
        (Edit(HOLD_RULE, "    if own is not None and draft.finalizes_at != own.finalizes_at:", "    if False:"),),
        HOLDING,
    ),
    Mutant(
        "invoices: of two installations that claim a draft at once Stripe refuses one",
        (Edit(HOLD_DRAFTS, "    if intent.act is HoldAct.HOLD:", "    if False:"),),
        HOLDING,
    ),
    Mutant(
        "invoices: nothing is written to a draft before the intent is on record",
        (
            Edit(
                HOLD_DRAFTS,
                "        intent = open_intent(",
                "        if plan.finalizes_at is not None:\n"
                "            mark = self.how.marked_by\n"
                "            schedule_draft(self.gateway, invoice_id, plan.finalizes_at, mark, invoice_id)\n"
                "        intent = open_intent(",
            ),
        ),
        (f"{HOLDS}a_process_that_dies_between_two_effects_holds_and_lets_go_once",),
    ),
    Mutant(
        "invoices: a draft that is held becomes final at its time, whoever dies meanwhile",
        (Edit(INVOICE_WRITES, '"auto_advance": True', '"auto_advance": False'),),
        (f"{HOLDS}an_hour_that_stays_undelivered_holds_the_draft_until_its_time_and_no_longer",),
    ),
    Mutant(
        "invoices: a draft is held no longer than asked for",
        (Edit(HOLD_RULE, "backstop = period_end + how.longest", "backstop = period_end + 2 * how.longest"),),
        (f"{HOLDS}an_hour_that_stays_undelivered_holds_the_draft_until_its_time_and_no_longer",),
    ),
    Mutant(
        "invoices: a file that is not loaded yet keeps the draft",
        (Edit(PLAN_HOLDS, "[hour.start for hour in unloaded]", "[hour.start for hour in ()]"),),
        (f"{HOLDS}a_late_file_within_the_hold_is_on_the_invoice",),
    ),
    Mutant(
        "invoices: the money of a change is rounded once",
        (
            Edit(
                PRICE_AMOUNT,
                "int((after - before).to_integral_value(ROUND_HALF_UP))",
                "int(after.to_integral_value(ROUND_HALF_UP)) - int(before.to_integral_value(ROUND_HALF_UP))",
            ),
        ),
        ("tests/invoices/test_price_amount.py",),
    ),
    Mutant(
        "corrections: nothing is sent that is not on record as being sent",
        (Edit(WRITE_CORRECTION, 'self.connection.execute(statement("begin_correction"), begun)', "_ = begun"),),
        (f"{CORRECTS}what_was_sent_and_fits_no_more_is_over_only_when_it_can_no_longer_arrive",),
    ),
    Mutant(
        "corrections: a document whose answer was lost is found by its mark",
        (
            Edit(
                WRITE_CORRECTION,
                "next((each for each in self._documents() if each.metadata[KEY] == self.found.key), None)",
                "next((each for each in self._documents()[:0]), None)",
            ),
        ),
        (f"{CORRECTS}a_process_that_dies_at_any_effect_leaves_one_document_and_one_settlement_once_somebody_goes_on",),
    ),
    Mutant(
        "corrections: another login approves than proposed",
        (
            Edit(
                CORRECTIONS_SCHEMA,
                "    if proposed.acted_by = session_user then",
                "    if false then",
            ),
        ),
        (f"{CORRECTS}who_proposed_does_not_approve_nor_does_the_program_and_the_database_says_so",),
    ),
    Mutant(
        "corrections: the database takes no document of a proposal that nobody has approved",
        (
            Edit(
                CORRECTIONS_SCHEMA,
                "    if not exists (select 1 from fridge.correction_approvals where proposal_id = new.proposal_id)"
                " then",
                "    if false then",
            ),
        ),
        (f"{CORRECTS}who_proposed_does_not_approve_nor_does_the_program_and_the_database_says_so",),
    ),
    Mutant(
        "corrections: what is owed is looked at again before the second person's approval counts",
        (Edit(WRITE_CORRECTION, "        if proposed != what:\n", "        if False:\n"),),
        (f"{CORRECTS}a_proposal_that_fits_no_more_is_refused_with_both_numbers_and_takes_a_new_one",),
    ),
    Mutant(
        "corrections: what was corrected before is not owed again",
        (Edit(CORRECTED, "        return difference + self.quantity\n", "        return difference\n"),),
        (f"{CORRECTS}later_changes_are_corrected_by_the_difference_alone_and_add_up_to_the_tiers_of_the_whole",),
    ),
    Mutant(
        "corrections: money that was corrected before is not billed again",
        (Edit(PROPOSAL, "    amount = owed - done.amount\n", "    amount = owed\n"),),
        ("tests/corrections/test_proposal.py",),
    ),
    Mutant(
        "corrections: no customer gets a mail",
        (Edit(CORRECTION_WRITES, '"email_type": "none"', '"email_type": "credit_note"'),),
        (f"{CORRECTS}what_was_invoiced_too_much_becomes_a_credit_note_by_amount_without_a_mail",),
    ),
    Mutant(
        "corrections: what was settled by hand is not corrected as well",
        (
            Edit(
                INVOICE_QUERIES, "    where places.customer_id = any(", "    where false and places.customer_id = any("
            ),
        ),
        (f"{CORRECTS}what_missed_its_invoice_is_settled_by_hand_and_only_what_comes_after_it_is_corrected",),
    ),
    Mutant(
        "corrections: what is on its way to Stripe is not settled by hand as well",
        (Edit(CORRECTIONS_SCHEMA, "of_meter and corrections.state = 'approved'", "of_meter and false"),),
        (f"{CORRECTS}a_correction_that_is_on_its_way_is_not_settled_by_hand_as_well",),
    ),
    Mutant(
        "money: what a plan shows is what the next invoice will be more, so a change is priced where its period stands",
        (
            Edit(
                "fridge_pipeline/invoices/rules/priced_change.py",
                "    old, new, says = Decimal(before), Decimal(after), time.says(now)",
                "    old, new, says = Decimal(0), Decimal(after - before), time.says(now)",
            ),
        ),
        ("tests/invoices/test_price_changes.py",),
    ),
    Mutant(
        "accrual: what is unbilled is priced from what is billed on, tier by tier",
        (Edit("dbt_like_sql/marts/unbilled_accrual.sql", "        based.base + coalesce(", "        coalesce("),),
        ("tests/invoices/test_unbilled_accrual.py",),
    ),
    Mutant(
        "rehearsal: its test clock is deleted, with the customer on it",
        (
            Edit(
                "fridge_pipeline/operations/rehearse.py",
                "                delete_clock(gateway, clock_id)",
                "                pass",
            ),
        ),
        ("tests/operations/test_rehearsal.py",),
    ),
    Mutant(
        "rehearsal: a grace that is over before the last hour is stated would go wrong",
        (Edit("fridge_pipeline/operations/rules/rehearsal.py", "    if grace >= needed:", "    if True:"),),
        ("tests/operations/test_rehearsal.py",),
    ),
    Mutant(
        "numbers: a number that is missing is none, and never zero",
        (
            Edit(
                SOURCE_NUMBERS,
                "    listed = pl.concat_list(_of(number)",
                "    listed = pl.concat_list(pl.col(_of(number)).fill_null(0)",
            ),
        ),
        OF_NUMBERS,
    ),
    Mutant(
        "numbers: a row with a number that cannot be read is told, and not kept without it",
        (
            Edit(
                "fridge_pipeline/ingest/rules/source_fields.py",
                "        number_fault(source),\n",
                "        pl.lit(None, pl.String),\n",
            ),
        ),
        OF_NUMBERS,
    ),
    Mutant(
        "numbers: one that stands beside several readings is not counted by each",
        (
            Edit(
                "fridge_pipeline/ingest/source_tables.py",
                '            if number.column.startswith("/") or (',
                "            if (",
            ),
        ),
        OF_NUMBERS,
    ),
    Mutant(
        "numbers: each is stored at its own place, whichever source was there first",
        (Edit(SOURCE_NUMBERS, "    if not order or all(", "    if True or all("),),
        MEASURED_NUMBERS,
    ),
    Mutant(
        "numbers: what many readings come to is rounded once, and halves up",
        (
            Edit(
                "fridge_pipeline/usage/rules/measuring.py",
                "(2 * measure.scale * quantity.cast(pl.Int128) + parts) // (2 * parts)",
                "measure.scale * quantity // parts",
            ),
        ),
        MEASURED_NUMBERS,
    ),
    Mutant(
        "numbers: who loads beside another load stores them too",
        (
            Edit(
                "fridge_pipeline/ingest/queries.sql",
                "        file_id,\n        numbers\n    from contested_readings\n",
                "        file_id,\n        null::bigint[]\n    from contested_readings\n",
            ),
        ),
        MEASURED_NUMBERS,
    ),
)


def main() -> int:
    """Exit code 0 when every mutant is noticed, else 1."""
    survivors = 0
    for mutant in MUTANTS:
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            noticed = first_failure(mutant, Path(folder))
        survivors += noticed is None
        console.print(f"[bold]{mutant.guarantee}[/]\n  {noticed or '[red]NOT NOTICED by any test'}", highlight=False)
    console.print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} noticed", style="red" if survivors else "green")
    return 1 if survivors else 0


def first_failure(mutant: Mutant, folder: Path) -> str | None:
    """The first test that fails with the mutant in place; ``None`` when all pass."""
    for name in COPIED:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / name)
    for edit in mutant.edits:
        _apply(edit, folder)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *mutant.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode == 0:
        return None
    return found.group(1) if found else f"pytest ended with {done.returncode}: {done.stdout[-500:]}"


def _apply(edit: Edit, folder: Path) -> None:
    path = folder / edit.path
    text = path.read_text(encoding="utf-8")
    if text.count(edit.before) != 1:
        raise SystemExit(f"{edit.path} no longer holds exactly once: {edit.before!r}; bring the mutant up to date")
    path.write_text(text.replace(edit.before, edit.after), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
