"""Addresses of the console: of tenants named as nobody would name one, in whichever way they are written."""

from __future__ import annotations

import pytest

from fridge_pipeline.console.asked import asked
from fridge_pipeline.console.frame import segment
from fridge_pipeline.console.pages_of_tenants import TENANT_PAGE

NAMES = (".", "..", "x.csv", "%2E", "a.b", "!2E", "!21.xlsx", "a/b", "é ü", "q?x=1#f", "{month}")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found_by_its_address_also_where_browsers_and_proxies_write_it_in_their_way(name: str) -> None:
    """Of tenants named as a step in a path, or as a file, the links led to other pages or to none."""
    path = f"/tenants/{segment(name)}"
    assert unescaped(path).rpartition("/")[2] not in {".", ".."}, "a browser goes up, or stays"
    for ending in ("", ".csv", ".xlsx"):
        found = asked([TENANT_PAGE], f"{unescaped(path)}{ending}", [])
        assert (found.values["tenant"], found.ending) == (name, ending)


def unescaped(path: str) -> str:
    """As a proxy may write it: what need not be escaped is not."""
    return path.replace("%2E", ".").replace("%21", "!")
