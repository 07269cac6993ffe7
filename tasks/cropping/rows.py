"""From the one pass's results to the rows of images.parquet and faces-*.parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tasks.detection.columns import face_columns
from tasks.detection.onepass import Face, ImageResult
from tasks.imaging.encode import encode_png
from tasks.manifests.parts import Row


def image_row(result: ImageResult, dataset: str, index: int, annotations: Mapping[str, str] | None) -> Row:
    """Return the row of IMAGES for one input; `annotations` are what its container says of it."""
    return {
        "dataset": dataset,
        "index": index,
        "member": result.member,
        "image_id": result.image_id,
        "status": str(result.status),
        "error": result.error,
        "frames": result.frames,
        "n_faces": result.n_faces,
        **_file_facts(result),
        "annotations": json.dumps(dict(annotations), ensure_ascii=False, sort_keys=True) if annotations else None,
    }


def face_rows(result: ImageResult, dataset: str) -> list[Row]:
    """Return the rows of FACES for the faces kept of one input, crops as PNG bytes."""
    return [
        {
            "image_id": result.image_id,
            "dataset": dataset,
            "member": result.member,
            **_file_facts(result),
            **_face_columns(result, face),
        }
        for face in result.faces
    ]


def _face_columns(result: ImageResult, face: Face) -> Row:
    face_id = f"{result.image_id}#{face.index}"
    return {
        "face_id": face_id,
        **face_columns(face),
        "corner_variance": face.corner_variance,
        "phash": result.phash,
        "image": {"bytes": encode_png(face.rgb), "path": f"{face_id}.png"},
    }


def _file_facts(result: ImageResult) -> Row:
    return {
        "file_bytes": result.file_bytes,
        "format": result.format,
        "width": result.width,
        "height": result.height,
        "jpeg_quality": result.jpeg_quality,
    }
