"""The SQL models as files: what they must say, and what is read from their SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import expressions

from fridge_pipeline.database.models import LINEAGE, SCHEMA, Materialized, SqlModelError, files_sha256, read_models
from fridge_pipeline.settings import MODELS_FOLDER
from scripts.column_lineage import column_lineage
from tests.database.models.folder import write_models

VIEW = "-- materialized: view\n"

#: What every model says; its one column is ``a``.
A = "description: One row per a., example: a row., columns: {a integer: A.}"


def test_every_model_comes_after_those_it_reads() -> None:
    models = read_models(MODELS_FOLDER)
    place = {model.name: number for number, model in enumerate(models)}
    for model in models:
        for read in model.reads & place.keys():
            assert place[read] < place[model.name], f"{model.name} comes before {read}"


def test_every_description_of_a_model_says_what_one_row_is() -> None:
    for model in read_models(MODELS_FOLDER):
        assert model.description.startswith("One row per "), model.name
        assert all(column.meaning for column in model.columns.values()), model.name
        assert model.example, model.name


def test_what_a_model_reads_is_what_a_parser_finds_in_its_sql() -> None:
    for model in read_models(MODELS_FOLDER):
        tables = sqlglot.parse_one(model.text, dialect="postgres").find_all(expressions.Table)
        assert model.reads == {table.name for table in tables if table.db == SCHEMA}, model.name


def test_the_committed_lineage_of_columns_is_what_the_sql_says() -> None:
    committed = (MODELS_FOLDER / LINEAGE).read_text(encoding="utf-8")
    assert committed == column_lineage(read_models(MODELS_FOLDER)), "run: make lineage"


def test_columns_are_followed_to_where_they_come_from() -> None:
    made_of = {model.name: model.made_of for model in read_models(MODELS_FOLDER)}
    assert made_of["usage_monthly"]["quantity"] == (("usage_daily", "quantity"),)
    assert made_of["stg_usage"]["quantity"] == (("usage", "quantity"),)
    assert made_of["billing_ledger"]["tenant_name"] == (("stg_tenants", "tenant_name"),)
    assert made_of["sensor_hours"]["last_recorded_at"] == (("stg_readings", "recorded_at"),)
    without = {f"{name}.{column}" for name, found in made_of.items() for column, of in found.items() if not of}
    assert {name for name in without if not name.startswith("difference_causes.")} == {
        "usage_daily.hours_with_usage",  # a count of rows
        "stripe_days_read.tenants",
        "stg_deliveries.act",  # a word of its own
    }


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("select 1 as a", "", "one.sql: the first line says what the model is in the database"),
        ("-- materialized: increment\nselect 1 as a", "", "'-- materialized: increment by hour'"),
        ("-- materialized: increment by hour\nselect 1 as a", "", "made by the hour, so it needs a column hour"),
        (f"{VIEW}select 1 as a", "    unique: [b]\n", "one tests b, no column of it"),
        (
            f"{VIEW}select 1 as a",
            "    relationships: {a: tenants}\n",
            "marts/models.yml: write a column elsewhere as table.column",
        ),
        (
            f"{VIEW}select 1 as a",
            "    data_tests: [{name: x, says: y}]\n",
            "data_tests: x: each .sql file is named in a models.yml",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_an_error_that_names_the_file_and_what_to_change(
    tmp_path: Path, text: str, more: str, why: str
) -> None:
    write_models(tmp_path, {"one": text}, "  - name: one\n" + "".join(f"    {part}\n" for part in A.split(", ")) + more)
    with pytest.raises(SqlModelError, match=re.escape(why)):
        read_models(tmp_path)


def test_what_is_not_described_and_what_is_described_but_missing_are_errors(tmp_path: Path) -> None:
    write_models(tmp_path, {"one": f"{VIEW}select 1 as a"}, "  []")
    with pytest.raises(SqlModelError, match=r": one: each \.sql file is named in a models\.yml"):
        read_models(tmp_path)
    described = "".join(f"  - {{name: {name}, {A}}}\n" for name in ("one", "two"))
    write_models(tmp_path, {}, described)
    with pytest.raises(
        SqlModelError, match=r": two: each \.sql file is named in a models\.yml, and each name is a file"
    ):
        read_models(tmp_path)


def test_models_in_a_circle_are_named(tmp_path: Path) -> None:
    texts = {one: f"{VIEW}select a from fridge.{other}" for one, other in (("one", "two"), ("two", "one"))}
    described = "".join(f"  - {{name: {name}, {A}}}\n" for name in texts)
    write_models(tmp_path, texts, described)
    with pytest.raises(SqlModelError, match=r"in a circle: (one -> two -> one|two -> one -> two)"):
        read_models(tmp_path)


def test_a_data_test_that_no_model_names_is_an_error(tmp_path: Path) -> None:
    write_models(tmp_path, {"one": f"{VIEW}select 1 as a"}, f"  - {{name: one, {A}}}\n")
    (tmp_path / "data_tests").mkdir()
    (tmp_path / "data_tests" / "forgotten.sql").write_text("select 1", encoding="utf-8")
    with pytest.raises(SqlModelError, match=r"data_tests: forgotten: each \.sql file is named"):
        read_models(tmp_path)


def test_the_hash_of_the_files_changes_with_any_of_them(tmp_path: Path) -> None:
    write_models(tmp_path, {"one": f"{VIEW}select 1 as a"}, "  []")
    seen = {files_sha256(tmp_path)}
    (tmp_path / "marts" / "models.yml").write_text("models: [ ]", encoding="utf-8")
    seen.add(files_sha256(tmp_path))
    (tmp_path / "marts" / "one.sql").rename(tmp_path / "marts" / "two.sql")
    seen.add(files_sha256(tmp_path))
    assert len(seen) == 3


def test_the_layers_hold_what_they_are_for() -> None:
    models = {model.name: model for model in read_models(MODELS_FOLDER)}
    assert {model.layer for model in models.values()} == {"staging", "marts"}
    for model in models.values():
        if model.layer == "staging":
            assert model.materialized is Materialized.VIEW, model.name
            assert {models[read].layer for read in model.reads & models.keys()} <= {"staging"}, model.name
        else:
            assert model.reads <= models.keys(), (
                f"{model.name} reads {model.reads - models.keys()} past the staging layer"
            )
