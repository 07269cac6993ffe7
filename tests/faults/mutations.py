"""Files that are almost pictures: what disks, networks and people with time on their hands make of them."""

from __future__ import annotations

import random

LIES = [bytes.fromhex(lie) for lie in ("0000", "ffff", "7fff", "00000000", "ffffffff", "7fffffff", "80000000")]
HEAD = 64  # bytes in which all formats say how large they are


def mutated(data: bytes, seed: int) -> bytes:
    """Return `data` changed in one of the ways below, drawn by a seed."""
    rng = random.Random(seed)
    changed = rng.choice((flip, cut, splice, lie, repeat))(data, rng)
    return changed if changed != data else data[:-1]


def flip(data: bytes, rng: random.Random) -> bytes:
    """Turn some bits over, half of the time near the beginning."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        end = min(len(out), rng.choice((HEAD, len(out))))
        out[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    """End early."""
    return data[: rng.randrange(1, len(data))]


def splice(data: bytes, rng: random.Random) -> bytes:
    """Copy a piece over another place."""
    start, length, to = rng.randrange(len(data)), rng.randrange(1, 200), rng.randrange(len(data))
    piece = data[start : start + length]
    return data[:to] + piece + data[to + (len(piece) if rng.random() < 0.5 else 0) :]


def lie(data: bytes, rng: random.Random) -> bytes:
    """Let the head claim another size, offset or number of something."""
    value = rng.choice(LIES)
    at = rng.randrange(2, min(HEAD, len(data)))
    return data[:at] + value + data[at + len(value) :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    """Insert a piece many times over."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 64)]
    return data[:start] + piece * rng.randrange(2, 200) + data[start:]
