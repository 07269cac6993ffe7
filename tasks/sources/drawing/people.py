"""Who is drawn (a person, the same in all pictures) and how (a look, another in each)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.sources.drawing.paint import linear

T = TypeVar("T")
HairStyle = Literal["short", "long", "bob", "bald", "curly", "tied", "cap"]
Glasses = Literal["none", "round", "square"]
Collar = Literal["round", "v", "shirt"]
Pattern = Literal["plain", "stripes", "checks"]
Rgb = NDArray[np.float32]

_SKINS = [
    (255, 226, 208),
    (250, 214, 190),
    (242, 200, 170),
    (229, 180, 148),
    (205, 148, 112),
    (164, 108, 76),
    (122, 78, 54),
    (92, 60, 44),
]
_HAIRS = [
    (28, 24, 23),
    (46, 33, 27),
    (74, 50, 36),
    (110, 76, 48),
    (160, 120, 74),
    (208, 174, 122),
    (140, 66, 38),
    (168, 164, 158),
]
_IRISES = [(64, 40, 26), (92, 60, 34), (110, 96, 54), (84, 110, 84), (92, 122, 148), (70, 98, 140)]
_CLOTHES = [
    (40, 48, 70),
    (150, 40, 44),
    (230, 228, 220),
    (56, 92, 76),
    (90, 90, 96),
    (205, 160, 80),
    (110, 70, 120),
    (64, 110, 160),
    (24, 24, 28),
    (196, 120, 110),
]
_GLASSES: list[Glasses] = ["none", "none", "none", "none", "none", "none", "round", "square"]
_COLLARS: list[Collar] = ["round", "v", "shirt"]
_PATTERNS: list[Pattern] = ["plain", "plain", "stripes", "checks"]
_STYLES: list[HairStyle] = ["short", "long", "bob", "bald", "curly", "tied", "cap"]


@dataclass(frozen=True)
class Person:
    """Bones, colours and habits of one person. Lengths in halves of the head's height."""

    skin: Rgb
    hair: Rgb
    iris: Rgb
    lips: Rgb
    style: HairStyle
    width: float  # half the face's width
    jaw: float  # jaw angle's width, of `width`
    chin: float  # half the chin's width
    eye_x: float
    eye_y: float
    eye_size: float
    eye_tilt: float
    brow_height: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    lip_weight: float
    hairline: float
    parting: float
    volume: float
    beard: float  # 0 none, below .4 stubble, 1 full
    moustache: float
    age: float  # 0 smooth, 1 wrinkled
    freckles: float
    makeup: float
    glasses: Glasses
    seed: int


@dataclass(frozen=True)
class Look:
    """One moment: pose, expression, clothes and light. Angles in radians."""

    yaw: float
    pitch: float
    roll: float
    smile: float  # -1 stern .. 1 broad
    mouth_open: float
    eyes_open: float
    gaze: float
    light: Rgb  # direction to the key light (x right, y down, z to the camera), length 1
    key: Rgb
    ambient: Rgb
    clothes: Rgb
    trim: Rgb
    collar: Collar
    pattern: Pattern
    seed: int


def draw_person(rng: np.random.Generator) -> Person:
    """Return a random person."""
    skin = _between(rng, _SKINS)
    manly = float(rng.random())
    age = float(rng.beta(1.2, 2))
    bearded = manly > 0.6 and rng.random() < 0.55
    return Person(
        skin=skin,
        hair=_hair_colour(rng, skin, age),
        iris=_between(rng, _IRISES if skin.mean() > 0.3 else _IRISES[:3]),
        lips=_lip_colour(rng, skin, manly),
        style=_style(rng, manly),
        width=rng.uniform(0.69, 0.79),
        jaw=rng.uniform(0.74, 0.84) + 0.1 * manly,
        chin=rng.uniform(0.22, 0.3) + 0.07 * manly,
        eye_x=rng.uniform(0.29, 0.335),
        eye_y=rng.uniform(-0.03, 0.03),
        eye_size=rng.uniform(0.145, 0.175),
        eye_tilt=rng.uniform(0.0, 0.22),
        brow_height=rng.uniform(0.17, 0.23),
        brow_weight=rng.uniform(0.5, 0.9) + 0.4 * manly,
        nose_length=rng.uniform(0.33, 0.42),
        nose_width=rng.uniform(0.1, 0.15),
        mouth_y=rng.uniform(0.575, 0.635),
        mouth_width=rng.uniform(0.22, 0.29),
        lip_weight=rng.uniform(0.7, 1.25),
        hairline=rng.uniform(-0.72, -0.52),
        parting=rng.uniform(-0.45, 0.45),
        volume=rng.uniform(0.06, 0.2),
        beard=rng.uniform(0.25, 1.0) if bearded else 0.0,
        moustache=rng.uniform(0.5, 1.0) if bearded and rng.random() < 0.8 else 0.0,
        age=age,
        freckles=rng.uniform(0.4, 1.0) if rng.random() < 0.2 else 0.0,
        makeup=rng.uniform(0.3, 1.0) if manly < 0.45 else 0.0,
        glasses=_choice(rng, _GLASSES),
        seed=int(rng.integers(2**31)),
    )


def draw_look(rng: np.random.Generator) -> Look:
    """Return a random moment; the head stays near enough to frontal for a detector of frontal faces."""
    light = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.05), rng.uniform(0.7, 1.1)])
    warmth = rng.uniform(-0.06, 0.1)
    colour = np.array([1 + warmth, 1.0, 1 - warmth], np.float32)
    contrast = rng.uniform(0.55, 0.95)
    return Look(
        yaw=float(np.clip(rng.normal(0, 0.2), -0.42, 0.42)),
        pitch=float(np.clip(rng.normal(0, 0.07), -0.15, 0.15)),
        roll=float(np.clip(rng.normal(0, 0.07), -0.2, 0.2)),
        smile=float(np.clip(rng.normal(0.45, 0.4), -0.35, 1)),
        mouth_open=float(max(0, rng.normal(-0.1, 0.5))) if rng.random() < 0.5 else 0.0,
        eyes_open=rng.uniform(0.75, 1.1),
        gaze=float(rng.normal(0, 0.12)),
        light=(light / np.linalg.norm(light)).astype(np.float32),
        key=np.float32(contrast * rng.uniform(0.85, 1.15)) * colour,
        ambient=np.float32(1.02 - contrast) * rng.uniform(0.85, 1.2) * (2 - colour),
        clothes=_between(rng, _CLOTHES),
        trim=_between(rng, _CLOTHES),
        collar=_choice(rng, _COLLARS),
        pattern=_choice(rng, _PATTERNS),
        seed=int(rng.integers(2**31)),
    )


def _between(rng: np.random.Generator, colours: list[tuple[int, int, int]]) -> Rgb:
    """Return a colour of the palette, on the way to its neighbour, and a little off."""
    at = int(rng.integers(len(colours) - 1))
    first, second = linear(*colours[at]), linear(*colours[at + 1])
    mixed = first + (second - first) * np.float32(rng.random())
    return np.asarray(mixed * rng.uniform(0.96, 1.04, 3), np.float32)


def _hair_colour(rng: np.random.Generator, skin: Rgb, age: float) -> Rgb:
    grey = np.float32(max(0.0, age - 0.55) * 2)
    # Fair hair mostly comes with fair skin.
    palette = _HAIRS[:7] if skin.mean() > 0.3 or rng.random() < 0.1 else _HAIRS[:3]
    return _between(rng, palette) * (1 - grey) + linear(*_HAIRS[7]) * grey


def _lip_colour(rng: np.random.Generator, skin: Rgb, manly: float) -> Rgb:
    rose = linear(176, 70, 74) * np.float32(0.4 + 0.6 * float(skin.mean()) ** 0.5)
    share = np.float32(rng.uniform(0.25, 0.5) + 0.35 * max(0.0, 0.5 - manly))
    return np.asarray(skin * np.array([0.82, 0.6, 0.6], np.float32) * (1 - share) + rose * share, np.float32)


def _style(rng: np.random.Generator, manly: float) -> HairStyle:
    weights = np.array([5, 0.3, 0.3, 1.5, 0.8, 0.3, 0.7]) if manly > 0.5 else np.array([0.6, 3, 2, 0.1, 1.5, 2, 0.5])
    return _STYLES[int(rng.choice(len(_STYLES), p=weights / weights.sum()))]


def _choice(rng: np.random.Generator, values: Sequence[T]) -> T:
    return values[int(rng.integers(len(values)))]
