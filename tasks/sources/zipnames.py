"""What a member of a zip is called: Unicode by its flag, its extra field or its bytes, else in a given encoding.

APPNOTE.TXT 6.3.10, sections 4.4.4 (bit 11), 4.4.2 (made by), 4.5.1 (extra fields) and 4.6.9 (Unicode Path).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tasks.sources.member import clean_path, printable

DEFAULT_ENCODING = "cp437"
_UTF8_NAME = 0x800
_UNICODE_PATH = 0x7075
# Systems on which a backslash is part of a name; on the others it stands between folders.
_UNIX, _MAC = 3, 19


def member_path(raw: bytes, flags: int, system: int, extra: bytes, encoding: str | None) -> str:
    """Return the path that the bytes `raw` of a header mean; undecodable ones come out as `\\udcXX`."""
    name = clean_path(_decoded(raw, flags, extra, encoding or DEFAULT_ENCODING))
    return printable(name if system in (_UNIX, _MAC) else name.replace("\\", "/"))


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the (number, content) of extra fields up to the first that does not fit: many tools write bad ones."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if at + 4 + length > len(extra):
            return
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _decoded(raw: bytes, flags: int, extra: bytes, encoding: str) -> str:
    # Macs write UTF-8 without the flag; in other encodings a name is hardly ever UTF-8 by chance.
    for found in (raw if flags & _UTF8_NAME else None, _unicode_path(raw, extra), raw):
        try:
            if found is not None:
                return found.decode("utf-8")
        except UnicodeDecodeError:
            continue
    return raw.decode(encoding, "surrogateescape")


def _unicode_path(raw: bytes, extra: bytes) -> bytes | None:
    """Return the name in the Unicode Path field, unless the name was changed after the field was written."""
    for kind, content in extra_fields(extra):
        if kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1:
            return content[5:] if struct.unpack_from("<L", content, 1)[0] == zlib.crc32(raw) else None
    return None
