"""The gallery: sources of real deliveries, one file each, to copy into one's own file of sources and to adapt."""

from __future__ import annotations

from importlib.resources import files

from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.ingest.sources_file import read_sources


def gallery() -> dict[str, str]:
    """The text of each entry, with its comments, by the name of its source; in the order of the names."""
    entries = (entry for entry in files(__package__).iterdir() if entry.name.endswith(".toml"))
    return {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8") for entry in sorted(entries, key=lambda e: e.name)
    }


def gallery_sources() -> dict[str, Source]:
    """The sources of the entries, by their names."""
    return {name: read_sources(text)[0] for name, text in gallery().items()}
