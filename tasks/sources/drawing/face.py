"""The parts of a face, painted as the colours of their surface; the light comes afterwards."""

from __future__ import annotations

import numpy as np

from tasks.sources.drawing.frame import Frame
from tasks.sources.drawing.paint import Colour, Layer, Mask, Points, ellipse, linear, shifted, smooth_curve

_SIDES = (-1, 1)
_DARK = (0.012, 0.008, 0.007)


def paint_skin(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint ears and face, with the reds, freckles and wrinkles of the skin."""
    p = frame.person
    for side in _SIDES:
        _ear(layer, frame, side)
    layer.fill(frame.place(frame.outline()), p.skin, soft=0.9)
    red = p.skin * np.array([1.0, 0.72, 0.7], np.float32)
    s = frame.scale
    for side in _SIDES:
        cheek = ellipse(side * 0.4, 0.3, 0.17, 0.13)
        layer.fill(frame.face(cheek), red, soft=0.09 * s, opacity=0.3 + 0.25 * p.makeup, clip=layer.cover)
    layer.fill(frame.face(ellipse(0, p.nose_length, 0.12, 0.09)), red, soft=0.05 * s, opacity=0.35)
    layer.fill(frame.face(ellipse(0, -0.42, 0.4, 0.16)), p.skin * 1.06, soft=0.12 * s, opacity=0.6)
    _freckles(layer, frame, rng)
    _wrinkles(layer, frame)


def _ear(layer: Layer, frame: Frame, side: int) -> None:
    p, s = frame.person, frame.scale
    # The ear that the head turns away from is hidden behind it.
    x = side * (p.width + 0.05 - 0.35 * max(0.0, side * np.sin(frame.look.yaw)))
    layer.fill(frame.place(ellipse(x, 0.12, 0.1, 0.22, side * 0.18)), p.skin * 0.92, soft=0.8)
    inner = p.skin * np.array([0.55, 0.42, 0.4], np.float32)
    layer.fill(frame.place(ellipse(x, 0.12, 0.045, 0.13, side * 0.2)), inner, soft=0.03 * s, opacity=0.7)


def _freckles(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    p = frame.person
    spots = [(rng.normal(0, 0.3), rng.normal(0.22, 0.14)) for _ in range(int(90 * p.freckles))]
    spots += [(rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.8)) for _ in range(4)]
    brown = p.skin * np.array([0.62, 0.45, 0.36], np.float32)
    sizes = rng.uniform(0.006, 0.014, len(spots))
    areas = [frame.face(ellipse(x, y, size, size, steps=8)) for (x, y), size in zip(spots, sizes, strict=True)]
    layer.fills(areas, brown, soft=0.8, opacity=0.45)


def _wrinkles(layer: Layer, frame: Frame) -> None:
    p, look, s = frame.person, frame.look, frame.scale
    shade = p.skin * np.array([0.5, 0.38, 0.34], np.float32)
    fold = min(1.0, 0.25 + 0.5 * p.age + 0.3 * max(0.0, look.smile))
    lines = [[(side * 0.14, 0.36), (side * 0.22, 0.45), (side * 0.29, p.mouth_y - 0.02)] for side in _SIDES]
    for line in lines:
        layer.stroke(_curve(frame, line), shade, 0.02 * s, soft=0.022 * s, opacity=0.4 * fold)
    if p.age > 0.35:
        lines = [[(-0.3, y), (0, y - 0.02), (0.3, y)] for y in (-0.36, -0.44, -0.52)]
        for side in _SIDES:
            x, y = side * (p.eye_x + p.eye_size * 1.2), p.eye_y
            lines += [[(x, y - 0.01), (x + side * 0.07, y + dy)] for dy in (-0.05, 0.0, 0.05)]
            lines += [
                [(side * (p.eye_x - 0.12), y + 0.12), (side * p.eye_x, y + 0.15), (side * (p.eye_x + 0.13), y + 0.1)]
            ]
        for line in lines:
            layer.stroke(_curve(frame, line), shade, 1.0, soft=1.0, opacity=0.4 * (p.age - 0.2))


def _curve(frame: Frame, line: list[tuple[float, float]], rise: float = 0.0) -> Points:
    return frame.face(smooth_curve(np.array(line, float), closed=False), rise)


def paint_eyes(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint both eyes: ball, iris, pupil, lids, crease and lashes."""
    for side in _SIDES:
        upper, lower = _lids(frame, side)
        opening = np.concatenate([upper, lower[::-1]])
        _lid_shadow(layer, frame, upper, lower)
        ball = Layer(*layer.size)
        ball.fill(opening, (1.0, 1.0, 1.0), soft=0.5)
        _eyeball(layer, frame, side, opening, ball.cover, rng)
        _lashes(layer, frame, side, upper, lower, rng)


def _lids(frame: Frame, side: int) -> tuple[Points, Points]:
    """Return the edges of the upper and the lower lid, in pixels, from the inner to the outer corner."""
    p, look = frame.person, frame.look
    open_ = 0.5 * p.eye_size * look.eyes_open * (1 - 0.18 * max(0.0, look.smile))
    t = np.linspace(0, 1, 13)
    x = (t * 2 - 1) * p.eye_size
    tilt = -p.eye_tilt * p.eye_size * (t * 2 - 1)
    up = tilt - 1.12 * open_ * np.sin(np.pi * t**0.85) ** 0.8
    down = tilt + 0.62 * open_ * np.sin(np.pi * t**1.2) ** 0.85 + 0.015 * (1 - t)
    upper, lower = (np.stack([side * (p.eye_x + x), p.eye_y + y], 1) for y in (up, down))
    return frame.face(upper), frame.face(lower)


def _lid_shadow(layer: Layer, frame: Frame, upper: Points, lower: Points) -> None:
    p, s = frame.person, frame.scale
    shade = p.skin * np.array([0.5, 0.36, 0.33], np.float32)
    tint = shade * (1 - np.float32(0.5 * p.makeup)) + linear(90, 60, 80) * np.float32(0.5 * p.makeup)
    layer.fill(
        np.concatenate([shifted(upper, -0.075 * s), upper[::-1]]), tint, soft=0.03 * s, opacity=0.28 + 0.3 * p.makeup
    )
    layer.stroke(shifted(upper, -0.06 * s), shade, 0.014 * s, soft=0.01 * s, opacity=0.75)
    layer.stroke(shifted(lower, 0.055 * s), shade, 0.025 * s, soft=0.025 * s, opacity=0.25 + 0.3 * p.age)


def _eyeball(layer: Layer, frame: Frame, side: int, opening: Points, clip: Mask, rng: np.random.Generator) -> None:
    p, look, s = frame.person, frame.look, frame.scale
    layer.fill(opening, linear(226, 218, 212), soft=0.6)
    x, y = frame.face(np.array([[side * p.eye_x + look.gaze * p.eye_size, p.eye_y - 0.006]]))[0]
    radius = 0.46 * p.eye_size * s
    rings: list[tuple[float, Colour]] = [(1.0, p.iris * 0.28), (0.88, p.iris), (0.6, p.iris * 1.45), (0.43, _DARK)]
    for share, colour in rings:
        layer.fill(ellipse(x, y, radius * share, radius * share), colour, soft=0.05 * radius + 0.3, clip=clip)
    angle = rng.uniform(0, 2 * np.pi, 14)
    spokes = radius * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None] * np.array([0.45, 0.85])[None, :, None]
    layer.strokes(list(spokes + np.array([x, y])), p.iris * 0.5, 1.0, opacity=0.5, clip=clip)
    # The upper lid casts a shadow on the ball, and the corners are red.
    middle = len(opening) // 2
    layer.stroke(
        shifted(opening[:middle], 0.012 * s), (0.06, 0.045, 0.04), 0.03 * s, soft=0.014 * s, opacity=0.6, clip=clip
    )
    corner = ellipse(opening[0, 0], opening[0, 1], 0.025 * s, 0.02 * s)
    layer.fill(corner, linear(190, 110, 104), soft=0.6, opacity=0.7, clip=clip)


def _lashes(layer: Layer, frame: Frame, side: int, upper: Points, lower: Points, rng: np.random.Generator) -> None:
    p, s = frame.person, frame.scale
    rim = p.skin * np.array([0.7, 0.48, 0.46], np.float32)
    layer.stroke(lower, rim, 0.012 * s, soft=0.6, opacity=0.8)
    layer.stroke(upper, _DARK, (0.014 + 0.014 * p.makeup) * s, soft=0.5, opacity=0.92)
    layer.stroke(lower[4:], _DARK, 1.0, soft=0.6, opacity=0.3 + 0.3 * p.makeup)
    roots = upper[3:-1] + rng.normal(0, 0.004 * s, (len(upper) - 4, 2))
    reach = np.linspace(0.15, 1.0, len(roots))
    length = (0.045 + 0.03 * p.makeup) * s
    hairs = [
        np.stack([root, root + length * np.array([side * 0.75 * r, -0.8])])
        for root, r in zip(roots, reach, strict=True)
    ]
    layer.strokes(hairs, _DARK, 0.8 + 0.5 * p.makeup, soft=0.5, opacity=0.65)


def paint_catchlights(layer: Layer, frame: Frame) -> None:
    """Paint the lamp's reflection in both eyes; it shines, so it comes after the light."""
    p, look, s = frame.person, frame.look, frame.scale
    for side in _SIDES:
        at = np.array([[side * p.eye_x + look.gaze * p.eye_size, p.eye_y - 0.01]])
        x, y = frame.face(at)[0] + 0.2 * p.eye_size * s * np.sign(look.light[:2])
        layer.fill(ellipse(x, y - 0.04 * s, 0.02 * s, 0.022 * s), (0.95, 0.95, 0.97), soft=0.6, opacity=0.9)


def paint_brows(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint both eyebrows, hair by hair."""
    p, look, s = frame.person, frame.look, frame.scale
    dark = p.hair * 0.55 + p.skin * 0.08
    for side in _SIDES:
        t = np.linspace(0, 1, 9)
        x = p.eye_x + p.eye_size * (t * 2.5 - 1.25)
        y = p.eye_y - p.brow_height - 0.055 * np.sin(np.pi * t**0.9) + 0.02 * (1 - t) + 0.02 * t - 0.015 * look.smile
        thick = 0.034 * p.brow_weight * (1 - 0.75 * t**1.5)
        band = np.concatenate([np.stack([side * x, y - thick], 1), np.stack([side * x, y + thick], 1)[::-1]])
        layer.fill(frame.face(band), dark, soft=0.014 * s, opacity=0.6)
        at = rng.uniform(0, 1, 46)
        roots = np.stack(
            [np.interp(at, t, x), np.interp(at, t, y) + rng.uniform(-1, 1, 46) * np.interp(at, t, thick)], 1
        )
        tips = roots + 0.06 * np.stack([0.4 + 0.5 * at, -0.5 + 0.7 * at], 1)
        hairs = np.stack([frame.face(ends * [side, 1]) for ends in (roots, tips)], 1)
        layer.strokes(list(hairs), dark * 0.6, 0.9, soft=0.4, opacity=0.75)


def paint_nose(layer: Layer, frame: Frame) -> None:
    """Paint nostrils and wings; the bridge is only light and shade."""
    p, s = frame.person, frame.scale
    shade = p.skin * np.array([0.42, 0.28, 0.25], np.float32)
    base = p.nose_length + 0.045
    for side in _SIDES:
        nostril = ellipse(side * p.nose_width * 0.5, base, p.nose_width * 0.27, 0.021, -side * 0.25)
        layer.fill(frame.face(nostril, 0.08), shade * 0.22, soft=0.009 * s, opacity=0.85)
        wing = [
            (side * p.nose_width * x, base + y) for x, y in ((0.75, -0.1), (1.12, -0.06), (1.15, -0.01), (0.85, 0.012))
        ]
        layer.stroke(_curve(frame, wing, 0.04), shade, 0.014 * s, soft=0.012 * s, opacity=0.6)
    under = ellipse(0, base + 0.03, p.nose_width * 0.8, 0.02)
    layer.fill(frame.face(under, 0.03), shade, soft=0.02 * s, opacity=0.4)


def paint_mouth(layer: Layer, frame: Frame) -> None:
    """Paint lips, and teeth where the mouth is open."""
    p, look, s = frame.person, frame.look, frame.scale
    wide = p.mouth_width * (1 + 0.18 * look.smile)
    lift, gap = 0.012 + 0.055 * look.smile, 0.055 * look.mouth_open
    thick = 0.062 * p.lip_weight
    t = np.linspace(-1, 1, 17)
    line = p.mouth_y - lift * t**2 + 0.012 * np.cos(2 * np.pi * t) * (1 - t**2)
    bow = (1 - t**2) ** 0.75 - 0.2 * np.exp(-((t / 0.16) ** 2))
    edges = [line - thick * bow - 0.4 * gap, line - 0.4 * gap * (1 - t**2), line + gap * (1 - t**2)]
    edges.append(edges[2] + 1.2 * thick * np.sqrt(np.clip(1 - t**2, 0, 1)))
    top, above, below, bottom = (frame.face(np.stack([wide * t, y], 1)) for y in edges)
    layer.fill(np.concatenate([shifted(bottom, 0.02 * s), bottom[::-1]]), p.skin * 0.55, soft=0.03 * s, opacity=0.4)
    layer.fill(np.concatenate([top, above[::-1]]), p.lips * 0.8, soft=0.012 * s)
    layer.fill(np.concatenate([below, bottom[::-1]]), p.lips, soft=0.012 * s)
    shine = np.concatenate([(0.6 * below + 0.4 * bottom)[5:12], (0.35 * below + 0.65 * bottom)[5:12][::-1]])
    layer.fill(shine, p.lips * 1.5 + 0.03, soft=0.014 * s, opacity=0.35 + 0.3 * p.makeup)
    if gap > 0.008:
        inside = np.concatenate([above, below[::-1]])
        layer.fill(inside, (0.03, 0.01, 0.01), soft=0.5)
        teeth = np.concatenate([above[2:-2], (0.35 * above + 0.65 * below)[2:-2][::-1]])
        layer.fill(teeth, linear(228, 220, 208), soft=0.6, opacity=0.95)
    layer.stroke(above, p.lips * 0.16, 0.014 * s, soft=0.008 * s, opacity=0.85)
    for corner in (above[0], above[-1]):
        layer.fill(ellipse(corner[0], corner[1], 0.02 * s, 0.014 * s), p.skin * 0.3, soft=0.012 * s, opacity=0.7)


def paint_beard(layer: Layer, frame: Frame, rng: np.random.Generator) -> None:
    """Paint stubble, beard and moustache, below the lips' colours."""
    p, s = frame.person, frame.scale
    if not p.beard:
        return
    outline = frame.outline()
    jaw = outline[outline[:, 1] > 0.12]
    jaw = jaw[np.argsort(-jaw[:, 0])]
    cheek = smooth_curve(
        np.array([(-0.66, 0.12), (-0.5, 0.42), (-0.3, 0.56), (0, 0.72), (0.3, 0.56), (0.5, 0.42), (0.66, 0.12)]),
        closed=False,
    )
    area = np.concatenate([frame.place(jaw), frame.face(cheek)])
    dark = p.hair * 0.7 + 0.004
    layer.fill(area, dark, soft=0.05 * s, opacity=0.25 + 0.5 * p.beard, clip=layer.cover)
    if p.moustache:
        lip = [
            (-0.26, p.mouth_y),
            (-0.12, p.mouth_y - 0.1),
            (0, p.mouth_y - 0.085),
            (0.12, p.mouth_y - 0.1),
            (0.26, p.mouth_y),
            (0, p.mouth_y - 0.035),
        ]
        layer.fill(frame.face(np.array(lip)), dark, soft=0.022 * s, opacity=0.3 + 0.5 * p.moustache)
    hairs = []
    for _ in range(int(120 + 160 * p.beard)):
        x, y = rng.uniform(-0.62, 0.62), rng.uniform(0.3, 0.98)
        if abs(x) * 0.8 > 0.62 - 0.35 * (y - 0.3) or (abs(x) < 0.3 and y < p.mouth_y + 0.09):
            continue
        length = 0.02 + 0.05 * p.beard
        hairs.append(frame.face(np.array([[x, y], [x * (1 + 0.4 * length) + rng.normal(0, 0.01), y + length]])))
    layer.strokes(hairs, dark * 0.7, 0.9, soft=0.4, opacity=0.55, clip=layer.cover)


def paint_glasses(layer: Layer, frame: Frame) -> None:
    """Paint a thin frame and the reflections in its lenses."""
    p, s = frame.person, frame.scale
    if p.glasses == "none":
        return
    colour = (0.02, 0.018, 0.018)
    for side in _SIDES:
        x, y = side * p.eye_x * 1.03, p.eye_y + 0.03
        corners = np.array([(-0.21, -0.13), (0.21, -0.15), (0.2, 0.13), (-0.17, 0.15)]) * [side, 1] + [x, y]
        rim = smooth_curve(corners, closed=True) if p.glasses == "square" else ellipse(x, y, 0.2, 0.19)
        rim = frame.face(np.concatenate([rim, rim[:1]]), 0.06)
        layer.fill(rim, (0.8, 0.85, 0.9), soft=1.0, opacity=0.06)
        layer.stroke(rim, colour, 0.024 * s, soft=0.5, opacity=0.95)
        temple = np.array([(side * (p.eye_x * 1.03 + 0.2), y - 0.06), (side * p.width, y - 0.07)])
        layer.stroke(frame.face(temple, 0.03), colour, 0.022 * s, soft=0.6, opacity=0.9)
    bridge = [(-p.eye_x + 0.17, p.eye_y), (0, p.eye_y - 0.03), (p.eye_x - 0.17, p.eye_y)]
    layer.stroke(_curve(frame, bridge, 0.08), colour, 0.022 * s, soft=0.5)
