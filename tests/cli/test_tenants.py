"""``fridge tenants import``: the file is judged as a whole, and nobody loses a customer without a word."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from tests.console_script import Run
from tests.pipeline import Pipeline, readings

HEADER = "tenant_id,name,stripe_customer_id"
Import = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def imported(run: Run, tmp_path: Path) -> Import:
    """Writes rows into a file and imports it."""

    def import_rows(*rows: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "tenants.csv"
        file.write_text("\n".join([HEADER, *rows, ""]))
        return run("tenants", "import", str(file), *options)

    return import_rows


def mapping(pipeline: Pipeline) -> dict[str, str | None]:
    return dict(pipeline.rows("select tenant_id, stripe_customer_id from fridge.tenants"))


def test_importing_the_same_tenants_again_changes_nothing(imported: Import) -> None:
    assert imported("a,A,cus_1", "b,B,").stdout == "2 tenants created, 0 updated, 0 unchanged\n"
    assert imported("a,A,cus_1", "b,B,").stdout == "0 tenants created, 0 updated, 2 unchanged\n"


def test_a_wrong_file_is_refused_whole_with_line_and_reason_and_ends_with_2(
    imported: Import, pipeline: Pipeline
) -> None:
    done = imported("a,A,cus_1", "b,B")
    assert done.returncode == 2
    assert "line 3: has 2 of the header's 3 cells" in done.stderr
    assert mapping(pipeline) == {}


def test_a_row_that_is_cut_off_takes_no_customer_away_and_an_empty_cell_only_with_an_explicit_word(
    imported: Import, pipeline: Pipeline
) -> None:
    imported("cold-one,Cold One,cus_one")
    assert imported("# north", "cold-two ,Cold Two,cus_other", "cold-one,Cold One").returncode == 2
    assert mapping(pipeline) == {"cold-one": "cus_one"}
    done = imported("cold-two ,Cold Two,cus_other", "cold-one,Cold One,")
    assert done.returncode == 1
    assert "line 3: 'cold-one' has the customer cus_one, and here it has none" in done.stderr
    assert "--remove-customers" in done.stderr
    assert mapping(pipeline) == {"cold-one": "cus_one"}
    done = imported("cold-two ,Cold Two,cus_other", "cold-one,Cold One,", options=("--remove-customers",))
    assert done.stdout == "1 tenants created, 1 updated, 0 unchanged\ncold-one: cus_one -> none\n"
    assert mapping(pipeline) == {"cold-one": None, "cold-two": "cus_other"}


ROTATED = ("a,A,cus_2", "b,B,cus_3", "c,C,cus_1")


@pytest.mark.parametrize("rows", list(permutations(ROTATED)), ids=lambda rows: "".join(row[0] for row in rows))
def test_customers_change_places_in_any_order_of_the_rows(
    imported: Import, pipeline: Pipeline, rows: tuple[str, ...]
) -> None:
    imported("a,A,cus_1", "b,B,cus_2", "c,C,cus_3")
    done = imported(*rows)
    assert done.returncode == 0, done.stderr
    assert mapping(pipeline) == {"a": "cus_2", "b": "cus_3", "c": "cus_1"}
    told = done.stdout.splitlines()
    assert told[0] == "0 tenants created, 3 updated, 0 unchanged"
    assert sorted(told[1:4]) == ["a: cus_1 -> cus_2", "b: cus_2 -> cus_3", "c: cus_3 -> cus_1"]
    assert told[4:7] == ["cus_1: a -> c", "cus_2: b -> a", "cus_3: c -> b"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_renamed_tenant_hands_its_customer_on_whatever_the_order_and_the_import_says_what_becomes_of_its_hours(
    imported: Import, pipeline: Pipeline, order: int
) -> None:
    imported("cold-one,Cold One,cus_one")
    rows = ("cold-one-eu,Cold One,cus_one", "cold-one,Cold One,")
    planned = imported(*rows[::order], options=("--dry-run",))
    assert planned.stdout.startswith("dry run, nothing was imported: 1 tenants created, 1 updated, 0 unchanged\n")
    assert mapping(pipeline) == {"cold-one": "cus_one"}
    done = imported(*rows[::order])
    assert done.returncode == 0, done.stderr
    assert "\ncold-one: cus_one -> none\ncus_one: cold-one -> cold-one-eu\n" in done.stdout
    assert "cus_one is handed from cold-one to cold-one-eu: hours already stated for cold-one stay" in done.stdout
    assert mapping(pipeline) == {"cold-one": None, "cold-one-eu": "cus_one"}


def test_a_customer_of_a_tenant_that_the_file_does_not_name_is_not_given_away(
    imported: Import, pipeline: Pipeline
) -> None:
    imported("a,A,cus_1", "b,B,cus_2")
    done = imported("b,B,cus_3", "c,C,cus_1")
    assert done.returncode == 1
    assert "line 3: the customer cus_1 of 'c' belongs to 'a', which has no row here" in done.stderr
    assert mapping(pipeline) == {"a": "cus_1", "b": "cus_2"}


def test_a_customer_that_was_free_for_a_while_is_handed_on_too_if_hours_were_stated_to_it(
    imported: Import, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    imported("a,A,cus_1")
    pipeline.land(hour, "a.csv", readings("a", hour, 1, 3))
    assert pipeline.run(hour).delivery.accepted == 2
    imported("a,A,", options=("--remove-customers",))
    done = imported("b,B,cus_1", options=("--json",))
    told = json.loads(done.stdout)
    assert told["handed_on"] == [{"customer_id": "cus_1", "before": "a", "after": "b"}]
    assert (told["created"], told["changed"], told["dry_run"]) == (1, [], False)


class CountingCursor(psycopg.Cursor[Any]):
    """A cursor that counts the statements that it sends."""

    sent = 0

    def execute(self, *arguments: Any, **named: Any) -> CountingCursor:
        CountingCursor.sent += 1
        super().execute(*arguments, **named)
        return self


def test_the_number_of_statements_does_not_grow_with_the_file(pipeline: Pipeline) -> None:
    """A hundred thousand tenants take seconds, their swap too: a statement for each row would take minutes."""
    sent = []
    with pipeline.database.connect() as connection:
        connection.cursor_factory = CountingCursor
        for size, step in ((3, 0), (5_000, 0), (5_000, 1)):
            CountingCursor.sent = 0
            rows = [Tenant(f"t{number}", None, f"cus_{(number + step) % size}") for number in range(size)]
            done = import_tenants(connection, rows, pipeline.clock())
            sent.append(CountingCursor.sent)
    assert (done.updated, len(done.handed_on)) == (5_000, 5_000)
    assert sent[0] == sent[1] == sent[2] < 20
