"""ICC profiles made here, for files that state their colours as numbers: PNG's cHRM and cICP, AVIF's and HEIF's nclx.

Sources: ICC.1:2022; ITU-T H.273 (code points); Lindbloom, "Chromatic adaptation" (Bradford).
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Chromaticities = tuple[float, ...]  # x and y of white, red, green, blue

SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES: dict[int, Chromaticities] = {
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI-P3
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
# Transfer by pure power; those of television (1, 6, 14, 15) are shown with sRGB's curve, as browsers do.
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}
_SRGB_CURVES = (1, 2, 6, 13, 14, 15)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CLOSE = 0.005  # in x and y: the rounding of those who write sRGB's primaries


@lru_cache(maxsize=64)
def of_chromaticities(chromaticities: Chromaticities) -> bytes:
    """Return the profile of sRGB's curve with other primaries; empty where they are sRGB's or no colours at all."""
    if np.abs(np.subtract(chromaticities, SRGB)).max() <= _CLOSE:
        return b""
    return _profile(chromaticities, 3, _SRGB_CURVE)


@lru_cache(maxsize=64)
def of_code_points(primaries: int, transfer: int) -> bytes:
    """Return the profile of two code points; empty where they are sRGB's, unknown, or of high dynamic range."""
    chromaticities = _PRIMARIES.get(primaries, SRGB)
    if transfer in _POWERS:
        return _profile(chromaticities, 0, (_POWERS[transfer],))
    return of_chromaticities(chromaticities) if transfer in _SRGB_CURVES else b""


def _profile(chromaticities: Chromaticities, curve: int, parameters: tuple[float, ...]) -> bytes:
    try:
        columns = _to_d50(chromaticities).T
    except np.linalg.LinAlgError:
        return b""
    if not np.isfinite(columns).all() or np.abs(columns).max() > 100:
        return b""
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    steps = b"para" + bytes(4) + struct.pack(">HH", curve, 0) + _fixed(*parameters)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), steps)
    return _assembled(tags)


def _to_d50(chromaticities: Chromaticities) -> Matrix:
    """Return the matrix (3, 3) from linear RGB to XYZ under the profiles' white."""
    white, *primaries = (_from_xy(x, y) for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True))
    colours = np.stack(primaries, axis=1)
    to_xyz = colours * np.linalg.solve(colours, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ (scale[:, None] * _BRADFORD) @ to_xyz)


def _from_xy(x: float, y: float) -> Matrix:
    if y <= 0:
        raise np.linalg.LinAlgError
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz(colour: Matrix) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*colour.tolist())


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    """Return a profile of a display, version 4: header, table of tags, their contents."""
    at = 128 + 4 + 12 * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(contents), len(content))
        contents += content
    head = struct.pack(">I4xI12s", at + len(contents), 0x04300000, b"mntrRGB XYZ ") + bytes(12) + b"acsp" + bytes(28)
    return head + _fixed(*_D50.tolist()) + bytes(48) + table + contents
