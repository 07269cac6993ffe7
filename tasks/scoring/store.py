"""Where scores lie: a Hive-partitioned folder of Parquet parts, on this machine or at any URL that fsspec knows.

    <root>/model=<id>/archive=<name>-<fp12>/part-00000.parquet

Credentials of a remote store come from the environment (as its fsspec package reads them), never from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from tasks.manifests.parts import Row, footer_notes, part_bytes
from tasks.manifests.schemas import SCORES
from tasks.params import FauxfaceError
from tasks.params.files import atomic_write, remove_temp_files

_MODEL, _ARCHIVE, _PART, _PARQUET = "model=", "archive=", "part-", ".parquet"


@dataclass(frozen=True)
class ScoreStore:
    """All scorings below `root`, a path or URL (`s3://bucket/scores`)."""

    root: str

    def scorings(self) -> list[ScoreFolder]:
        """Return every model=<id>/archive=<label> below the root, sorted; none where there is no such folder."""
        root = _Folder(self.root)
        return [
            self.folder(model.removeprefix(_MODEL), archive.removeprefix(_ARCHIVE))
            for model in root.names(_MODEL)
            for archive in root.below(model).names(_ARCHIVE)
        ]

    def folder(self, model_id: str, archive: str) -> ScoreFolder:
        """Return the folder of one scoring; `archive` is the label <name>-<fp12>. Nothing is made yet."""
        return ScoreFolder(_join(self.root, f"{_MODEL}{model_id}", f"{_ARCHIVE}{archive}"), model_id, archive)


@dataclass(frozen=True)
class ScoreFolder:
    """The parts of one archive scored by one model, and facts beside them; picklable, it holds nothing open."""

    url: str
    model_id: str
    archive: str

    def absolute(self) -> ScoreFolder:
        """Return the same folder by a name that holds in a process with another working directory."""
        folder = _Folder(self.url)
        return ScoreFolder(folder.path, self.model_id, self.archive) if folder.local else self

    def write_part(self, index: int, rows: Sequence[Row], notes: Mapping[str, str]) -> None:
        """Write the rows of a shard (schema SCORES) with `notes` in the footer, whole or not at all.

        The same rows give the same bytes. Raises FauxfaceError when the store refuses, and ConnectionError when it
        cannot be reached.
        """
        _Folder(self.url).write(_part_name(index), part_bytes(rows, SCORES, notes))

    def notes(self, index: int) -> dict[str, str] | None:
        """Return the footer's notes and `rows` of a part, or None where it is missing or not whole."""
        return footer_notes(_Folder(self.url).readable(_part_name(index)))

    def parts(self) -> list[int]:
        """Return the indices of the parts that are there, in order."""
        names = _Folder(self.url).names(_PART)
        numbers = [name.removeprefix(_PART).removesuffix(_PARQUET) for name in names if name.endswith(_PARQUET)]
        return sorted(int(number) for number in numbers if number.isdigit())

    def remove_part(self, index: int) -> None:
        """Remove a part; one that is not there is no error."""
        _Folder(self.url).remove(_part_name(index))

    def remove_temp_files(self) -> int:
        """Remove what a killed writer left; returns how many files went. (Only local folders have such files.)"""
        folder = _Folder(self.url)
        return remove_temp_files(Path(folder.path)) if folder.local else 0

    def read(self, columns: Sequence[str] | None = None, index: int | None = None) -> pa.Table:
        """Return `columns` (all by default) of the parts in their order, or of the part `index` alone.

        Raises FauxfaceError for a part that is missing or damaged.
        """
        names = list(columns) if columns is not None else SCORES.names
        tables = [self._table(part, names) for part in (self.parts() if index is None else [index])]
        empty = SCORES.empty_table().select(names)
        return pa.concat_tables(tables) if tables else empty

    def write_json(self, name: str, value: Any) -> None:
        """Keep a JSON value beside the parts, whole or not at all; `name` is as in `_scoring.json`.

        It goes into the footer of an empty Parquet file of the parts' schema, `_scoring.parquet`: Polars reads a folder
        as it is only when all its files are Parquet of one schema.
        """
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        _Folder(self.url).write(_note_name(name), part_bytes([], SCORES, {"json": text}))

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return what `write_json` kept by that name, or None where it is missing or no JSON object."""
        notes = footer_notes(_Folder(self.url).readable(_note_name(name)))
        value = None if notes is None else json.loads(notes["json"])
        return value if isinstance(value, dict) else None

    def _table(self, index: int, columns: list[str]) -> pa.Table:
        file = _Folder(self.url).readable(_part_name(index))
        remedy = "Score the archive again: parts that are whole are kept."
        if file is None:
            raise FauxfaceError(f"{self.url}/{_part_name(index)}: this part is missing. {remedy}")
        try:
            with pq.ParquetFile(file) as part:
                return part.read(columns=columns).select(columns).replace_schema_metadata(None)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise FauxfaceError(f"{self.url}/{_part_name(index)}: cannot be read ({error}). {remedy}") from None


def _part_name(index: int) -> str:
    return f"{_PART}{index:05d}{_PARQUET}"


def _note_name(name: str) -> str:
    return f"{name.removesuffix('.json')}{_PARQUET}"


def _join(root: str, *names: str) -> str:
    return "/".join([root.rstrip("/"), *names])


class _Folder:
    """The few things a store does with files, on the local disk or through fsspec."""

    def __init__(self, url: str) -> None:
        self.url = url
        if "://" not in url and "::" not in url:
            self._fs: Any = LocalFileSystem()
            self.path = str(Path(url).expanduser().absolute())
        else:
            with _explained(url):
                self._fs, self.path = fsspec.core.url_to_fs(url)
        self.local = isinstance(self._fs, LocalFileSystem)

    def below(self, name: str) -> _Folder:
        return _Folder(_join(self.url, name))

    def names(self, prefix: str) -> list[str]:
        """Return the names in the folder that start with `prefix`, sorted."""
        with _explained(self.url):
            try:
                self._fs.invalidate_cache()  # a store's listing is as old as its first use otherwise
                found = self._fs.ls(self.path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = (path.rstrip("/").rsplit("/", 1)[-1] for path in found)
        return sorted(name for name in names if name.startswith(prefix))

    def write(self, name: str, data: bytes) -> None:
        with _explained(f"{self.url}/{name}"):
            if self.local:
                with atomic_write(Path(self.path, name)) as temp:
                    temp.write_bytes(data)
            else:
                self._fs.pipe_file(f"{self.path}/{name}", data)  # one PUT: an object store shows all of it or nothing

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None when there is none."""
        with _explained(f"{self.url}/{name}"):
            try:
                return bytes(self._fs.cat_file(f"{self.path}/{name}"))
            except FileNotFoundError:
                return None

    def readable(self, name: str) -> str | pa.BufferReader | None:
        """Return what pyarrow opens for a file: a local path, of which it reads what it needs, or a remote's bytes."""
        if self.local:
            path = Path(self.path, name)
            return str(path) if path.is_file() else None
        data = self.read(name)
        return None if data is None else pa.BufferReader(data)

    def remove(self, name: str) -> None:
        with _explained(f"{self.url}/{name}"):
            try:
                self._fs.rm_file(f"{self.path}/{name}")
            except FileNotFoundError:
                return


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Say in words what keeps a store from being used; what is worth another try leaves as ConnectionError."""
    try:
        yield
    except (FauxfaceError, ConnectionError, TimeoutError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if any(kind.__name__ in _UNREACHABLE for kind in type(error).__mro__):
            raise ConnectionError(f"{url}: the store cannot be reached ({reason})") from error
        raise FauxfaceError(
            f"{url}: cannot be used ({reason}). Check the address, the permissions and the credentials in the "
            "environment."
        ) from error


# By name, since the packages that raise them (botocore, aiohttp) need not be installed.
_UNREACHABLE = {"ClientConnectionError", "ClientPayloadError", "EndpointConnectionError", "HTTPClientError"}
