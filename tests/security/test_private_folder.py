from __future__ import annotations

import os
from pathlib import Path

import pytest

from fridge_pipeline.database.private_folder import SharedFolderError, make_private


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("rights", [None, 0o755, 0o777, 0o750])
def test_the_home_is_for_its_owner_alone_whatever_the_umask_and_whatever_it_was(
    tmp_path: Path, umask: int, rights: int | None
) -> None:
    home = tmp_path / "home"
    if rights is not None:
        home.mkdir()
        home.chmod(rights)
    before = os.umask(umask)
    try:
        make_private(home)
    finally:
        os.umask(before)
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_everybody_uses_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(SharedFolderError, match="name a folder of its own in FRIDGE_HOME"):
        make_private(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777
