"""Regular expressions that an operator writes meet names that a stranger gives: no name keeps the search busy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fridge_pipeline.ingest.rules.patterns import group_in, matching, refusal_of
from fridge_pipeline.ingest.rules.source_fields import path_ids
from fridge_pipeline.ingest.sources_file import SourcesError, read_sources

SOURCE = """[[source]]
name = "s"
match = "*"
tenant_id = {{ path = '{tenant}' }}
recorded_at = {{ column = "at" }}
wide = {{ columns = '{wide}' }}
"""

#: Python's own search goes back here twice as often for each further character of the name.
DOUBLING, NAME = "^(?P<tenant_id>(a+)+)-$", "a" * 250

SEARCHED = f"""
from fridge_pipeline.ingest.rules.source_fields import path_ids
from fridge_pipeline.ingest.sources_file import read_sources
(source,) = read_sources({SOURCE.format(tenant=DOUBLING, wide="^(T+)+$")!r})
assert path_ids(source, {NAME!r}) == {{"tenant_id": None}}
assert source.wide_columns(["T" * 200 + "x", "T" * 100_000 + "x", "T"]) == ["T"]
"""


def test_a_name_that_would_be_searched_for_years_is_searched_at_once() -> None:
    subprocess.run([sys.executable, "-c", SEARCHED], check=True, timeout=60)


@pytest.mark.parametrize(
    "pattern", [r"(?=a)(?P<tenant_id>a)", r"(?P<tenant_id>a)\1", r"(?P<tenant_id>a)(?<!b)", r"(?P<tenant_id>(?>a+))"]
)
def test_a_pattern_that_needs_going_back_is_refused_where_it_is_written(pattern: str) -> None:
    with pytest.raises(SourcesError, match=r"source 1: tenant_id\.path cannot be searched for in linear time"):
        read_sources(SOURCE.format(tenant=pattern, wide="^T"))


def test_ids_in_paths_are_found_as_before() -> None:
    (source,) = read_sources(SOURCE.format(tenant=r"^(?P<tenant_id>[^/]+)/(?:x)?", wide=r"^T\d+$"))
    assert path_ids(source, "coh\u00f6es/a.csv") == {"tenant_id": "coh\u00f6es"}
    assert path_ids(source, "a.csv") == {"tenant_id": None}
    assert group_in(r"^(?P<sensor_id>b)?a", "sensor_id", "a") is None
    assert matching(r"^T\d+$", ["T1", "xT1", "T", ""]) == [True, False, False, False]
    assert matching("^T", []) == []
    assert refusal_of(r"^T\d+$") is None
