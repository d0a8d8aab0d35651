"""Which packs lie in the archive: of each only what stands in the chain is read, also in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fridge_pipeline.finance.pack.opening import opened_stream
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import chained, read_chained
from fridge_pipeline.ingest.object_store.archive import objects_in, opened_object
from fridge_pipeline.ingest.rules.location import Location

#: Below the archive; assets and commands put packs there unless they are told another place.
FOLDER = "evidence"


def packs_in_archive(archive: Location) -> Iterator[ChainedPack | DoesNotHoldError]:
    """The final packs of the archive, by name; of one that cannot be read, why. Drafts are left out.

    Raises ``ArchiveError`` and ``StoreUriError``.
    """
    folder = archive / FOLDER
    found = sorted(folder.glob("*.zip")) if isinstance(folder, Path) else objects_in(folder)
    for location in found:
        if not location.name.endswith(".zip"):
            continue
        try:
            if isinstance(location, Path):
                pack = read_chained(location)
            else:
                with opened_object(location) as (stream, size), opened_stream(stream, location.name, size) as opened:
                    pack = chained(opened, location.name)
        except DoesNotHoldError as error:
            yield error
            continue
        if pack is not None:
            yield pack
