"""How many frames an animation has, told by its blocks without decoding one."""

from __future__ import annotations

_COLOURS = 0x80  # flag: a table of colours follows
_IMAGE, _EXTENSION = 0x2C, 0x21


def gif_frames(data: bytes) -> int:
    """Return the number of pictures in a GIF file (GIF89a, 1990), as far as its blocks can be followed; 1 at least."""
    count = 0
    try:
        at = 13 + _table(data[10])
        while data[at] in (_IMAGE, _EXTENSION):
            if data[at] == _IMAGE:
                count += 1
                at += 11 + _table(data[at + 9])
            else:
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
    except IndexError:
        pass  # cut short: what was counted so far
    return max(1, count)


def _table(flags: int) -> int:
    """Return the bytes of the table of colours that a block's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & _COLOURS else 0
