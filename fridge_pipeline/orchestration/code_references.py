"""Where an asset's page leads to its code: the file and line of what runs, and the file of a SQL model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import dagster as dg

from fridge_pipeline.commit import NO_COMMIT, commit
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY

Asset: TypeAlias = dg.AssetsDefinition | dg.AssetSpec
Reference: TypeAlias = dg.LocalFileCodeReference | dg.UrlCodeReference

KEY = "dagster/code_references"


def with_code(assets: Sequence[Asset], source_url: str | None) -> list[Asset]:
    """The assets with their code: on the web, at the commit that runs, where that is known; else on this machine."""
    at = commit()
    address = source_url.replace("{commit}", at) if source_url is not None and at != NO_COMMIT else None
    models = {path.stem: path for path in MODELS_FOLDER.rglob("*.sql")}

    def told(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        found = spec.metadata.get(KEY)
        code = found.code_references if isinstance(found, dg.CodeReferencesMetadataValue) else []
        model = (
            [dg.LocalFileCodeReference(file_path=str(models[name]), label=models[name].name)] if name in models else []
        )
        references = [_on_the_web(each, address) for each in (*model, *code)]
        return spec.merge_attributes(metadata={KEY: dg.CodeReferencesMetadataValue(code_references=references)})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # every process that loads the definitions would say it
        made = dg.with_source_code_references([each for each in assets if isinstance(each, dg.AssetsDefinition)])
        run = [each.map_asset_specs(told) for each in made if isinstance(each, dg.AssetsDefinition)]
        return [*run, *(told(each) for each in assets if isinstance(each, dg.AssetSpec))]


def _on_the_web(reference: Reference, address: str | None) -> Reference:
    if address is None or isinstance(reference, dg.UrlCodeReference):
        return reference
    path = Path(reference.file_path).relative_to(REPOSITORY).as_posix()
    line = f"#L{reference.line_number}" if reference.line_number else ""
    return dg.UrlCodeReference(url=f"{address}/{path}{line}", label=reference.label)
