"""Fixtures of the sandbox's own tests: one sandbox a worker to share, and one that starts over for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox_process import running_sandbox
from tests.stripe_sandbox.account import Account
from tests.stripe_sandbox.billing_account import BillingAccount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A sandbox in real time that the tests of one worker share: use fresh names, leave its clock alone."""
    with running_sandbox() as shared:
        yield shared


@pytest.fixture(scope="session")
def account(sandbox: SandboxProcess) -> Account:
    """The shared sandbox as a caller with the SDK sees it."""
    return Account(sandbox)


@pytest.fixture(scope="session")
def reusable() -> Iterator[SandboxProcess]:
    """The process behind ``alone``; starting one for each test would take most of their time."""
    with running_sandbox() as process:
        yield process


@pytest.fixture
def alone(reusable: SandboxProcess) -> Account:
    """An empty account of this test's own, whose clock stands still: for tests that move it or change settings."""
    reusable.reset()
    reusable.set_clock(frozen=True)
    return Account(reusable)


@pytest.fixture
def billing(reusable: SandboxProcess) -> BillingAccount:
    """An empty account of this test's own that bills, at 2026-02-01 0:00 UTC on a clock that stands still."""
    reusable.reset()
    return BillingAccount(reusable)
