"""Folders that hold a data set as a few large files: what stands beside these, and where they lie."""

from __future__ import annotations

from tasks.sources.location import Place
from tasks.sources.system_files import is_system_file

# Descriptions, tables, statistics, indices and checksums, as Hugging Face, img2dataset and webdataset have them.
_NOTES = (
    ".md", ".txt", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".toml", ".rst", ".html", ".pdf", ".bib", ".cff",
    ".py", ".ipynb", ".sh", ".log", ".xml", ".idx", ".index", ".sha256", ".sha512", ".sha1", ".md5", ".sha256sum",
    ".md5sum", ".sig", ".asc", ".lock", ".done",
)  # fmt: skip
_NAMES = {
    "license",
    "licence",
    "readme",
    "notice",
    "authors",
    "changelog",
    "sha256sums",
    "md5sums",
    "checksums",
    "makefile",
}


def is_hidden(path: str, marks: tuple[str, ...]) -> bool:
    """Return whether it is a system file, or a part of the path begins with one of `marks`."""
    return is_system_file(path) or any(part.startswith(marks) for part in path.split("/"))


def is_note(path: str) -> bool:
    """Return whether a file beside archives or Parquet files describes them, by its name."""
    name = path.rsplit("/", 1)[-1].lower()
    return name in _NAMES or name.endswith(tuple(_NOTES))


def below(folder: Place, path: str) -> Place:
    """Return the place of a file in a folder."""
    return Place(f"{folder.url.rstrip('/')}/{path}", folder.fs, f"{folder.path.rstrip('/')}/{path}")
