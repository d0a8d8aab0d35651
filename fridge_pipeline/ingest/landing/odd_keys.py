"""Listing around objects whose names are no paths, such as ``2026-11-27//a.csv`` or ``2026-11-27/./a.csv``.

The store's client gives nothing of a page of a listing in which one name has such a part or a control character.
Without care one such object, from one gateway, would hide all others. What is listed here is listed folder by folder,
so that a name is in the way only where it lies; and each that is is taken in as a stray.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from fridge_pipeline.ingest.object_store.store import StoreRefusedError, no_path, refusals
from fridge_pipeline.ingest.rules.landing_files import storable_path
from fridge_pipeline.ingest.rules.losses import Strays, is_date_folder
from fridge_pipeline.visible import one_line

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

#: From date to date each leap is a request; ten years have no more dates.
LEAPS_MAX = 4_000

#: Folders of one hour that are listed one by one, each by a request.
FOLDERS_MAX = 200

#: A page that is not given may hold so many dates before that of the name which is in the way. In older landing hours,
#: of three years, no reading is valid.
DATES_BEFORE = 1_100

#: Names of folders that are none: a path that has one leads elsewhere.
NO_PARTS = ("", ".", "..")

#: What stands behind the slash in the order of names: all that a folder holds stands before its name with this.
BEHIND_SLASH = "0"


@dataclass(frozen=True, slots=True)
class OddKeys:
    """The names in the way in a ``store`` whose root has this ``prefix``."""

    store: ObjectStore
    prefix: str
    strays: Strays

    def add(self, error: StoreRefusedError) -> str:
        """Takes the name in that a refusal is about; raises the refusal again when it is about none."""
        if error.key is None:
            raise error
        key = error.key.removeprefix(f"{self.prefix}/" if self.prefix else "")
        self.strays.add(one_line(storable_path(key)), is_folder=False)
        return key

    def dates(self) -> list[str]:
        """The dates of a root that is not given at once: from each to the next. Raises ``StoreRefusedError``.

        A date begins with a digit, so all of them stand behind what begins with a slash.
        """
        dates: set[str] = set()
        behind = BEHIND_SLASH
        for _ in range(LEAPS_MAX):
            try:
                key = self._first_key(behind)
            except StoreRefusedError as error:
                key = self.add(error)
                dates |= _dates_between(behind, key)
            if key is None:
                break
            first = key.partition("/")[0]
            if not first.isprintable():
                raise no_path(first)  # nothing can be listed from there on
            if is_date_folder(first):
                dates.add(first)
            behind = f"{first}{BEHIND_SLASH}"
        return sorted(dates)

    def objects(self, folder: str, *, is_nested: bool) -> Iterator[ObjectMeta]:
        """The objects of a folder that is not given at once, with those of the folders in it where ``is_nested``.

        Else these are strays. Raises ``StoreRefusedError`` where nothing but the whole page can be asked for.

        Beside a folder whose name is none those are not seen that begin with a blank or ``!"#$%&'()*+,-``, which stand
        before the slash in the order of names, as does a full stop: with that no landing file begins.
        """
        folders = [folder]
        for _ in range(FOLDERS_MAX):
            if not folders:
                return
            below = folders.pop()
            try:
                with refusals():
                    listed = self.store.list_with_delimiter(below)
            except StoreRefusedError as error:
                if not f"{self.add(error)}/".startswith(tuple(f"{below}/{part}/" for part in NO_PARTS)):
                    raise
                yield from self._behind_slash(below)
            else:
                yield from listed["objects"]
                if is_nested:
                    folders += listed["common_prefixes"]
                else:
                    for each in listed["common_prefixes"]:
                        self.strays.add(storable_path(each), is_folder=True)
        raise no_path(folder)

    def _first_key(self, behind: str) -> str | None:
        with refusals():
            page = next(iter(self.store.list(None, offset=behind, chunk_size=1)), None)
        return page[0]["path"] if page else None

    def _behind_slash(self, folder: str) -> Iterator[ObjectMeta]:
        first = f"{folder}/{BEHIND_SLASH}"
        with suppress(FileNotFoundError), refusals():
            yield self.store.head(first)
        with refusals():
            for page in self.store.list(folder, offset=first):
                yield from page


def _dates_between(behind: str, key: str) -> set[str]:
    """The days before that of a name, but for those before the last leap."""
    try:
        day = date.fromisoformat(key[:10])
    except ValueError:
        return set()
    days = (day - timedelta(days=number) for number in range(min(DATES_BEFORE, day.toordinal() - 1)))
    return {f"{each}" for each in days if f"{each}" > behind.removesuffix(BEHIND_SLASH)}
