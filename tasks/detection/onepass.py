"""Decode, detect, crop: the one pass that training data and scored archives both go through."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.detection.crop import Crop, crop_face, crop_side, native_reduction
from tasks.detection.detector import Detections, FaceDetector
from tasks.detection.networks import Precision
from tasks.detection.quality import Pose, poses, quality
from tasks.detection.quarantine import quarantine
from tasks.detection.second_look import Look, look, turned, turned_back
from tasks.detection.threads import lent_threads
from tasks.imaging.decode import REDUCTIONS, Decoded, Header, ImageError, decode, decode_pixels, reduces, shrink
from tasks.imaging.phash import phash
from tasks.imaging.provenance import provenance
from tasks.imaging.trivial_features import corner_variance, quality_of, sharpness
from tasks.params import CropParams
from tasks.sources import Member
from tasks.sources.status import Status

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

BATCH = 32  # images whose faces are looked for together
# Decoded pixels held at once for a batch; large photographs go through in smaller groups.
GROUP_PIXELS = 1 << 24
NO_MEMORY = "needs more memory than there is"


@dataclass(frozen=True)
class Face:
    """One face kept: its place in pixels of the original upright image, its crop, and what the crop tells.

    `index`: its rank among all faces of its image, the surest first; `box` (4,): x, y, width, height; `landmarks`
    (5, 2); `rotation`: degrees by which the image was turned clockwise to find it (0 but for a second look) and by
    which its crop is; `rgb` (size, size, 3) uint8; `padding`: the crop's fraction outside of the image.
    """

    index: int
    box: Float
    confidence: float
    landmarks: Float
    rotation: int
    rgb: Pixels
    padding: float
    sharpness: float
    corner_variance: float
    pose: Pose

    @property
    def size(self) -> float:
        """The longer side of the box."""
        return float(self.box[2:].max())

    @property
    def quality(self) -> float:
        """From 0 to 1: how well the picture shows the face."""
        return quality(self.sharpness, self.size, self.pose, self.padding)


@dataclass(frozen=True)
class ImageResult:
    """What became of one input; `n_faces` counts the faces found, of which `faces` holds those kept.

    `frames`: frames or pages of the file, of which the first was looked at.

    `phash`: 32 bytes, of the whole upright picture, where it has faces: it stays when a copy of the file is encoded
    again, while a crop's would move with the detected box. `provenance`: what the file says of its making; it decides
    nothing here, nor in training.
    """

    member: str
    status: Status
    error: str = ""
    image_id: str | None = None
    file_bytes: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    jpeg_quality: int | None = None
    frames: int | None = None
    n_faces: int = 0
    phash: bytes | None = None
    provenance: str | None = None
    faces: list[Face] = field(default_factory=list)


@dataclass(frozen=True)
class _Opened:
    member: Member
    data: bytes
    image_id: str
    decoded: Decoded


def shared_detector(params: CropParams) -> FaceDetector:
    """Return this process's detector with these settings, made at the first call.

    Raises FauxfaceError where this processor has no such precision.
    """
    return _detector(params.min_face, params.thresholds, params.precision)


@lru_cache(maxsize=4)
def _detector(min_face: float, thresholds: tuple[float, float, float], precision: Precision) -> FaceDetector:
    return FaceDetector(min_face, thresholds, precision=precision)


def faces_of(
    members: Iterable[Member], params: CropParams, keep: str, detector: FaceDetector, threads: int
) -> Iterator[ImageResult]:
    """Yield what became of each member, in their order; nothing is raised for a bad one.

    `keep` is `largest`, `all`, `centre` or `most_confident`; `threads` 0 means one per core. Each thread takes a batch
    from bytes to crops; as many batches as threads, and one more, are in flight.
    """
    cv2.setNumThreads(1)  # the threads here are enough; OpenCV's own would fight them for the cores
    threads = threads or os.cpu_count() or 1
    with lent_threads(threads) as pool:
        flying: deque[Future[list[ImageResult]]] = deque()
        try:
            for batch in _batches(members, threads):
                flying.append(pool.submit(_batch_results, batch, params, keep, detector))
                if len(flying) > threads:
                    yield from flying.popleft().result()
            while flying:
                yield from flying.popleft().result()
        finally:
            wait([future for future in flying if not future.cancel()])


def _batches(members: Iterable[Member], threads: int) -> Iterator[list[Member]]:
    """Yield batches of BATCH members; the last ones are shared out evenly, so that no thread waits for another."""
    stream = iter(members)
    ahead = list(islice(stream, threads * BATCH))
    while len(ahead) == threads * BATCH:
        yield ahead[:BATCH]
        ahead = [*ahead[BATCH:], *islice(stream, BATCH)]
    size = max(1, -(-len(ahead) // threads))
    yield from (ahead[start : start + size] for start in range(0, len(ahead), size))


def _batch_results(batch: Sequence[Member], params: CropParams, keep: str, detector: FaceDetector) -> list[ImageResult]:
    """Take members through the pass, but for those that are known to crash a decoder."""
    ids = [None if member.data is None else _image_id(member.data) for member in batch]
    notes = quarantine()
    if notes is None:
        return _results(batch, ids, {}, params, keep, detector)
    pictures = [
        (image_id, member.data) for image_id, member in zip(ids, batch, strict=True) if image_id and member.data
    ]
    refused = notes.refused(pictures, params)
    with notes.flight.carrying([image_id for image_id, _ in pictures if image_id not in refused]) as beat:
        return _results(batch, ids, refused, params, keep, detector, beat)


def look_alone(data: bytes, params: CropParams, detector: FaceDetector) -> None:
    """Take one picture through the pass for nothing but to see whether the process survives it."""
    _results([Member("", data)], [_image_id(data)], {}, params, "all", detector)


def _results(
    batch: Sequence[Member], ids: Sequence[str | None], refused: Mapping[str, str], params: CropParams, keep: str,
    detector: FaceDetector, beat: Callable[[], None] = lambda: None,
) -> list[ImageResult]:  # fmt: skip
    """Take members through the pass in groups of at most GROUP_PIXELS decoded pixels."""
    results: list[ImageResult] = []
    group: list[ImageResult | _Opened] = []
    pixels = 0
    for member, image_id in zip(batch, ids, strict=True):
        beat()
        opened = _open(member, image_id or "", refused, params, detector)
        group.append(opened)
        pixels += 0 if isinstance(opened, ImageResult) else opened.decoded.pixels.size // 3
        if pixels >= GROUP_PIXELS:
            results += _group_results(group, params, keep, detector)
            group, pixels = [], 0
    beat()
    return results + _group_results(group, params, keep, detector)


def _open(
    member: Member, image_id: str, refused: Mapping[str, str], params: CropParams, detector: FaceDetector
) -> ImageResult | _Opened:
    if member.data is None:
        return ImageResult(member.path, member.status, member.error)
    if image_id in refused:
        message = f"the decoder {refused[image_id]} on this file, so it was left out"
        return ImageResult(member.path, Status.CRASHED, message, image_id, len(member.data))
    try:
        decoded = decode(member.data, max_pixels=params.max_pixels, reduction_for=detector.reduction)
    except ImageError as error:
        return ImageResult(member.path, error.status, error.message, image_id, len(member.data))
    except MemoryError:
        return _too_large(member, image_id)
    return _Opened(member, member.data, image_id, decoded)


def _too_large(member: Member, image_id: str) -> ImageResult:
    return ImageResult(member.path, Status.TOO_LARGE, NO_MEMORY, image_id, len(member.data or b""))


def _image_id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _group_results(
    group: Sequence[ImageResult | _Opened], params: CropParams, keep: str, detector: FaceDetector
) -> list[ImageResult]:
    """Return what became of a group; where the memory does not suffice for all at once, of one after the other."""
    try:
        return _looked_at(group, params, keep, detector)
    except MemoryError:
        if len(group) > 1:
            return [_group_results([entry], params, keep, detector)[0] for entry in group]
        return [
            entry if isinstance(entry, ImageResult) else _too_large(entry.member, entry.image_id) for entry in group
        ]


def _looked_at(
    group: Sequence[ImageResult | _Opened], params: CropParams, keep: str, detector: FaceDetector
) -> list[ImageResult]:
    opened = [entry for entry in group if isinstance(entry, _Opened)]
    smallest = [
        detector.smallest(entry.decoded.header.width, entry.decoded.header.height) / entry.decoded.reduction
        for entry in opened
    ]
    pictures = [entry.decoded.pixels for entry in opened]
    looks = iter(look(detector, pictures, smallest, second_look=params.second_look))
    return [
        entry if isinstance(entry, ImageResult) else _image_result(entry, next(looks), params, keep) for entry in group
    ]


def _image_result(opened: _Opened, seen: Look, params: CropParams, keep: str) -> ImageResult:
    """Crop the faces kept; `seen` is in the pixels decoded."""
    header = opened.decoded.header
    width, height = seen.size(header.width, header.height)
    seen = replace(seen, found=seen.found.scaled(opened.decoded.reduction, width, height))
    found = turned_back(seen.found, seen.turns, header.width, header.height)
    jpeg_quality = _quality(header)
    facts = (opened.image_id, len(opened.data), header.format, header.width, header.height, jpeg_quality, header.frames)
    try:
        faces = _faces(opened, seen, found, kept(found, keep, header.width, header.height), params)
    except ImageError as error:
        return ImageResult(opened.member.path, error.status, error.message, *facts)
    told = provenance(opened.data)
    picture = phash(opened.decoded.pixels) if faces else None
    return ImageResult(opened.member.path, found.status, "", *facts, len(found), picture, told, faces)


def kept(found: Detections, keep: str, width: int, height: int) -> list[int]:
    """Return the ranks of the faces that `keep` asks for: all, or the one that is largest, most central or surest."""
    if keep == "all" or len(found) < 2:
        return list(range(len(found)))
    size = found.boxes[:, 2:]
    away = found.boxes[:, :2] + size / 2 - np.array([width / 2, height / 2], np.float32)
    best = {"largest": size.prod(axis=1), "centre": -(away**2).sum(axis=1), "most_confident": found.confidence}
    return [int(best[keep].argmax())]


def _faces(opened: _Opened, seen: Look, found: Detections, ranks: Sequence[int], params: CropParams) -> list[Face]:
    """Crop the faces of these ranks; `found` is in pixels of the upright image, `seen` of the image once turned."""
    pictures = {opened.decoded.reduction: turned(opened.decoded.pixels, seen.turns)}
    crops = [_crop(opened, seen, rank, params, pictures) for rank in ranks]
    return [
        Face(
            index=rank,
            box=found.boxes[rank],
            confidence=float(found.confidence[rank]),
            landmarks=found.landmarks[rank],
            rotation=seen.rotation,
            rgb=crop.rgb,
            padding=crop.padding,
            sharpness=sharpness(crop.rgb),
            corner_variance=corner_variance(crop.rgb),
            pose=pose,
        )
        for rank, crop, pose in zip(ranks, crops, poses(found.landmarks[ranks]), strict=True)
    ]


def _crop(opened: _Opened, seen: Look, rank: int, params: CropParams, pictures: dict[int, Pixels]) -> Crop:
    """Crop one face, upright as it was seen; `pictures` are the image's by reduction, turned."""
    box, landmarks = seen.found.boxes[rank], seen.found.landmarks[rank]
    reduction = native_reduction(box, params) or _fit_reduction(box, params, opened.decoded.reduction)
    if reduction not in pictures:
        pictures[reduction] = turned(_reduced(opened, reduction), seen.turns)
    return crop_face(pictures[reduction], box / reduction, landmarks / reduction, params)


def _reduced(opened: _Opened, reduction: int) -> Pixels:
    """Return the upright picture `reduction` times smaller than the file's, whatever it was decoded at before.

    A decoder that leaves pixels out is asked again rather than its pixels averaged: so one reduction is one operation,
    which neither the size of the picture nor the smallest face looked for changes.
    """
    decoded = opened.decoded
    if reduces(decoded.header) or reduction < decoded.reduction:
        return decode_pixels(opened.data, decoded.header, reduction)
    return shrink(decoded.pixels, reduction // decoded.reduction)


def _fit_reduction(box: Float, params: CropParams, reduction: int) -> int:
    """Return the strongest reduction, up to the one at hand, that still leaves the crop its pixels."""
    enough = crop_side(box, params) / params.size
    return max(candidate for candidate in REDUCTIONS if candidate == 1 or candidate <= min(enough, reduction))


def _quality(header: Header) -> int | None:
    return None if header.jpeg is None else quality_of(header.jpeg.tables)
