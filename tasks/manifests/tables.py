"""The CSV files that came inside a dump: kept beside its faces, so that a label rule can change without its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.manifests.matching import normal
from tasks.manifests.parts import Row
from tasks.params import FauxfaceError
from tasks.sources import Member
from tasks.sources.status import Status

# Larger than the label tables of the public data sets of millions of images, small enough for memory.
MAX_TABLE_BYTES = 256 * 1024 * 1024
_SUFFIXES = {".csv", ".tsv", ".tab"}
# Captions are text files too, one a picture: a table has a header with a separator, and a line below it.
_TEXT = ".txt"
_SEPARATORS = (b",", b"\t", b";")


def is_table(member: Member) -> bool:
    """Say whether a member may be a table that names labels or groups, by its name and, for .txt, its text."""
    suffix = PurePosixPath(normal(member.path)).suffix.casefold()
    if suffix != _TEXT or member.data is None:
        return suffix in _SUFFIXES
    header, _, rest = member.data[:65536].partition(b"\n")
    return bool(rest.strip()) and any(separator in header for separator in _SEPARATORS)


def table_row(member: Member, read: Callable[[str], bytes]) -> Row:
    """Return the row of TABLES for a member; one that could not be read or is too large is named without its bytes.

    `read` gives the bytes of a table that the dump lists without them, and raises FauxfaceError.
    """
    data = member.data
    if data is None and member.status == Status.METADATA:
        with suppress(FauxfaceError):
            data = read(member.path)
    return {"member": member.path, "data": data if data is not None and len(data) <= MAX_TABLE_BYTES else None}


class KeptTables:
    """The tables of one data set, as the crop stage kept them in data/faces/<data set>/."""

    def __init__(self, folder: Path) -> None:
        """Look into `folder` when asked."""
        self._folder = folder

    def read(self, path: str) -> bytes:
        """Return the bytes of the first table at this path of the dump; raises FauxfaceError when there is none."""
        names: list[str] = []
        for part in sorted(self._folder.glob("tables-*.parquet")):
            members = pq.read_table(part, columns=["member"])["member"].to_pylist()
            names += members
            for member in members:
                if normal(member) == normal(path):
                    return self._bytes(part, member)
        raise FauxfaceError(f"the dump has no such table (those that it has: {_listed(names)})")

    def _bytes(self, part: Path, member: str) -> bytes:
        table = pq.read_table(part, filters=pc.field("member") == member)
        data = table["data"][0].as_py()
        if data is None:
            limit = MAX_TABLE_BYTES // 1024**2
            raise FauxfaceError(f"the member {member} could not be kept (damaged, or more than {limit} MB)")
        return bytes(data)


def _listed(names: Iterable[str]) -> str:
    found = sorted(set(names))
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "") or "none"
