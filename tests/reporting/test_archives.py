"""The most suspicious faces are read again from the dump, as long as it holds what was scored."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tasks.imaging.encode import encode_png
from tasks.params import ArchiveParams
from tasks.reporting.archives import SIDE, _pictures


def row(index: int, data: bytes) -> dict[str, Any]:
    box = {"box_x": 10.0, "box_y": 10.0, "box_width": 40.0, "box_height": 40.0}
    image = {"index": index, "image_id": hashlib.sha256(data).hexdigest(), "width": 64, "height": 64}
    return {**image, **box, "landmarks": [30.0] * 10, "rotation": 0}


def test_faces_of_the_dump_are_shown_but_for_those_that_changed(tmp_path: Path) -> None:
    red, blue = (encode_png(np.full((64, 64, 3), colour, np.uint8)) for colour in ((200, 0, 0), (0, 0, 200)))
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as dump:
        dump.writestr("red.png", red)
        dump.writestr("blue.png", blue)
    archive = ArchiveParams(name="dump", source=str(tmp_path / "dump.zip"))
    rows = [row(1, blue), row(0, red), row(0, b"another")]
    shown = _pictures(archive, rows)
    assert shown[2] is None
    for uri, channel in zip(shown[:2], (0, 2), strict=True):  # BGR
        data = np.frombuffer(base64.b64decode(str(uri).partition(",")[2]), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (SIDE, SIDE, 3)
        middle = picture[SIDE // 2, SIDE // 2].astype(int)
        assert middle[channel] > 150 > middle.sum() - middle[channel]


def test_without_the_dump_there_are_no_pictures_and_no_error(tmp_path: Path) -> None:
    rows = [row(0, b"x")]
    assert _pictures(ArchiveParams(name="dump", source=str(tmp_path / "gone.zip")), rows) == ()
    assert _pictures(ArchiveParams(name="dump", source="s3://bucket/dump.zip"), rows) == ()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    assert all(each is None for each in _pictures(ArchiveParams(name="d", source=str(tmp_path / "broken.zip")), rows))
