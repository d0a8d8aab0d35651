"""The one Definitions: everything Dagster knows of this code location. No logic here."""

from __future__ import annotations

import dagster as dg

from fridge_pipeline.orchestration.build import definitions_of_environment


@dg.definitions
def defs() -> dg.Definitions:
    """Built when Dagster asks for it; importing this module reads nothing."""
    return definitions_of_environment()
