"""What systems and tools leave behind has a status of its own, in every container, and is never read."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.sources import open_source
from tasks.sources.system_files import is_system_file

Files = list[tuple[str, bytes]]
Pack = Callable[[str, Files, Path], Path]
JUNK = [
    ".DS_Store",
    "__MACOSX/real/._a.jpg",
    "__MACOSX/x.jpg",
    "a/Thumbs.db",
    "a/desktop.ini",
    "real/._a.jpg",
    "real/.ipynb_checkpoints/a-checkpoint.jpg",
    "$RECYCLE.BIN/a.jpg",
    "DESKTOP.INI",
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    ".git/objects/ab/cdef",
]
PICTURES = ["real/a.jpg", "__MACOSX.jpg", ".hidden.jpg", "_.jpg", "my Thumbs.db.jpg", "desktop.ini.jpg", "a/.b/c.jpg"]


@pytest.mark.parametrize("container", ["folder", "zip", "tar", "tar.gz"])
def test_junk_has_a_status_of_its_own(pack: Pack, container: str, tmp_path: Path) -> None:
    paths = [*JUNK, *PICTURES]
    random.Random(1).shuffle(paths)
    with open_source(pack(container, [(path, b"data") for path in paths], tmp_path)) as dump:
        found = {member.path: (str(member.status), member.data) for member in dump.members()}
        assert found == {
            **dict.fromkeys(JUNK, ("system_file", None)),
            **dict.fromkeys(PICTURES, ("ok", b"data")),
        }


def test_a_path_that_climbs_out_stays_unsafe(pack: Pack, tmp_path: Path) -> None:
    for kind in ("zip", "tar", "tar.gz"):
        with open_source(pack(kind, [("../._a.jpg", b"x")], tmp_path)) as dump:
            assert [str(member.status) for member in dump.members()] == ["unsafe_path"]


def test_names_are_told_whatever_their_case() -> None:
    assert all(is_system_file(path) for path in ("THUMBS.DB", "a/__macosx/b.jpg", "Icon\r"))
