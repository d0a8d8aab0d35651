"""``fridge rehearse``: one billing cycle on a test clock, and what would go wrong with this account."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from fridge_pipeline.catalogue.tenant_record import list_tenants
from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.plain_table import plain_table
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.installation import Installation, Ledger, open_ledger
from fridge_pipeline.operations.rehearse import Part, RehearsalReport, Stage, rehearse
from fridge_pipeline.operations.rehearsed_usage import REHEARSAL
from fridge_pipeline.settings import Settings
from fridge_pipeline.stripe.rules.api_key import KeyMode
from fridge_pipeline.visible import as_lines


class RehearsalRefusedError(RuntimeError):
    """A rehearsal is not for this key, or of nobody that the books know."""


@click.command("rehearse")
@click.argument("tenants", nargs=-1, metavar="[TENANT]…")
@click.option(
    "--price", "price_ids", multiple=True, metavar="price_…", help="Subscribe to this price instead; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rehearse_command(tenants: tuple[str, ...], price_ids: tuple[str, ...], *, as_json: bool) -> None:
    """Run one billing cycle on a Stripe test clock, and say what would go wrong.

    It goes from landing files to an invoice, in a temporary installation; the books of this one are not touched.
    Each TENANT's own subscriptions are copied onto a clock. With --price the customer is subscribed to these
    prices; without it and without subscriptions, to the only price of each meter. Without TENANT one is made up. It
    needs the sandbox or a test key. The clocks are deleted at the end. Exit code 1 when something would go wrong.

    Example: fridge rehearse troy
    """
    words = "interrupted: test clocks whose names begin with rehearsal delete themselves after 30 days"
    home = TemporaryDirectory(prefix="fridge-rehearsal-")
    with ended_by_signals(words=words), installation() as opened, home as folder:
        refuse_live_key(opened.ledger.settings)
        parts = _parts(opened.ledger, tenants)
        gateway = opened.stripe.gateway()
        with console.status(f"rehearsing on a test clock of {gateway.location}"):
            report = _rehearsed(opened, Path(folder), parts, price_ids)
    if as_json:
        told = {
            "ok": report.is_well,
            "checks": [check.as_dict() for check in report.checks],
            "invoices": [
                {"invoice_id": each.invoice_id, "status": each.status, "total": each.total, "currency": each.currency}
                for each in report.invoices
            ],
            "outcomes": [asdict(each) for each in report.outcomes],
            "clocks": report.clocks,
            "left": report.left,
        }
        echo(json.dumps(told, default=lambda value: f"{value:f}"))
    else:
        echo(as_text(report))
    if not report.is_well:
        sys.exit(1)


def refuse_live_key(settings: Settings) -> None:
    """A test clock is for test keys, and a rehearsal makes up customers."""
    if settings.key_mode is KeyMode.LIVE:
        raise RehearsalRefusedError(
            "STRIPE_API_KEY is not a test key, and a rehearsal makes up customers and subscriptions: use one that "
            "begins with sk_test_ or rk_test_, or none for the local sandbox"
        )


def _parts(ledger: Ledger, tenants: Sequence[str]) -> list[Part]:
    if not tenants:
        return [Part(REHEARSAL, None)]
    with ledger.database.connect() as connection:
        known = {each.tenant_id: each.stripe_customer_id for each in list_tenants(connection, ledger.clock())}
    unknown = [each for each in tenants if each not in known]
    if unknown:
        raise RehearsalRefusedError(f"the books know no tenant {', '.join(unknown)}: fridge tenants list")
    return [Part(each, known[each]) for each in tenants]


def _rehearsed(opened: Installation, folder: Path, parts: Sequence[Part], price_ids: Sequence[str]) -> RehearsalReport:
    settings = opened.ledger.settings
    home = {"home": folder, "database_url": None, "landing_uri": str(folder / "landing"), "bill_from": None}
    with open_ledger(settings.model_copy(update=home), opened.ledger.clock) as temporary:
        stage = Stage(
            temporary.as_run(REHEARSAL),
            folder,
            opened.stripe.gateway(),
            settings.close_after,
            settings.invoices,
            settings.invoice_hold,
            time.sleep,
        )
        return rehearse(stage, parts, price_ids)


def as_text(report: RehearsalReport) -> str:
    """A line for each check, and what is left in Stripe."""
    rows = [(check.grade.value, check.check, check.text, check.do) for check in report.checks]
    wrong = sum(check.grade.value == "WRONG" for check in report.checks)
    end = f"{wrong} of {len(rows)} would go wrong" if wrong else "nothing would go wrong"
    left = [f"left in Stripe: {each}" for each in report.left]
    if report.clocks and not left:
        left = ["the clocks are deleted, with their customers and invoices; left in Stripe: meter events of nobody"]
    return f"{plain_table(('', 'what', 'found', 'to do'), rows)}\n{as_lines([end, *left])}"
