"""The page about invoices says what is so: its example runs, and its tables name every setting with its default."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_sandbox.billing.switches import BILLING_RULES, BillingSettings
from stripe_sandbox.billing_api.routes import BILLING_ENDPOINTS

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

PAGE = (Path(__file__).parents[2] / "stripe_sandbox" / "INVOICES.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_runs(alone: Account) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example.replace("http://127.0.0.1:12111", alone.sandbox.url), {})  # noqa: S102 - our own page


def test_the_page_names_every_setting_with_its_default_first() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    told = {name: rows[name].split(",")[0].strip().strip("`") for name in BILLING_RULES}
    assert told == {name: str(value).lower() for name, value in asdict(BillingSettings()).items()}


def test_the_page_names_every_kind_of_object_that_has_endpoints() -> None:
    missing = {path for _, path, _ in BILLING_ENDPOINTS if "/".join(path.split("/")[:3]) not in PAGE}
    assert missing == set()
