"""Neck, shoulders and clothes."""

from __future__ import annotations

import numpy as np

from tasks.sources.drawing.frame import Frame
from tasks.sources.drawing.paint import Layer, Planes, Points, smooth_curve


def paint_body(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint neck and clothes on an empty layer, and light them."""
    p, s = frame.person, frame.scale
    neck = 0.4 + 0.6 * (p.jaw - 0.8)
    sides = [(neck, 0.4), (neck * 0.96, 0.9), (neck * 1.05, 1.25), (neck * 1.9, 1.6), (neck * 1.9, 2.2)]
    layer.fill(frame.place(np.array(sides + [(-x, y) for x, y in reversed(sides)])), p.skin, soft=0.012 * s)
    for side in (-1, 1):
        cord = frame.place(smooth_curve(np.array([(side * neck * 0.85, 0.85), (side * 0.12, 1.5)]), closed=False))
        layer.stroke(cord, p.skin * 0.6, 0.03 * s, soft=0.03 * s, opacity=0.35)
    _chin_shadow(layer, frame)
    _clothes(layer, frame, rng, neck)
    layer.colour[:] *= _side_light(frame, layer.size[1])


def _side_light(frame: Frame, width: int) -> Planes:
    """Return the light on an upright cylinder under the head (3, 1, width)."""
    look = frame.look
    middle = frame.place(np.array([[0.0, 1.2]]))[0, 0]
    x = (np.arange(width, dtype=np.float32) - np.float32(middle)) / np.float32(1.6 * frame.scale)
    normal = np.clip(x, -0.95, 0.95)
    toward = np.clip(normal * look.light[0] + np.sqrt(1 - normal**2) * look.light[2] + 0.25, 0, None) / 1.25
    return np.asarray(look.ambient[:, None] * 0.75 + look.key[:, None] * 0.9 * toward, np.float32)[:, None]


def _chin_shadow(layer: Layer, frame: Frame) -> None:
    p, s = frame.person, frame.scale
    jaw = [(-p.width * 0.8, 0.55), (-0.3, 1.0), (0, 1.12), (0.3, 1.0), (p.width * 0.8, 0.55)]
    cast = np.array(jaw) - [0.3 * frame.look.light[0], 0.12 * frame.look.light[1]]
    area = frame.place(smooth_curve(cast, closed=True))
    layer.fill(area, p.skin * 0.16, soft=0.07 * s, opacity=0.8, clip=layer.cover)


def _clothes(layer: Layer, frame: Frame, rng: np.random.Generator, neck: float) -> None:
    look, s = frame.look, frame.scale
    # Shoulders stay level when the head tilts, and reach to the lower edge of the picture.
    origin = frame.place(np.array([[0.0, 1.2]]))
    bottom = (layer.size[0] - origin[0, 1]) / s + 0.3
    wide = 1.55 + 1.5 * (frame.person.jaw - 0.8)
    deep = {"round": 0.2, "v": 0.55, "shirt": 0.42}[look.collar]
    throat = [
        (-neck * 1.2, -0.02),
        (-neck * 0.7, deep * 0.75),
        (0.0, deep),
        (neck * 0.7, deep * 0.75),
        (neck * 1.2, -0.02),
    ]
    side = [(neck * 1.45, -0.05), (wide * 0.8, 0.28), (wide, 0.55), (wide * 1.03, 0.9), (wide * 1.08, max(bottom, 1.3))]
    edge = [(-x, y) for x, y in reversed(side)] + throat + side
    cloth = Layer(*layer.size)
    cloth.fill(smooth_curve(np.array(edge), closed=False, steps=6) * s + origin, _cloth(layer, frame), soft=0.012 * s)
    folds = []
    for _ in range(9):
        x, y = rng.uniform(-wide, wide), rng.uniform(0.4, max(0.5, bottom))
        folds.append(
            np.array([(x, y), (x + rng.normal(0, 0.1), y + 0.3), (x + rng.normal(0, 0.2), y + 0.7)]) * s + origin
        )
    cloth.strokes(folds, look.clothes * 0.35, 0.04 * s, soft=0.05 * s, opacity=0.5, clip=cloth.cover)
    collar = smooth_curve(np.array(throat), closed=False) * s + origin
    cloth.stroke(collar, look.clothes * 0.45, 0.045 * s, soft=0.01 * s, opacity=0.9)
    if look.collar == "shirt":
        _shirt(cloth, frame, neck, origin)
    layer.lay(cloth)


def _cloth(layer: Layer, frame: Frame) -> Planes:
    """Return the cloth's colours: one (3,), or a pattern (3, height, width)."""
    look, s = frame.look, frame.scale
    if look.pattern == "plain":
        return look.clothes
    height, width = layer.size
    down = (np.sin(np.arange(height) * 2 * np.pi / (0.2 * s)) > 0.3).astype(np.float32)[:, None]
    across = (np.sin(np.arange(width) * 2 * np.pi / (0.2 * s)) > 0.3).astype(np.float32)[None, :]
    share = (down + across) / 2 if look.pattern == "checks" else np.broadcast_to(down, (height, width))
    return np.asarray(look.clothes[:, None, None] + (look.trim - look.clothes)[:, None, None] * share, np.float32)


def _shirt(layer: Layer, frame: Frame, neck: float, origin: Points) -> None:
    s, look = frame.scale, frame.look
    for side in (-1, 1):
        flap = np.array([(neck * 1.25, -0.12), (0.0, 0.42), (neck * 0.55, 0.62), (neck * 1.55, 0.06)]) * [side, 1]
        layer.fill(flap * s + origin, look.clothes * 1.15, soft=0.01 * s)
        layer.stroke(flap[1:] * s + origin, look.clothes * 0.4, 0.02 * s, soft=0.01 * s, opacity=0.8)
