"""Make the picture in the README from a finished demo: `python docs/picture.py demo` (needs Chromium).

Drawn faces with what `detect --draw` marks in them, beside the first screen of the demo's report.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

OUT = Path(__file__).parent / "pictures" / "overview.jpg"
SCENE = "groups/01_2_people_generator.jpg"
WINDOW = (1280, 960)
HEIGHT, GAP, QUALITY = 620, 16, 82


def main() -> None:
    """Write the picture."""
    demo = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temp:
        pair = [_drawn(demo, Path(temp)), _screen(demo, Path(temp))]
    scaled = [cv2.resize(each, (round(each.shape[1] * HEIGHT / each.shape[0]), HEIGHT)) for each in pair]
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    OUT.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(OUT), np.hstack([scaled[0], gap, scaled[1]]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def _drawn(demo: Path, temp: Path) -> NDArray[np.uint8]:
    with zipfile.ZipFile(demo / "data/raw/sample/dump.zip") as dump:
        names = [name for name in dump.namelist() if name.startswith("groups/")]
        (temp / "scene.jpg").write_bytes(dump.read(SCENE if SCENE in names else names[0]))
    command = [str(Path(sys.executable).parent / "fauxface"), "detect", "scene.jpg", "--draw", "drawn.png"]
    subprocess.run(command, cwd=temp, check=True, stdout=subprocess.DEVNULL)
    return _read(temp / "drawn.png")


def _screen(demo: Path, temp: Path) -> NDArray[np.uint8]:
    browser = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    size = f"--window-size={WINDOW[0]},{WINDOW[1]}"
    page = (demo / "reports/index.html").resolve().as_uri()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    shot = [browser, *options, f"--user-data-dir={temp}/profile", f"--screenshot={temp}/screen.png", page]
    subprocess.run(shot, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _read(temp / "screen.png")


def _read(path: Path) -> NDArray[np.uint8]:
    found = cv2.imread(str(path))
    if found is None:
        sys.exit(f"{path}: was not made")
    return np.asarray(found, np.uint8)


if __name__ == "__main__":
    main()
