"""How a manifest calls the dump that a face is from."""

from __future__ import annotations

from urllib.parse import urlsplit


def source_name(source: str) -> str:
    """Return the last part of a path or URL, so that manifests are the same wherever the data lies."""
    path = urlsplit(source).path if "://" in source else source
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or source
