"""Where a head is in the picture, how its face is turned, and how light falls on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.sources.drawing.paint import Mask, Planes, Points, smooth_curve
from tasks.sources.drawing.people import Look, Person

# The light is worked out on this coarse grid and enlarged: skin has no sharp shadows.
_GRID = 136
_REACH = 1.7
_DEPTH = 0.75


class Frame:
    """A head at `centre` (x, y) px, `scale` px to half its height.

    `face` places points of the face's surface, which turn with it; `place` points of the silhouette, which do not.
    """

    def __init__(self, person: Person, look: Look, centre: tuple[float, float], scale: float) -> None:
        """Place the head."""
        self.person, self.look, self.scale = person, look, scale
        cos, sin = np.cos(look.roll) * scale, np.sin(look.roll) * scale
        self._matrix = np.array([[cos, -sin, centre[0]], [sin, cos, centre[1]]])

    def place(self, points: Points) -> Points:
        """Return pixels of points (n, 2) of the silhouette."""
        return np.asarray(points @ self._matrix[:, :2].T + self._matrix[:, 2])

    def turn(self, points: Points, rise: float = 0.0) -> Points:
        """Return where points of the face are in the silhouette's plane; `rise` is how far they stand out of it."""
        x, y = points[:, 0], points[:, 1]
        bulge = 1 - 0.9 * (x / self.person.width) ** 2 * 0.9 - 0.8 * y**2
        depth = _DEPTH * np.sqrt(np.maximum(bulge, 0.02)) + rise
        yaw, pitch = self.look.yaw, self.look.pitch
        return np.stack([x * np.cos(yaw) + depth * np.sin(yaw), y * np.cos(pitch) + depth * np.sin(pitch)], 1)

    def face(self, points: Points, rise: float = 0.0) -> Points:
        """Return pixels of points (n, 2) of the face."""
        return self.place(self.turn(points, rise))

    def outline(self) -> Points:
        """Return the silhouette of skull and jaw (n, 2) in the frame's units."""
        w, p = self.person.width, self.person
        right = [(0.34 * w, -0.98), (0.75 * w, -0.78), (0.97 * w, -0.38), (w, -0.05), (0.98 * w, 0.2)]
        right += [(p.jaw * w, 0.58), (p.chin + 0.12, 0.87), (p.chin * 0.6, 0.985)]
        points = np.array(right + [(-x, y) for x, y in reversed(right)])
        drift = 0.3 * np.sin(self.look.yaw) * np.clip(points[:, 1] + 0.1, 0, 1)
        points[:, 0] += drift
        return smooth_curve(points, closed=True, steps=5)

    def light(self, height: int, width: int) -> tuple[Planes, Mask]:
        """Return the light (3, height, width) that the skin sends back, and the gloss on it (height, width)."""
        normal, hollow = self._normals()
        look = self.look
        toward = np.tensordot(normal, look.light, 1)
        # Red light wanders furthest under the skin, so shadows begin with a red edge.
        wrap = np.array([0.42, 0.26, 0.2], np.float32)
        diffuse = np.clip((toward[..., None] + wrap) / (1 + wrap), 0, None) ** 1.25
        sky = 0.78 - 0.22 * normal[..., 1:2]
        field = (look.ambient * sky + look.key * diffuse) * hollow[..., None]
        half = look.light + np.array([0, 0, 1], np.float32)
        gloss = np.clip(np.tensordot(normal, half / np.linalg.norm(half), 1), 0, None) ** 22 * float(look.key.mean())
        light = np.stack([self._spread(field[..., channel], height, width) for channel in range(3)])
        return light, self._spread(gloss, height, width)

    def _normals(self) -> tuple[NDArray[np.float32], Mask]:
        """Return the surface's normals (grid, grid, 3) and how open to the sky it is (grid, grid)."""
        depth = self._dome() + self._relief()
        step = 2 * _REACH / (_GRID - 1)
        dy, dx = np.gradient(depth, step)
        normal = np.stack([-dx, -dy, np.ones_like(dx)], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        cavity = np.clip(cv2.GaussianBlur(depth, (0, 0), 0.12 / step) - depth, -0.03, 0.08)
        return normal.astype(np.float32), (1 - 4.5 * cavity).astype(np.float32)

    def _dome(self) -> Mask:
        outline = self.outline()
        axis = np.linspace(-_REACH, _REACH, _GRID, dtype=np.float32)
        angle = np.arctan2(axis[:, None], axis[None, :])
        at = np.arctan2(outline[:, 1], outline[:, 0])
        radius = np.interp(angle.ravel(), at, np.hypot(outline[:, 0], outline[:, 1]), period=2 * np.pi)
        r = np.hypot(axis[:, None], axis[None, :]) / radius.reshape(_GRID, _GRID).astype(np.float32)
        dome = _DEPTH * np.sqrt(np.clip(1 - r**2.6, 0.05, None)) - 0.5 * np.clip(r - 0.98, 0, 0.4)
        return np.asarray(cv2.GaussianBlur(dome.astype(np.float32), (0, 0), 1.2), np.float32)

    def _relief(self) -> Mask:
        """Return what stands out of the dome and what lies deep, as a sum of Gaussian hills (x, y, rx, ry, height)."""
        p, smile = self.person, self.look.smile
        nose, mouth = p.nose_length, p.mouth_y
        hills = [(0.0, nose * 0.45, 0.055, 0.2, 0.13), (0.0, nose * 0.92, 0.085, 0.085, 0.13)]
        hills += [(0.0, 0.58, 0.27, 0.17, 0.05), (0.0, mouth + 0.075, 0.13, 0.04, 0.035 * p.lip_weight)]
        hills += [(0.0, mouth - 0.05, 0.11, 0.03, 0.02 * p.lip_weight), (0.0, mouth + 0.15, 0.13, 0.04, -0.035)]
        hills += [(0.0, 0.88, 0.14, 0.1, 0.055), (0.0, mouth - 0.12, 0.022, 0.05, -0.014), (0.0, -0.45, 0.4, 0.2, 0.03)]
        for side in (-1, 1):
            hills += [(side * p.eye_x, p.eye_y, 0.17, 0.11, -0.1), (side * p.eye_x, p.eye_y, 0.1, 0.065, 0.05)]
            hills += [(side * 0.27, p.eye_y - p.brow_height, 0.2, 0.06, 0.045)]
            hills += [(side * 0.43, 0.27 - 0.04 * smile, 0.17, 0.14, 0.05 + 0.02 * smile)]
            hills += [(side * p.nose_width, nose * 1.02, 0.05, 0.05, 0.055), (side * 0.6, -0.3, 0.12, 0.2, -0.04)]
            hills += [(side * 0.5, 0.5, 0.12, 0.14, -0.03), (side * 0.3, 0.47, 0.045, 0.09, -0.012 - 0.014 * p.age)]
        axis = np.linspace(-_REACH, _REACH, _GRID)
        centres = self.turn(np.array([hill[:2] for hill in hills]))
        sizes = np.array([hill[2:] for hill in hills])
        columns = np.exp(-(((axis[None] - centres[:, :1]) / sizes[:, :1]) ** 2) / 2)
        rows = np.exp(-(((axis[None] - centres[:, 1:]) / sizes[:, 1:2]) ** 2) / 2) * sizes[:, 2:]
        return np.asarray(rows.T @ columns, np.float32)

    def _spread(self, field: Mask, height: int, width: int) -> Mask:
        """Return a field of the coarse grid as pixels (height, width) of the picture."""
        step = 2 * _REACH / (_GRID - 1)
        matrix = self._matrix.copy()
        matrix[:, 2] -= matrix[:, :2].sum(1) * _REACH
        matrix[:, :2] *= step
        size, border = (width, height), cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(field, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border), np.float32)
