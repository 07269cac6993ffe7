"""Whole pictures in linear light: one person, several, and none at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tasks.sources.drawing import backdrop
from tasks.sources.drawing.backdrop import any_colour, gradient, paint_backdrop, rectangle
from tasks.sources.drawing.chains import Area
from tasks.sources.drawing.frame import Frame
from tasks.sources.drawing.paint import Layer, Planes, Points, ellipse, linear, noise, smooth_curve
from tasks.sources.drawing.people import Look, Person, draw_look, draw_person
from tasks.sources.drawing.portrait import paint_person

# Parts of a face that a retoucher may make; left and right are the picture's.
PARTS = ("left eye", "right eye", "mouth")


def paint_portrait(person: Person, rng: np.random.Generator, side: int) -> tuple[Planes, dict[str, Area]]:
    """Return a square portrait (3, side, side), head and shoulders before a background, and where its PARTS are."""
    look = draw_look(rng)
    light = paint_backdrop(rng, side, side) * look.key.mean()
    scale = side * rng.uniform(0.24, 0.29)
    centre = (side * rng.uniform(0.44, 0.56), side * rng.uniform(0.43, 0.5))
    picture = paint_person(person, look, side, side, centre, scale).over(light)
    places = [(-person.eye_x, person.eye_y), (person.eye_x, person.eye_y), (0.0, person.mouth_y)]
    pixels = Frame(person, look, centre, scale).face(np.array(places))
    areas = {part: Area(float(x), float(y), 0.3 * scale) for part, (x, y) in zip(PARTS, pixels, strict=True)}
    return picture * np.float32(rng.uniform(1.05, 1.45)), areas


def paint_group(rng: np.random.Generator, count: int, height: int, width: int) -> Planes:
    """Return `count` people side by side (3, height, width), in two rows from five on; nobody's face is hidden."""
    picture = paint_backdrop(rng, height, width)
    shared = draw_look(rng)
    back = count // 2 if count > 4 else 0
    for row, people in enumerate([back, count - back]):
        scale = height * (0.085 if count > 4 else rng.uniform(0.1, 0.12))
        y = height * (0.24 if row == 0 else (0.62 if count > 4 else rng.uniform(0.36, 0.5)))
        # The rows stand in each other's gaps.
        gap = width / (people + (0.6 if row == 0 else 0.2)) if people else 0.0
        for place in range(people):
            x = width / 2 + (place - (people - 1) / 2) * gap + rng.normal(0, 0.1) * scale
            _stand(
                picture,
                draw_person(rng),
                _in_light(draw_look(rng), shared),
                (x, y + rng.normal(0, 0.15) * scale),
                scale,
            )
    return picture * np.float32(rng.uniform(1.0, 1.3))


def _in_light(look: Look, shared: Look) -> Look:
    """Return the look under the light that falls on all."""
    return replace(look, light=shared.light, key=shared.key, ambient=shared.ambient)


def _stand(picture: Planes, person: Person, look: Look, at: tuple[float, float], scale: float) -> None:
    """Lay a person over the part of the picture that they cover."""
    x0, x1 = max(0, int(at[0] - 2.2 * scale)), min(picture.shape[2], int(at[0] + 2.2 * scale))
    y0, y1 = max(0, int(at[1] - 1.6 * scale)), picture.shape[1]
    layer = paint_person(person, look, y1 - y0, x1 - x0, (at[0] - x0, at[1] - y0), scale)
    picture[:, y0:y1, x0:x1] = layer.over(picture[:, y0:y1, x0:x1])


def paint_empty(rng: np.random.Generator, number: int, height: int, width: int) -> Planes:
    """Return a scene without people (3, height, width); `number` chooses which kind."""
    layer = Layer(height, width)
    _EMPTY[number % len(_EMPTY)](layer, rng)
    grain = 1 + 0.03 * noise(rng, height, width, 2.5) + 0.03 * noise(rng, height, width, 9)
    return np.asarray(layer.colour * grain * np.float32(rng.uniform(0.8, 1.1)))


def _hills(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    gradient(layer, linear(110, 150, 205), linear(228, 220, 205))
    layer.fill(ellipse(rng.uniform(0.2, 0.8) * width, 0.2 * height, 26, 26), linear(255, 246, 220), soft=4)
    for row in range(5):
        x = np.linspace(-0.05, 1.05, 15) * width
        y = height * (0.35 + 0.13 * row) + rng.normal(0, 0.035, 15) * height
        edge = smooth_curve(np.stack([x, y], 1), closed=False)
        ground = np.concatenate([edge, [(width + 9, height + 9), (-9, height + 9)]])
        colour = linear(150 - 22 * row, 172 - 18 * row, 170 - 28 * row)
        layer.fill(ground, colour, soft=0.8)
        if row > 1:
            _trees(layer, rng, edge, colour, 5.0 + 6 * row)


def _trees(layer: Layer, rng: np.random.Generator, edge: Points, colour: Planes, size: float) -> None:
    roots = edge[rng.integers(0, len(edge), 26)]
    firs = [
        np.array([(x - 0.35 * h, y + 4), (x, y - h), (x + 0.35 * h, y + 4)])
        for (x, y), h in zip(roots, size * rng.uniform(0.8, 2, 26), strict=True)
    ]
    layer.fills(firs, colour * np.float32(0.5), soft=0.8, opacity=0.9)


def _sea(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    gradient(layer, linear(90, 140, 200), linear(240, 210, 180))
    horizon = rng.uniform(0.4, 0.6) * height
    layer.fill(rectangle(-9, horizon, width + 18, height), linear(38, 84, 112), soft=1)
    for _ in range(160):
        y = horizon + (height - horizon) * rng.random() ** 1.5
        x, wide = rng.uniform(0, width), rng.uniform(0.02, 0.16) * (y - horizon + 20)
        layer.stroke(np.array([(x, y), (x + wide * 3, y + rng.normal(0, 1))]), linear(150, 190, 205), 1.4, opacity=0.5)
    x = rng.uniform(0.2, 0.8) * width
    layer.fill(np.array([(x, horizon - 70), (x, horizon - 6), (x + 42, horizon - 6)]), linear(240, 238, 230))
    layer.fill(
        np.array([(x - 26, horizon - 4), (x + 50, horizon - 4), (x + 36, horizon + 10), (x - 14, horizon + 10)]),
        linear(90, 50, 36),
    )


def _table(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    colour = any_colour(rng, 120, 200)
    gradient(layer, colour, colour * np.float32(0.7), sideways=0.5)
    layer.fill(rectangle(-9, 0.68 * height, width + 18, height), linear(126, 84, 52), soft=1)
    for x in np.linspace(0.12, 0.85, 5) * width:
        body, wide, high = any_colour(rng, 60, 200), rng.uniform(24, 52), rng.uniform(60, 170)
        base = height * rng.uniform(0.74, 0.9)
        half = [(0.25, -1.0), (0.32, -0.8), (1.0, -0.4), (0.8, -0.1), (0.5, 0.0)]
        vase = np.array([(-a, b) for a, b in half] + [(a, b) for a, b in reversed(half)]) * [wide, high] + [x, base]
        layer.fill(ellipse(x + 20, base, wide * 1.1, 9), (0.03, 0.02, 0.015), soft=7, opacity=0.6)
        layer.fill(smooth_curve(vase, closed=True), body, soft=0.8)
        shine = np.array([(x - 0.45 * wide, base - 0.65 * high), (x - 0.6 * wide, base - 0.35 * high)])
        layer.stroke(shine, body * np.float32(2.2), 5, soft=4, opacity=0.6)


def _meadow(layer: Layer, rng: np.random.Generator) -> None:
    height, width = layer.size
    gradient(layer, linear(120, 150, 90), linear(50, 84, 34))
    for tone in (0.4, 0.8, 1.3):
        roots = rng.uniform(0, 1, (260, 2)) * [width, height * 1.1]
        blades = np.stack([roots, roots + np.stack([rng.normal(0, 8, 260), np.full(260, -46.0)], 1)], 1)
        layer.strokes(list(blades), linear(96, 140, 58) * np.float32(tone), 2, opacity=0.7)
    for _ in range(26):
        _flower(layer, rng, rng.uniform(0, width), rng.uniform(0.25, 1) * height, rng.uniform(5, 13))


def _flower(layer: Layer, rng: np.random.Generator, x: float, y: float, r: float) -> None:
    turn = [number * np.pi / 3 for number in range(6)]
    petals = [ellipse(x + r * np.cos(a), y + r * np.sin(a), 0.62 * r, 0.36 * r, a) for a in turn]
    layer.fills(petals, any_colour(rng, 150, 240), soft=0.7)
    layer.fill(ellipse(x, y, 0.42 * r, 0.42 * r), linear(226, 180, 60), soft=0.7)


_EMPTY: list[Callable[[Layer, np.random.Generator], None]] = [
    _hills,
    _sea,
    _table,
    _meadow,
    backdrop.paint_street,
    backdrop.paint_shelves,
    backdrop.paint_leaves,
    backdrop.paint_lights,
]
