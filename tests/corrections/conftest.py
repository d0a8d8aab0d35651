from __future__ import annotations

import pytest

from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, at a graduated price."""
    return with_120_readings(pipeline)
