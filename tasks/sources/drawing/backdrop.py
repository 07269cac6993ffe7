"""What is behind people, out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from tasks.sources.drawing.paint import Layer, Planes, Points, ellipse, linear, noise

Painter = Callable[[Layer, np.random.Generator], None]


def paint_backdrop(rng: np.random.Generator, height: int, width: int) -> Planes:
    """Return a blurred background (3, height, width)."""
    small = Layer(height // 2, width // 2)
    _PAINTERS[int(rng.integers(len(_PAINTERS)))](small, rng)
    blur = rng.uniform(0.004, 0.018) * width
    return np.stack([cv2.resize(cv2.GaussianBlur(plane, (0, 0), blur), (width, height)) for plane in small.colour])


def gradient(layer: Layer, top: Planes, bottom: Planes, *, sideways: float = 0.0) -> None:
    """Cover the layer with a run from one colour (3,) to another."""
    height, width = layer.size
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None] + sideways * np.linspace(
        -0.5, 0.5, width, dtype=np.float32
    )
    share = np.clip(share, 0, 1)
    layer.colour[:] = top[:, None, None] * (1 - share) + bottom[:, None, None] * share
    layer.cover[:] = 1


def any_colour(rng: np.random.Generator, low: float = 40, high: float = 220) -> Planes:
    """Return a colour (3,) of medium saturation."""
    grey = rng.uniform(low, high)
    return linear(*np.clip(grey + rng.normal(0, 18, 3), 5, 250))


def rectangle(x: float, y: float, wide: float, high: float) -> Points:
    """Return the corners (4, 2) of an upright rectangle."""
    return np.array([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], float)


def _studio(layer: Layer, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    gradient(layer, colour * np.float32(1.2), colour * np.float32(0.6), sideways=rng.uniform(-1, 1))


def _wall(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    colour = any_colour(rng, 110, 215)
    gradient(layer, colour, colour * np.float32(0.75), sideways=rng.uniform(-0.5, 0.5))
    for _ in range(rng.integers(1, 4)):
        wide, high = rng.uniform(0.15, 0.4, 2) * width
        x, y = rng.uniform(-0.1, 0.9) * width, rng.uniform(-0.1, 0.5) * height
        layer.fill(rectangle(x, y, wide, high), any_colour(rng, 20, 90), soft=1)
        layer.fill(
            rectangle(x + 0.02 * width, y + 0.02 * width, wide - 0.04 * width, high - 0.04 * width),
            any_colour(rng),
            soft=1,
        )
    layer.fill(rectangle(0, rng.uniform(0.7, 0.9) * height, width, height), any_colour(rng, 30, 130), soft=2)


def _window(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    gradient(layer, any_colour(rng, 40, 120), any_colour(rng, 30, 90))
    x, wide = rng.uniform(-0.2, 0.7) * width, rng.uniform(0.35, 0.7) * width
    layer.fill(rectangle(x, -5, wide, 0.75 * height), linear(226, 236, 246), soft=2)
    for share in (0.0, 0.5, 1.0):
        layer.fill(rectangle(x + share * wide - 3, -5, 6, 0.76 * height), any_colour(rng, 20, 120), soft=1)
    layer.fill(rectangle(x, 0.35 * height, wide, 5), any_colour(rng, 20, 120), soft=1)


def paint_leaves(layer: Layer, rng: np.random.Generator) -> None:
    """Paint leaves in light and shade."""
    height, width = layer.size
    gradient(layer, linear(150, 176, 140), linear(40, 70, 34))
    for tone in (0.25, 0.6, 1.0, 1.7):
        spots = [
            ellipse(x, y, a, b, turn, 8)
            for x, y, a, b, turn in rng.uniform((0, 0, 3, 3, 0), (width, height, 14, 14, 3), (70, 5)).tolist()
        ]
        layer.fills(spots, linear(70, 112, 48) * np.float32(tone), soft=1.2, opacity=0.8)


def paint_lights(layer: Layer, rng: np.random.Generator) -> None:
    """Paint lamps in the dark."""
    height, width = layer.size
    gradient(layer, any_colour(rng, 10, 50), any_colour(rng, 15, 70))
    for _ in range(5):
        colour = any_colour(rng, 130, 240) * np.float32(1.5)
        r = rng.uniform(4, 13)
        layer.fills(
            [ellipse(rng.uniform(0, width), rng.uniform(0, height), r, r) for _ in range(6)],
            colour,
            soft=1,
            opacity=0.6,
        )


def paint_street(layer: Layer, rng: np.random.Generator) -> None:
    """Paint houses with windows under a sky."""
    height, width = layer.size
    gradient(layer, linear(150, 180, 214), linear(216, 222, 226))
    x = -5.0
    while x < width:
        wide, top = rng.uniform(0.08, 0.25) * width, rng.uniform(0.05, 0.6) * height
        colour = any_colour(rng, 60, 190)
        layer.fill(rectangle(x, top, wide, height), colour, soft=1)
        panes = [
            rectangle(a, b, 5, 7) for a in np.arange(x + 5, x + wide - 6, 11) for b in np.arange(top + 6, height, 15)
        ]
        layer.fills(panes, colour * np.float32(0.4), soft=0.8)
        x += wide


def paint_shelves(layer: Layer, rng: np.random.Generator) -> None:
    """Paint shelves full of books."""
    height, width = layer.size
    gradient(layer, linear(70, 50, 38), linear(44, 30, 22))
    for y in np.arange(0.1, 1.2, 0.24) * height:
        x = 0.0
        while x < width:
            wide, high = rng.uniform(5, 15), rng.uniform(0.13, 0.2) * height
            layer.fill(rectangle(x, y - high, wide, high), any_colour(rng, 40, 190), soft=0.8)
            x += wide + 1
        layer.fill(rectangle(0, y, width, 5), linear(110, 80, 56), soft=0.8)


def _haze(layer: Layer, rng: np.random.Generator) -> None:
    gradient(layer, any_colour(rng), any_colour(rng), sideways=rng.uniform(-1, 1))
    height, width = layer.size
    cloud = noise(rng, height, width, 60) * 0.12 + noise(rng, height, width, 18) * 0.08
    layer.colour[:] *= np.clip(1 + cloud, 0.2, 2)


_PAINTERS: list[Painter] = [_studio, _wall, _window, paint_leaves, paint_lights, paint_street, paint_shelves, _haze]
