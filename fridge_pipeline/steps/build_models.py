"""Build: the finance models as views over the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.model_views import ModelText, build_views, count_rows
from fridge_pipeline.adapters.sql_models import SqlModel


def build_models(database: Database, models: Sequence[SqlModel], now: datetime) -> dict[str, int]:
    """Brings every model's view up to its text; returns the number of rows of each."""
    texts = [ModelText(model.name, model.text, model.description) for model in models]
    with database.connect() as connection:
        build_views(connection, texts, now)
        return {model.name: count_rows(connection, model.name) for model in models}
