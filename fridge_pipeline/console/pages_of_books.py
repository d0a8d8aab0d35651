"""Pages for whoever audits: exceptions, decisions, changes, samples, what came, and the evidence."""

from __future__ import annotations

from collections.abc import Callable

from fridge_pipeline.console.console_columns import fields
from fridge_pipeline.console.frame import MONTH, TENANT, Filter, Page, Row, Table, positive
from fridge_pipeline.console.pages_of_months import HOUR_LINKS, KIND, KINDS, MINUTE, packs_table

SAMPLE_MAX = 200


def sample_size(text: str) -> int:
    """How many hours a sample has. Raises ``ValueError``."""
    size = positive(text)
    if size > SAMPLE_MAX:
        raise ValueError(f"a sample has {SAMPLE_MAX} hours at most, not {size}")
    return size


EXCEPTIONS = Page(
    "/exceptions",
    "Exceptions",
    "Every difference that a person must see: what it is, whose, until when, and what to do about it.",
    (
        Table(
            "exceptions",
            "Exceptions",
            "console_exceptions",
            "One row per exception, the nearest deadline first.",
            fields(
                "exception_id kind tenant_id hour subject owed owed_minor_units detail opened_at deadline_at closed_at",
                **HOUR_LINKS,
            ),
            "No such exception.",
        ),
        KINDS,
    ),
    filters=(KIND, TENANT, MONTH, Filter("state", "State", {"closed": "over", "all": "open or over"}, rest="open")),
)

RESTATEMENTS = Page(
    "/restatements",
    "Restatements",
    "What was sent to Stripe again, from what to what, and why: of the month asked for, or the last 62 days.",
    (
        Table(
            "restatements",
            "Restatements",
            "console_restatements",
            "One row per revision after the first, the newest first.",
            fields(
                "restated_at tenant_id meter hour revision quantity_before quantity_after change reason caused_by "
                "statement_status identifier",
                **HOUR_LINKS,
            ),
            "Nothing was restated.",
        ),
    ),
    filters=(MONTH, TENANT),
)

SETTLEMENTS = Page(
    "/settlements",
    "Settlements",
    "How people have ended exceptions, and which documents make good for what missed its invoice.",
    (
        Table(
            "settlements",
            "Settlements",
            "console_settlements",
            "One row per settlement in force, the newest first.",
            fields(
                "tenant_id hour meter kind how settled_quantity document settled_by approved_by settled_at why",
                **HOUR_LINKS,
            ),
            "Nobody has settled anything.",
        ),
        Table(
            "corrections",
            "Corrections of invoices",
            "console_corrections",
            "One row per proposed document, the newest first.",
            fields(
                "proposal_id tenant_id invoice_id meter period_start period_end old_quantity new_quantity change "
                "amount_minor_units document_kind correction_state proposed_by approved_by document "
                "in_stripe_minor_units proposed_at",
                **HOUR_LINKS,
                invoice_id="/invoices/{invoice_id}",
            ),
            "Nobody has proposed a correction.",
        ),
    ),
    filters=(TENANT, MONTH),
)

ACTS = (
    *("month prepared", "month closed", "reopening asked for", "month reopened", "usage released", "file withdrawn"),
    *("exception settled", "settlement approved", "correction proposed", "correction approved", "switch set"),
    *("catalogue changed", "role given", "role taken back", "tenant mapped", "billing start set", "evidence pack made"),
    *("schema changed", "books found at a place", "usage goes to", "code first used"),
)

CHANGES = Page(
    "/changes",
    "Changes",
    "Every act of a person, and whatever else the numbers depend on, in one time line: the population of an audit.",
    (
        Table(
            "changes",
            "Changes",
            "console_changes",
            "One row per act or change, the newest first, by the database's clock.",
            fields("acted_at act about tenant_id hour how_and_why acted_by os_user os_host act_id", **HOUR_LINKS),
            "Nothing of this kind is on record.",
        ),
    ),
    filters=(Filter("act", "What", {each: each for each in ACTS}), Filter("person", "By"), TENANT, MONTH),
)

SAMPLE = Page(
    "/sample",
    "Sample",
    "Hours drawn at random with all that proves them. The same seed, size and month draw the same hours again.",
    (
        Table(
            "sample",
            "Sample",
            "console_sample",
            "One row per drawn hour, in the order of the draw: of a tenant's day and meter one at most.",
            fields(
                "tenant_id hour meter signed_usage quantity stated_quantity statement_status identifier request_id "
                "paths file_hashes",
                **HOUR_LINKS,
            ),
            "No usage in the month.",
        ),
    ),
    filters=(
        Filter("n", "Size", example="25", reads=sample_size),
        Filter("seed", "Seed", example="1"),
        MONTH,
    ),
)

SOURCES = Page(
    "/sources",
    "Sources",
    "What gateways delivered and what of it was rejected: in the month asked for, or the last 31 days.",
    (
        Table(
            "days",
            "By day",
            "console_days_landed",
            "One row per UTC day with a landing file, the newest first.",
            fields("usage_date files file_rows inserted duplicates rejected files_damaged files_withdrawn"),
            "No landing file.",
            keeps=MINUTE,
        ),
        Table(
            "reasons",
            "Rejected for",
            "console_rejections",
            "One row per reason, the most frequent first.",
            fields("rejected_for rejected_rows files first_hour last_hour largest_file"),
            "No row was rejected.",
            keeps=MINUTE,
        ),
        Table(
            "files",
            "Files with something wrong",
            "console_odd_files",
            "One row per file with rejected rows, or that was damaged, unreadable or withdrawn.",
            fields(
                "path hour file_status file_rows inserted duplicates rejected is_withdrawn withdrawn_by why loaded_at "
                "content_hash"
            ),
            "No such file.",
            keeps=MINUTE,
        ),
    ),
    filters=(MONTH,),
)

CHECKED = Page(
    "/checks",
    "Checks",
    "What must hold of the books, counted now. The nightly tests of every SQL model are Dagster's asset checks.",
    (
        Table(
            "checks",
            "Checks",
            "console_checks",
            "One row per check, with the rows that contradict it now.",
            fields("check_name holds contradicting"),
            "Nothing.",
            keeps=MINUTE,
        ),
    ),
)


def evidence_page(also: Callable[[Row], Row]) -> Page:
    """The packs, the people who may sign, and the code that ran."""
    return Page(
        "/evidence",
        "Evidence",
        "The evidence packs and how they are chained, who may sign what, and which code has worked on these books.",
        (
            packs_table(also),
            Table(
                "people",
                "People",
                "console_people",
                "One row per person with a role.",
                fields("login roles since added_by", login="/changes?person={login}"),
                "Nobody has a role.",
            ),
            Table(
                "programs",
                "Code",
                "console_code",
                "One row per version that opened the books, the newest first.",
                fields("program_version source_sha256 first_run_at last_run_at runs"),
                "No run is on record.",
            ),
        ),
        filters=(MONTH,),
    )
