"""Hair behind the head and over it, strand by strand, and a knitted cap."""

from __future__ import annotations

import numpy as np

from tasks.sources.drawing.frame import Frame
from tasks.sources.drawing.paint import Layer, Points, ellipse, smooth_curve

_LONG = ("long", "bob")
_TONES = (0.45, 0.65, 0.9, 1.2, 1.5)


def paint_back_hair(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint what hangs behind face and neck."""
    style = frame.person.style
    if style == "curly":
        _curls(layer, frame, rng, _crown(rng, frame, 170, 0.85, 0.75))
    elif style == "tied":
        _bun(layer, frame, rng)
    elif style in _LONG:
        _mane(layer, frame, rng)


def _bun(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    p, s = frame.person, frame.scale
    layer.fill(frame.place(ellipse(0.1, -1.1, 0.3, 0.24)), p.hair, soft=0.01 * s)
    y = np.linspace(-1.3, -0.9, 18)
    starts, ends = (frame.place(np.stack([np.full(18, x), y], 1)) for x in (-0.2, 0.4))
    _comb(layer, _bend(starts, ends, (starts + ends) / 2, 0.1 * s, rng), rng)


def _mane(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    p, s = frame.person, frame.scale
    low = 1.0 if p.style == "bob" else 1.7
    w = _mane_width(frame)
    side = [(0.6 * w, -0.98), (w * 0.99, -0.45), (w * 1.03, 0.2), (w * 1.05, 0.7), (w * 0.98, low)]
    area = smooth_curve(np.array(side + [(-x, y) for x, y in reversed(side)]), closed=True)
    layer.fill(frame.place(area), p.hair * 0.8, soft=0.012 * s)
    x = rng.uniform(-w, w, 90)
    starts = frame.place(np.stack([x * 0.85, rng.uniform(-0.6, 0.2, 90)], 1))
    ends = frame.place(np.stack([x, np.full(90, low)], 1))
    _comb(layer, _bend(starts, ends, (starts + ends) / 2, 0.04 * s, rng), rng)


def _mane_width(frame: Frame) -> float:
    return frame.person.width + 0.06 + 0.7 * frame.person.volume


def paint_front_hair(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint what grows over forehead and temples."""
    style = frame.person.style
    if style == "cap":
        _cap(layer, frame)
    elif style == "bald":
        _shaved(layer, frame)
    elif style == "curly":
        outer, line = _scalp(frame, 0.06)
        layer.fill(np.concatenate([outer, line[::-1]]), frame.person.hair * 0.6, soft=0.03 * frame.scale)
        _curls(layer, frame, rng, _crown(rng, frame, 200, 0.5, frame.person.hairline + 0.12))
    else:
        _combed(layer, frame, rng)


def _scalp(frame: Frame, grow: float) -> tuple[Points, Points]:
    """Return the outer edge of the hair and the hairline, in pixels, both from left to right (21 points)."""
    p = frame.person
    angle = np.linspace(-0.6 * np.pi, 0.6 * np.pi, 21)
    wide = _mane_width(frame) if p.style in _LONG else p.width + 0.01 + 0.7 * grow
    outer = np.stack([np.sin(angle) * wide, -np.cos(angle) * (1 + grow)], 1)
    h, w = p.hairline, p.width
    half = [(w * 0.99, 0.1), (w * 0.9, -0.22), (w * 0.8, h * 0.75), (w * 0.45, h - 0.02)]
    corners = [(-x, y) for x, y in half] + [(p.parting * 0.6, h + 0.03)] + list(reversed(half))
    line = smooth_curve(np.array(corners), closed=False, steps=5)
    return frame.place(outer), frame.face(line[np.linspace(0, len(line) - 1, 21).astype(int)])


def _combed(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    p, s = frame.person, frame.scale
    tied = p.style == "tied"
    outer, line = _scalp(frame, 0.05 if tied else p.volume)
    layer.fill(np.concatenate([outer, line[::-1]]), p.hair * 0.85, soft=0.01 * s)
    if p.style in _LONG:
        _side_locks(layer, frame)
    count = 230
    at, reach = rng.integers(0, 21, count), rng.random((count, 1))
    roots = np.stack([np.full(count, 0.05 if tied else p.parting * 0.8), np.full(count, -1.0)], 1)
    if not tied:
        roots[:, 1] = rng.uniform(-1.05 - p.volume, -0.75, count)
    roots += rng.normal(0, 0.02 if tied else 0.08, (count, 2))
    over = outer[at] * (1 - 0.7 * reach) + line[at] * 0.7 * reach
    _comb(layer, _bend(frame.place(roots), outer[at] * (1 - reach) + line[at] * reach, over, 0.08 * s, rng), rng)


def _side_locks(layer: Layer, frame: Frame) -> None:
    p, s = frame.person, frame.scale
    low = 0.92 if p.style == "bob" else 1.45
    w = p.width
    for side in (-1, 1):
        lock = [(0.86, -0.55), (1.06, -0.3), (1.14, 0.3), (1.16, low), (0.93, low + 0.05), (0.86, 0.35), (0.9, -0.1)]
        area = smooth_curve(np.array([(side * w * x, y) for x, y in lock]), closed=True)
        layer.fill(frame.place(area), p.hair * 0.75, soft=0.015 * s)
        x = np.linspace(0.9, 1.12, 14)
        strands = [
            frame.place(np.array([(side * w * at, -0.5), (side * w * (at + 0.04), 0.3), (side * w * at, low)]))
            for at in x
        ]
        layer.strokes(strands[::2], p.hair * 0.4, 1.2, opacity=0.7, clip=layer.cover)
        layer.strokes(strands[1::2], p.hair * 1.4, 1.0, opacity=0.5, clip=layer.cover)


def _crown(rng: np.random.Generator, frame: Frame, count: int, inner: float, lowest: float) -> Points:
    """Return the middles of curls in a wreath round the head, from `inner` outwards and down to `lowest`."""
    angle = rng.uniform(-0.75 * np.pi, 0.75 * np.pi, count)
    out = rng.uniform(inner, 1.2, count)
    points = np.stack([np.sin(angle) * (frame.person.width + 0.06) * out, -np.cos(angle) * out], 1)
    return points[points[:, 1] < lowest]


def _curls(layer: Layer, frame: Frame, rng: np.random.Generator, middles: Points) -> None:
    p, s = frame.person, frame.scale
    rings = [
        ellipse(x, y, r, r * 0.8, a)
        for (x, y), r, a in zip(
            middles, rng.uniform(0.05, 0.11, len(middles)), rng.uniform(0, 3, len(middles)), strict=True
        )
    ]
    layer.fills([frame.place(ring) for ring in rings], p.hair * 0.5, soft=0.012 * s)
    for tone, part in zip((0.25, 0.9, 1.5), np.array_split(np.arange(len(rings)), 3), strict=True):
        lines = [frame.place(rings[i][: rng.integers(8, 20)]) for i in part]
        layer.strokes(lines, p.hair * tone, 0.02 * s, soft=0.6, opacity=0.8)


def _shaved(layer: Layer, frame: Frame) -> None:
    outer, line = _scalp(frame, 0.0)
    p = frame.person
    layer.fill(np.concatenate([outer, line[::-1]]), p.hair, soft=0.07 * frame.scale, opacity=0.25)


def _cap(layer: Layer, frame: Frame) -> None:
    p, s, colour = frame.person, frame.scale, frame.look.trim
    crown = _scalp(frame, 0.1 + 0.5 * p.volume)[0][3:-3]
    x = np.linspace(-0.97, 0.97, len(crown)) * p.width
    low, high = (frame.face(np.stack([x, np.full(len(crown), y)], 1)) for y in (-0.38, -0.62))
    layer.fill(np.concatenate([crown, low[::-1]]), colour, soft=0.01 * s)
    layer.strokes(list(np.stack([high, (crown + high) / 2], 1)), colour * 0.7, 0.012 * s, opacity=0.6)
    layer.fill(np.concatenate([low, high[::-1]]), colour * 0.82, soft=0.012 * s)
    layer.strokes(list(np.stack([low, high], 1)), colour * 0.5, 0.016 * s, opacity=0.6)


def _bend(starts: Points, ends: Points, over: Points, wander: float, rng: np.random.Generator) -> list[Points]:
    """Return strands (7, 2) from `starts` to `ends` (n, 2), drawn towards `over` (n, 2) on their way."""
    middle = (starts + ends) / 4 + over / 2 + rng.normal(0, wander / 3, starts.shape)
    t = np.linspace(0, 1, 7)[None, :, None]
    return list((1 - t) ** 2 * starts[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * ends[:, None])


def _comb(layer: Layer, strands: list[Points], rng: np.random.Generator) -> None:
    """Draw strands in several tones of the hair that is painted already."""
    solid = layer.cover > 0.95
    colour = layer.colour[:, solid].mean(1) if solid.any() else np.zeros(3, np.float32)
    tone = rng.integers(0, len(_TONES), len(strands))
    for number, factor in enumerate(_TONES):
        lines = [strand for strand, which in zip(strands, tone, strict=True) if which == number]
        layer.strokes(lines, colour * factor + 0.002 * factor, 1.1, soft=0.5, opacity=0.7, clip=layer.cover)
