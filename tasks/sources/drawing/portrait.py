"""One person, from back to front, and the picture of one."""

from __future__ import annotations

import numpy as np

from tasks.sources.drawing import face
from tasks.sources.drawing.body import paint_body
from tasks.sources.drawing.frame import Frame
from tasks.sources.drawing.hair import paint_back_hair, paint_front_hair
from tasks.sources.drawing.paint import Layer, noise
from tasks.sources.drawing.people import Look, Person


def paint_person(
    person: Person, look: Look, height: int, width: int, centre: tuple[float, float], scale: float
) -> Layer:
    """Return a person on an empty layer (height, width); the head is at `centre` px, `scale` px to half its height."""
    frame = Frame(person, look, centre, scale)
    light, gloss = frame.light(height, width)
    whole = Layer(height, width)
    paint_back_hair(whole, frame, np.random.default_rng(person.seed))
    whole.colour[:] *= light * 0.7
    body = Layer(height, width)
    paint_body(body, frame, np.random.default_rng(look.seed))
    whole.lay(body)
    head = _head(frame, height, width)
    grain = noise(np.random.default_rng(look.seed), height, width, 1.6) * 0.02
    grain += noise(np.random.default_rng(person.seed), height, width, scale * 0.12) * 0.025
    head.colour[:] *= light * (1 + grain)
    head.colour[:] += head.cover * gloss * 0.09
    face.paint_catchlights(head, frame)
    whole.lay(head)
    hair = Layer(height, width)
    paint_front_hair(hair, frame, np.random.default_rng(person.seed + 1))
    hair.colour[:] *= light
    whole.lay(hair)
    face.paint_glasses(whole, frame)
    return whole


def _head(frame: Frame, height: int, width: int) -> Layer:
    head = Layer(height, width)
    rng = np.random.default_rng(frame.person.seed + 2)
    face.paint_skin(head, frame, rng)
    face.paint_beard(head, frame, rng)
    face.paint_eyes(head, frame, rng)
    face.paint_brows(head, frame, rng)
    face.paint_nose(head, frame)
    face.paint_mouth(head, frame)
    return head
