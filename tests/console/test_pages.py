"""The console over HTTP: what each page shows, and what none of them does."""

from __future__ import annotations

from tests.console.conftest import Shown


def test_x(shown: Shown) -> None:
    for page in shown.console.pages:
        path = page.path.format(tenant="cohoes", month="2026-01", hour="2026-01-30-09:00", invoice="in_1", line="il_1")
        answer = shown.client.get(path)
        print(path, answer.status_code, answer.text[-2500:] if answer.status_code != 200 else "")
        answer = shown.client.get((path if path != "/" else "/index") + ".xlsx")
        print(path, answer.status_code)
    assert 0
