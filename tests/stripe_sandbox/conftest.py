"""Fixtures of the sandbox's own tests: one shared sandbox a worker, and one alone where the clock moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox_process import running_sandbox
from tests.stripe_sandbox.account import Account

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


@pytest.fixture
def alone() -> Iterator[Account]:
    """A sandbox of this test's own, whose clock stands still: for tests that move it."""
    with running_sandbox() as own:
        own.set_clock(frozen=True)
        yield Account(own)
