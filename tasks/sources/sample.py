"""The built-in sample: drawn people, as a camera takes them and as a generator makes them up.

Both classes show the same pictures of the same people, in the same size and the same JPEG quality, with the noise and
the sharpness of the same camera; a fake bears the faint trace of a generator besides, and every third person's fakes
bear it round one part of the face alone (`retouched_part`), so that a map of the evidence can be checked. Nothing that
is measured on it says anything about real images.
"""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tasks.params.files import atomic_write
from tasks.sources.drawing.chains import Area, Camera, Generator, encode_jpeg, generate, photograph
from tasks.sources.drawing.paint import Planes
from tasks.sources.drawing.people import draw_person
from tasks.sources.drawing.scene import PARTS, paint_empty, paint_group, paint_portrait

SIDE = 256
SCENE = (480, 640)
# Drawn larger, so that edges are smooth and the lens has something to blur.
OVERSAMPLING = 1.25
_LABELS = ("real", "fake")
_MAKER = {"real": "camera", "fake": "generator"}


@dataclass(frozen=True)
class World:
    """One make of camera and one of generator, and the JPEG qualities that both write."""

    demosaic: Literal["linear", "edge"]
    noise: float
    sharpen: tuple[float, float]
    upsampling: Literal["transposed", "subpixel"]
    imbalance: tuple[float, ...]
    qualities: tuple[int, ...]

    def camera(self, rng: np.random.Generator) -> Camera:
        """Return the camera at one exposure: sensitivity, focus and sharpening differ."""
        shot = self.noise * 2 ** rng.uniform(-1.3, 1.3)
        return Camera(rng.uniform(0.4, 0.65), shot, 0.004, rng.uniform(*self.sharpen), self.demosaic)

    def generator(self, rng: np.random.Generator, retouches: bool) -> Generator:
        """Return the generator at one checkpoint, its flaws fainter or stronger; a retoucher's are strong."""
        flaw = RETOUCHED if retouches else FAINTEST ** rng.uniform(0, 1)
        return Generator(self.upsampling, tuple(flaw * value for value in self.imbalance))


# The faintest of the flaws and those of a retoucher, as shares of a generator's `imbalance`.
FAINTEST, RETOUCHED = 0.2, 2.0
HOME = World(
    demosaic="edge",
    noise=0.0003,
    sharpen=(0.2, 1.1),
    upsampling="transposed",
    imbalance=(0.014, 0.012, 0.006),
    qualities=(80, 88, 94),
)
ABROAD = World(
    demosaic="linear",
    noise=0.0002,
    sharpen=(0.0, 0.9),
    upsampling="subpixel",
    imbalance=(0.02, 0.017, 0.008),
    qualities=(75, 85),
)

Job = Callable[[], list[tuple[str, bytes]]]


def draw_sample(out: Path, *, seed: int = 7, identities: int = 200, looks: int = 2) -> dict[str, int]:
    """Write `faces.tar`, `other.zip` and `dump.zip` into the folder `out`; returns how many members each has.

    faces.tar holds `looks` pictures of each of `identities` people in both classes, as `real/<identity>_<look>.jpg`
    and `fake/...`; other.zip a fifth as many people under another camera and another generator, meant for tests only;
    dump.zip, meant to be scored, single people (a fifth again), groups, scenes without people and four broken members.
    The same arguments write the same bytes.
    """
    others = max(1, identities // 5)
    archives: dict[str, list[Job]] = {
        "faces.tar": _pairs(seed, 0, identities, looks, HOME),
        "other.zip": _pairs(seed, 5000, others, looks, ABROAD),
        "dump.zip": _dump(seed, others),
    }
    counts = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, jobs in archives.items():
            files = [file for part in pool.map(_run, jobs) for file in part]
            with atomic_write(out / name) as temp:
                (_write_tar if name.endswith(".tar") else _write_zip)(temp, files)
            counts[name] = len(files)
    return counts


def is_drawn(member: str, width: int, height: int) -> bool:
    """Tell by its name and size whether a picture is of the sample's faces.tar or other.zip, wherever these lie now."""
    return (width, height) == (SIDE, SIDE) and re.fullmatch(r"(real|fake)/\d{4}_\d+\.jpg", member) is not None


def retouched_part(member: str) -> str | None:
    """Return which part of the face ("left eye", "right eye", "mouth"; the picture's sides) a fake's trace is in.

    None where it is everywhere or nowhere: `member` is a path in faces.tar or other.zip, such as "fake/0005_1.jpg".
    """
    found = re.fullmatch(r"fake/(\d{4})_\d+\.jpg", member)
    return _part(int(found[1])) if found else None


def _part(who: int) -> str | None:
    return PARTS[who // 3 % len(PARTS)] if who % 3 == 2 else None


def _run(job: Job) -> list[tuple[str, bytes]]:
    return job()


def _pairs(seed: int, first: int, people: int, looks: int, world: World) -> list[Job]:
    return [partial(_pair, seed, who, look, world) for who in range(first, first + people) for look in range(looks)]


def _dump(seed: int, count: int) -> list[Job]:
    jobs: list[Job] = [partial(_single, seed, number) for number in range(count)]
    jobs += [partial(_group, seed, number) for number in range(max(5, count // 2))]
    jobs += [partial(_empty, seed, number) for number in range(max(4, count // 3))]
    return [*jobs, partial(_broken, seed)]


def _pair(seed: int, who: int, look: int, world: World) -> list[tuple[str, bytes]]:
    """Return one picture of one person in both classes."""
    light, areas = portrait(seed, who, look)
    quality = world.qualities[int(np.random.default_rng([seed, who, look, 2]).integers(len(world.qualities)))]
    part = _part(who)
    where = {"real": None, "fake": areas[part] if part else None}
    return [
        (
            f"{label}/{who:04d}_{look}.jpg",
            _picture(light, (SIDE, SIDE), label, world, [seed, who, look], quality, where[label]),
        )
        for label in _LABELS
    ]


def _single(seed: int, number: int) -> list[tuple[str, bytes]]:
    who, label = 6000 + number, _LABELS[number % 2]
    data = _picture(portrait(seed, who, 0)[0], (SIDE, SIDE), label, HOME, [seed, who, 0], 88)
    return [(f"portraits/{number:02d}_{_MAKER[label]}.jpg", data)]


def _group(seed: int, number: int) -> list[tuple[str, bytes]]:
    key, label, people = [seed, 7000 + number], _LABELS[number % 2], 2 + number // 2 % 5
    light = paint_group(np.random.default_rng(key), people, *_drawn(SCENE))
    return [(f"groups/{number:02d}_{people}_people_{_MAKER[label]}.jpg", _picture(light, SCENE, label, HOME, key, 88))]


def _empty(seed: int, number: int) -> list[tuple[str, bytes]]:
    key, label = [seed, 8000 + number], _LABELS[number % 2]
    light = paint_empty(np.random.default_rng(key), number // 2, *_drawn(SCENE))
    return [(f"empty/{number:02d}_{_MAKER[label]}.jpg", _picture(light, SCENE, label, HOME, key, 88))]


def _broken(seed: int) -> list[tuple[str, bytes]]:
    """Return what real dumps have too: an empty file, a text, a picture cut in half, and a path that climbs out."""
    whole = _pair(seed, 9000, 0, HOME)[0][1]
    return [
        ("broken/empty.jpg", b""),
        ("broken/text.jpg", b"This is no picture.\n"),
        ("broken/half.jpg", whole[: len(whole) // 2]),
        ("../outside.jpg", whole),
    ]


def portrait(seed: int, who: int, look: int) -> tuple[Planes, dict[str, Area]]:
    """Return a picture in linear light, and where the parts of its face will be in the finished one."""
    person = draw_person(np.random.default_rng([seed, who]))
    light, areas = paint_portrait(person, np.random.default_rng([seed, who, look, 1]), _drawn((SIDE, SIDE))[0])
    return light, {
        name: Area(*(value / OVERSAMPLING for value in (at.x, at.y, at.radius))) for name, at in areas.items()
    }


def _drawn(size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * OVERSAMPLING), round(size[1] * OVERSAMPLING)


def _picture(
    light: Planes,
    size: tuple[int, int],
    label: str,
    world: World,
    key: list[int],
    quality: int,
    area: Area | None = None,
) -> bytes:
    """Return the JPEG file that a class's chain makes of a picture in linear light; of fakes, of `area` alone."""
    rng = np.random.default_rng([*key, 3 if label == "real" else 4])
    made = photograph(light, *size, world.camera(rng), rng)
    if label == "fake":
        made = generate(made, world.generator(rng, area is not None), area)
    return encode_jpeg(made, quality)


def _write_tar(path: Path, files: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _write_zip(path: Path, files: list[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            # A fixed date, system and mode: nothing of the machine or the hour gets into the bytes.
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)
