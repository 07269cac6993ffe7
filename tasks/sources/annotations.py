"""What a container says of its members beside their bytes, as text: columns of a Parquet row, fields of a sidecar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

# The key under which a member tells the file of its data set that it comes from.
FILE_KEY = "__file__"
# Longer texts are captions or embedded documents, no labels; cut, they would say something else.
MAX_TEXT = 1000
MAX_FIELDS = 100
_NONE: Mapping[int, str] = {}


def texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the scalar fields as text: numbers as Python writes them, `true` and `false`; no empty or long ones."""
    found = ((str(name), _text(value)) for name, value in list(fields.items())[:MAX_FIELDS])
    return {name: text for name, text in found if text is not None and len(name) <= MAX_TEXT}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, list | tuple | dict | bytes):
        return None
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_TEXT else None


def is_scalar(kind: Any) -> bool:
    """Return whether values of this Arrow type are numbers, texts or times, plain or by a dictionary."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_nested(kind) or is_binary(kind) or isinstance(kind, pa.BaseExtensionType))


def is_binary(kind: Any) -> bool:
    """Return whether values of this Arrow type are bytes of any length."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def is_text(kind: Any) -> bool:
    """Return whether values of this Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def class_names(schema: Any) -> dict[str, dict[int, str]]:
    """Return {column: {number: name}} of the columns that Hugging Face's metadata calls a ClassLabel."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        labels = {name: feature for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
        return {name: dict(enumerate(map(str, feature["names"]))) for name, feature in labels.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def row_texts(row: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    """Return a Parquet row's scalar columns as text, the numbers of a ClassLabel by their names."""
    return texts({column: names.get(column, _NONE).get(value, value) for column, value in row.items()})
