"""Damaged files among good ones: the good ones are as if alone, each bad one has a status, memory stays bounded."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.detection import onepass, second_look
from tasks.detection.onepass import ImageResult, faces_of, shared_detector
from tasks.imaging.decode import decode
from tasks.params import CropParams
from tasks.sources import Member
from tasks.sources.status import Status
from tests.faults.mutations import mutated
from tests.faults.pictures import FORMATS, NO_MEMORY, marked, picture, zipped
from tests.faults.table import Tell, tell
from tests.flows.dumps import Dumps

SIDE = 96
MEMORY = 400  # megabytes that damaged files may cost beyond what good ones cost

# Goes through a zip and says what became of each member, and the most memory that this took.
_PASS = """
import hashlib, json, resource, sys
from tasks.detection.onepass import faces_of, shared_detector
from tasks.params import CropParams
from tasks.sources import open_source
crop = CropParams(max_pixels=4_000_000)
with open_source(sys.argv[1]) as source:
    rows = {}
    for result in faces_of(source.members(), crop, "all", shared_detector(crop), 2):
        faces = [hashlib.sha256(face.rgb.tobytes()).hexdigest() for face in result.faces]
        rows[result.member] = [str(result.status), result.error, result.width, result.n_faces, faces]
print(json.dumps([rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""

Rows = dict[str, list[Any]]


def go_through(dump: Path) -> tuple[Rows, int]:
    done = subprocess.run(
        [sys.executable, "-c", _PASS, str(dump)],
        env={**os.environ}, capture_output=True, text=True, check=False, timeout=560,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    rows, memory = json.loads(done.stdout)
    return rows, memory


def good_ones(dumps: Dumps, number: int) -> dict[str, bytes]:
    """Return so many small photographs of faces, no two of them equal, in all formats by turns."""
    with zipfile.ZipFile(dumps.ffhq(20)) as source:
        faces = [Image.open(io.BytesIO(source.read(name))).convert("RGB") for name in source.namelist()]
    made: dict[str, bytes] = {}
    for place in range(number):
        out = io.BytesIO()
        left, face = place // len(faces), faces[place % len(faces)].resize((SIDE + 40, SIDE + 40))
        format_ = FORMATS[place % len(FORMATS)]
        face.crop((left % 40, left // 40, left % 40 + SIDE, left // 40 + SIDE)).save(out, format_)
        made[f"good/{place:04d}.{format_.lower()}"] = out.getvalue()
    return made


def run_corpus(dumps: Dumps, folder: Path, number: int, record: Tell) -> None:
    good = good_ones(dumps, number)
    bad = {f"bad/{seed:04d}": mutated(data, seed) for seed, data in enumerate(good.values())}
    mixed = {name: data for pair in zip(good.items(), bad.items(), strict=True) for name, data in pair}
    alone, memory = go_through(zipped(folder / "good.zip", good))
    rows, more = go_through(zipped(folder / "mixed.zip", mixed))
    assert sorted(rows) == sorted(mixed)
    assert {name: rows[name] for name in good} == alone
    assert sum(row[0] == "ok" for row in alone.values()) > number // 2, "the good ones have faces"
    for name in bad:
        status, error = rows[name][:2]
        assert status in set(Status) - {Status.CRASHED}
        assert (error == "") == (status in (Status.OK, Status.NO_FACE)), rows[name]
    failed = sum(rows[name][0] not in ("ok", "no_face") for name in bad)
    assert failed > number // 4, "most of the damage is noticed"
    assert more - memory < MEMORY, f"{more} MB, {memory} MB without the damaged files"
    tell(record, "damaged files", number, lost=len(set(mixed) - set(rows)))


def test_damaged_files_among_good_ones_harm_nobody(dumps: Dumps, tmp_path: Path, record_property: Tell) -> None:
    run_corpus(dumps, tmp_path, 240, record_property)


@pytest.mark.slow
def test_two_thousand_damaged_files_among_two_thousand_good_ones(
    dumps: Dumps, tmp_path: Path, record_property: Tell
) -> None:
    run_corpus(dumps, tmp_path, 2000, record_property)


def look_at(members: list[Member]) -> list[ImageResult]:
    crop = CropParams()
    return list(faces_of(members, crop, "all", shared_detector(crop), 1))


@pytest.fixture
def members() -> list[Member]:
    files = [picture(0), marked(1, NO_MEMORY), picture(2), picture(3, "PNG")]
    return [Member(f"{place}", data) for place, data in enumerate(files)]


def starved(work: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that is given the bytes of a picture fail on the marked one."""

    def wrapper(data: bytes, *more: Any, **options: Any) -> Any:
        if NO_MEMORY in bytes(data):
            raise MemoryError
        return work(data, *more, **options)

    return wrapper


def test_a_picture_for_which_there_is_no_memory_has_a_row(
    members: list[Member], monkeypatch: pytest.MonkeyPatch, record_property: Tell
) -> None:
    alone = [result.status for result in look_at(members)]
    monkeypatch.setattr(onepass, "decode", starved(decode))
    results = look_at(members)
    assert [result.status for result in results] == [alone[0], Status.TOO_LARGE, *alone[2:]]
    assert results[1].error == "needs more memory than there is"
    assert results[1].image_id
    tell(record_property, "no memory for a picture", 1)


def test_where_a_group_is_too_much_for_the_memory_its_pictures_go_one_by_one(
    members: list[Member], monkeypatch: pytest.MonkeyPatch, record_property: Tell
) -> None:
    looking = second_look.look
    sizes: list[int] = []

    def look(detector: Any, pictures: list[Any], *more: Any, **options: Any) -> Any:
        sizes.append(len(pictures))
        if len(pictures) > 1 or len(sizes) == 3:  # of the single ones the second
            raise MemoryError
        return looking(detector, pictures, *more, **options)

    alone = [result.status for result in look_at(members)]
    monkeypatch.setattr(onepass, "look", look)
    assert [result.status for result in look_at(members)] == [alone[0], Status.TOO_LARGE, *alone[2:]]
    assert sizes == [4, 1, 1, 1, 1]
    tell(record_property, "no memory for a picture", 1)
