"""Sidecar files: what stands beside an image under its name (`a.json`, `a.txt`, `a.cls` beside `a.jpg`) describes it.

This is the layout of webdataset and img2dataset: the members of one sample follow one another and share everything up
to the first dot of the last part of their paths.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from tasks.sources.annotations import texts
from tasks.sources.member import Member
from tasks.sources.status import Status

# Texts, classes, arrays and tensors of webdataset; boxes (.xml), edits (.xmp, .aae) of photographs.
SIDECARS = frozenset(
    (
        "json", "jsn", "txt", "text", "transcript", "caption", "cls", "cls2", "class", "index", "inx", "id", "count",
        "npy", "npz", "pyd", "pickle", "ten", "pth", "xml", "xmp", "aae",
    )
)  # fmt: skip
# A sample has a handful of files; a key that more share is the prefix of numbered pictures (`frame.0001.jpg`).
MAX_SAMPLE = 16
MAX_SAMPLE_BYTES = 256 * 1024 * 1024
# Longer files are no descriptions.
MAX_SIDECAR_BYTES = 1024 * 1024


def annotated(members: Iterable[Member]) -> Iterator[Member]:
    """Yield the members in their order, images with what their sidecars say, and sidecars as `metadata`."""
    sample: list[Member] = []
    key: str | None = ""
    crowded = False
    for member in members:
        if (found := sample_key(member.path)) != key:
            yield from _described(sample)
            sample, key, crowded = [], found, found is None
        sample.append(member)
        if crowded or len(sample) > MAX_SAMPLE or sum(len(each.data or b"") for each in sample) > MAX_SAMPLE_BYTES:
            crowded = True
            yield from sample
            sample = []
    yield from _described(sample)


def annotated_rows(
    entries: Sequence[Any], start: int, stop: int, read: Callable[[Sequence[Any]], Iterator[Member]]
) -> Iterator[Member]:
    """Read the entries (each with a `path`) from `start` up to, but not with, `stop`, and their sidecars for them."""
    first, last = whole_samples(entries, start, stop)
    members = annotated(read([entries[row] for row in range(first, last)]))
    return islice(members, start - first, stop - first)


def whole_samples(entries: Sequence[Any], start: int, stop: int) -> tuple[int, int]:
    """Return the rows around `start` to `stop` by which samples that begin or end within them are whole."""
    stop = min(stop, len(entries))
    if start >= stop:
        return start, start
    first, last = start, stop
    key = sample_key(entries[start].path)
    while key and first > max(0, start - MAX_SAMPLE) and sample_key(entries[first - 1].path) == key:
        first -= 1
    key = sample_key(entries[stop - 1].path)
    while key and last < min(len(entries), stop + MAX_SAMPLE) and sample_key(entries[last].path) == key:
        last += 1
    return first, last


def sample_key(path: str) -> str | None:
    """Return the path up to the first dot of its last part, or None; `._a.jpg` of Macs goes with `a.jpg`."""
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.removeprefix("._").partition(".")
    return f"{folder}{slash}{stem}" if stem and dot else None


def _described(sample: Sequence[Member]) -> Iterator[Member]:
    """Yield a whole sample, described where it has both images and sidecars."""
    sidecars = [member for member in sample if member.status is Status.OK and _suffix(member) in SIDECARS]
    images = [member for member in sample if member not in sidecars and member.status is not Status.SYSTEM_FILE]
    if not sidecars or not images:
        yield from sample
        return
    said = {name: text for member in sidecars for name, text in _fields(member).items()}
    for member in sample:
        if member in sidecars:
            yield Member(member.path, None, Status.METADATA)
        elif member in images and said:
            yield replace(member, annotations={**(member.annotations or {}), **said})
        else:
            yield member


def _fields(sidecar: Member) -> dict[str, str]:
    data, suffix = sidecar.data or b"", _suffix(sidecar)
    if len(data) > MAX_SIDECAR_BYTES:
        return {}
    if suffix in ("cls", "txt"):
        return texts({suffix: data.decode("utf-8-sig", "replace").strip()})
    try:
        content = json.loads(data) if suffix == "json" else None
    except (ValueError, RecursionError):
        return {}
    return texts(content) if isinstance(content, dict) else {}


def _suffix(member: Member) -> str:
    return member.path.rpartition(".")[2].lower()
