"""Writes a pack: the same files give the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fridge_pipeline.finance.pack.signature import SIGNATURE_SUFFIX
from fridge_pipeline.finance.pack.time_stamp import STAMP_SUFFIX
from fridge_pipeline.finance.threaded_zip import writing_zip


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> dict[str, Path]:
    """Relative path with slashes → file, sorted by path."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


def write_zip(folder: Path, name: str, target: Path) -> None:
    """Packs all files below a folder as files of the folder ``name`` within the ZIP, and puts them on the disk."""
    with writing_zip(target) as archive:
        for path, file in files_below(folder).items():
            size = file.stat().st_size  # tells whether it needs the large form
            with file.open("rb") as source, archive.entry(f"{name}/{path}", size) as packed:
                shutil.copyfileobj(source, packed, 2**20)


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder of its own on the disk of a file that is to be made; gone afterwards."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".evidence-", dir=beside.parent) as folder:
        yield Path(folder)


def put_in_place(made: Path, target: Path, *, keep: bool) -> Path | None:
    """Gives a finished pack its name; with ``keep``, a file that had it is kept under one with its hash. Returns it.

    Its signature and time stamp are kept with it: of the new pack they say nothing.
    """
    kept = None
    if keep and target.exists():
        kept = target.with_name(f"{target.stem}-{sha256_of(target)[:12]}{target.suffix}")
        for suffix in (SIGNATURE_SUFFIX, STAMP_SUFFIX, ""):
            if (beside := target.with_name(f"{target.name}{suffix}")).exists():
                beside.rename(kept.with_name(f"{kept.name}{suffix}"))
    made.replace(target)
    return kept
