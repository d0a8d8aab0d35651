"""The columns of the console's tables, each described once; others are those of the report."""

from __future__ import annotations

from fridge_pipeline.console.frame import Field, Row
from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.finance.pages.cells import moment
from fridge_pipeline.finance.pages.columns import COLUMNS, Column, Kind
from fridge_pipeline.finance.rules.outcomes import cause_in_few_words
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.reason_codes import cause_in_words

MONTH_STATES = {"open": "open", "prepared": "prepared, not approved", "closed": "closed"}

#: The questions of the first page, and what no answer means.
FRESHNESS = {
    "oldest_unbilled": ("Oldest hour with usage that Stripe does not have", "nothing waits"),
    "stripe_read": ("Stripe's own sums were last read", "no day of the last 7 was read"),
    "newest_hour": ("Newest hour with a landing file", "no landing file"),
    "newest_file": ("Last landing file loaded", "none in the last 60 days"),
}

#: What is checked of the books.
CHECKS = {
    "files_add_up": "Rows in files are inserted, duplicate or rejected, in every file of the last 62 days.",
    "nothing_unexplained": "No difference is unexplained.",
    "nothing_contradicts": "All usage is what its files brought.",
    "no_deadline_passed": "No deadline of an open exception has passed.",
    "no_deadline_near": "No deadline of an open exception is less than 7 days away.",
    "statements_are_answered": "No statement waits for Stripe's answer for over an hour.",
    "invoices_are_explained": "Every invoiced quantity is our usage of its period, or has a known cause.",
    "signatures_are_numbered": "Signatures are numbered without gaps: none was taken away.",
    "packs_are_chained": "Every evidence pack names one on record as the one before it.",
    "stripe_is_read": "Of the last 30 days but yesterday every customer that usage was stated to was read in Stripe.",
}

#: Why usage that Stripe has accepted stands on no final invoice, before there is one.
ACCRUAL_CAUSES = {
    "open_period": "its billing period goes on: the next invoice bills it",
    "no_period_known": "no subscription or invoice that was read covers it",
}


def accrued_for(row: Row) -> str:
    """Why usage is to be accrued."""
    cause = str(row["accrual_cause"])
    if cause in ACCRUAL_CAUSES:
        return ACCRUAL_CAUSES[cause]
    return invoice_cause_in_words(cause) if cause in INVOICE_CAUSES else cause_in_few_words(cause)


def waiting_for(row: Row) -> str:
    """Why usage waits."""
    return "being delivered: sent, or about to be" if row["kind"] is None else cause_in_words(row["kind"])


def amount_of(name: str, heading: str, missing: str = "") -> Field:
    """An amount in the unit of its row's currency."""

    def says(row: Row) -> str | None:
        is_known = row[name] is not None and row["currency"] is not None
        return money(row[name], row["currency"]) if is_known else None

    return Field(Column(name, heading, Kind.COUNT, missing), None, says)


def _holds(row: Row) -> str | None:
    return None if row["contradicting"] is None else "no" if row["contradicting"] else "yes"


_OWN = (
    Column("usage_month", "Month", Kind.MONTH),
    Column("month", "Month", Kind.MONTH),
    Column("prepared_by", "Prepared by", missing="nobody"),
    Column("month_approved_by", "Approved by", missing="nobody"),
    Column("packs", "Evidence packs", Kind.COUNT),
    Column("tenant_hours", "Hours of tenants", Kind.COUNT),
    Column("tenants", "Tenants", Kind.COUNT, "not told one by one"),
    Column("oldest_hour", "Oldest hour (UTC)", Kind.MOMENT),
    Column("left_in_words", "Time left"),
    Column("used", "Usage", Kind.COUNT, "no data"),
    Column("billed", "Billed", Kind.COUNT, "no data"),
    Column("held", "Held: waits for a person", Kind.COUNT, "no data"),
    Column("waiting", "Waiting for delivery", Kind.COUNT, "no data"),
    Column("lost", "Lost: too late, or written off", Kind.COUNT, "no data"),
    Column("elsewhere", "Not billed by us", Kind.COUNT, "no data"),
    Column("signed_usage", "Signed usage", Kind.NUMBER, "none signed"),
    Column("signed_stated", "Signed: stated", Kind.NUMBER, "none signed"),
    Column("signed_stripe", "Signed: Stripe's own", Kind.NUMBER, "none signed"),
    Column("month_signed", "Whole month as signed", Kind.NUMBER, "not signed"),
    Column("month_now", "Whole month now", Kind.NUMBER, "not signed"),
    Column("signed_and_now", "Signed and now", Kind.SENTENCE, "as signed, or not signed"),
    Column("stated_quantity", "Stated to Stripe", Kind.COUNT, "not stated"),
    Column("stripe_quantity", "Stripe's own", Kind.NUMBER, "not read"),
    Column("hour_cause", "Why", Kind.CAUSE, "nothing differs"),
    Column("waits_for", "Waits for", Kind.CAUSES, "nothing"),
    Column("month_usage", "Usage", Kind.COUNT, "no usage on record"),
    Column("tenant_days_not_read", "Days of tenants not read", Kind.COUNT, "none compared"),
    Column("invoiced", "Invoiced", Kind.NUMBER, "none compared"),
    Column("outcome", "Outcome"),
    Column("made_at", "Made at (UTC)", Kind.MOMENT),
    Column("made_by", "By"),
    Column("signature", "Signature", missing="not looked for: the archive is elsewhere"),
    Column("chained_to", "Chained to"),
    Column("manifest_sha256", "SHA-256 of its manifest", Kind.CODE),
    Column("not_invoiced", "On no final invoice", Kind.NUMBER),
    Column("periods", "Periods compared", Kind.COUNT, "not compared"),
    Column("tenants_without_price", "Of these without a price", Kind.COUNT),
    Column("contradicting", "Rows that contradict it", Kind.COUNT, "not known"),
    Column("stripe_customer_id", "Stripe customer", Kind.CODE, "none: nobody is billed"),
    Column("invoice_id", "Invoice", Kind.CODE, "none"),
    Column("invoice_number", "Number", missing="a draft has none"),
    Column("invoice_status", "Status"),
    Column("created_at", "Made at (UTC)", Kind.MOMENT),
    Column("finalized_at", "Final since (UTC)", Kind.MOMENT, "not final"),
    Column("differing", "That differ", Kind.COUNT),
    Column("unexplained", "Unexplained", Kind.COUNT),
    Column("read_at", "Read at (UTC)", Kind.MOMENT),
    Column("period_start", "From (UTC)", Kind.MOMENT),
    Column("period_end", "Until (UTC)", Kind.MOMENT),
    Column("accepted_quantity", "Accepted by Stripe", Kind.NUMBER),
    Column("invoice_quantity", "Invoiced", Kind.NUMBER),
    Column("what_to_do", "What to do", Kind.SENTENCE),
    Column("line_id", "Line", Kind.CODE),
    Column("line_meter", "Meter", missing="none of ours"),
    Column("line_quantity", "Quantity", Kind.NUMBER, "none"),
    Column("price_id", "Price", Kind.CODE),
    Column("is_invoice_item", "Added by hand", Kind.YES_NO),
    Column("is_late", "Late", Kind.YES_NO),
    Column("statements", "Statements", Kind.SENTENCE, "none"),
    Column("paths", "Files", Kind.SENTENCE, "not recorded"),
    Column("file_hashes", "SHA-256 of the files", Kind.CODE),
    Column("rejected_for", "Why"),
    Column("rejected_rows", "Rows", Kind.COUNT),
    Column("largest_file", "File with most of them"),
    Column("files", "Files", Kind.COUNT),
    Column("files_damaged", "Damaged or unreadable files", Kind.COUNT),
    Column("files_withdrawn", "Withdrawn files", Kind.COUNT),
    Column("acted_at", "When (UTC)", Kind.MOMENT),
    Column("act", "What"),
    Column("about", "About"),
    Column("how_and_why", "How and why", Kind.SENTENCE),
    Column("acted_by", "By", missing="no person"),
    Column("act_id", "On record as", Kind.CODE),
    Column("came_to", "Came to"),
    Column("closed_at", "Over since (UTC)", Kind.MOMENT, "open"),
    Column("exception_id", "Number", Kind.COUNT),
    Column("exceptions", "Open", Kind.COUNT),
    Column("first_opened_at", "Oldest since (UTC)", Kind.MOMENT),
    Column("settled_at", "In force since (UTC)", Kind.MOMENT),
    Column("proposal_id", "Number", Kind.COUNT),
    Column("old_quantity", "Invoiced", Kind.NUMBER),
    Column("new_quantity", "Usage", Kind.NUMBER),
    Column("document_kind", "As"),
    Column("correction_state", "State"),
    Column("proposed_by", "Proposed by"),
    Column("proposed_at", "Proposed at (UTC)", Kind.MOMENT),
    Column("started_at", "Started (UTC)", Kind.MOMENT),
    Column("launched_by", "Launched by", missing="not recorded"),
    Column("program_version", "Version"),
    Column("source_sha256", "SHA-256 of its source", Kind.CODE),
    Column("first_run_at", "First run (UTC)", Kind.MOMENT),
    Column("last_run_at", "Last run (UTC)", Kind.MOMENT),
    Column("runs", "Runs", Kind.COUNT),
    Column("login", "Login"),
    Column("roles", "Roles"),
    Column("since", "Since (UTC)", Kind.MOMENT),
    Column("added_by", "Given by"),
)

#: Columns that say more than their value.
_SAYING = (
    Field(Column("freshness", "What"), None, lambda row: FRESHNESS[row["freshness"]][0]),
    Field(
        Column("moment", "When (UTC)"),
        None,
        lambda row: FRESHNESS[row["freshness"]][1] if row["moment"] is None else moment(row["moment"]),
    ),
    Field(Column("month_state", "Month is"), None, lambda row: MONTH_STATES[row["month_state"]]),
    Field(Column("waiting_for", "Why", Kind.SENTENCE), None, waiting_for),
    Field(Column("outcome_cause", "Why", Kind.SENTENCE), None, lambda row: cause_in_few_words(row["outcome_cause"])),
    Field(Column("accrual_cause", "Why", Kind.SENTENCE), None, accrued_for),
    Field(Column("check_name", "What must hold", Kind.SENTENCE), None, lambda row: CHECKS[row["check_name"]]),
    Field(Column("holds", "Holds", missing="not known"), None, _holds),
    Field(
        Column("invoice_cause", "Why", Kind.SENTENCE, "they agree"),
        None,
        lambda row: row["invoice_cause"] and invoice_cause_in_words(row["invoice_cause"]),
    ),
    amount_of("amount_minor_units", "Amount", "price not known"),
    amount_of("owed_minor_units", "Money"),
    amount_of("in_stripe_minor_units", "In Stripe", "not there"),
    amount_of("total_minor_units", "Total"),
    amount_of("credited_minor_units", "Credited"),
)

FIELDS = {
    **{name: Field(column) for name, column in COLUMNS.items()},
    **{column.name: Field(column) for column in _OWN},
    **{field.column.name: field for field in _SAYING},
}


def fields(names: str, **links: str) -> tuple[Field, ...]:
    """Columns by name, in order, with where they lead; ``name=other`` where the query calls it otherwise."""

    def field_of(text: str) -> Field:
        name, _, of = text.partition("=")
        return Field(FIELDS[name].column, links.get(name, FIELDS[name].link), FIELDS[name].says, of)

    return tuple(map(field_of, names.split()))
