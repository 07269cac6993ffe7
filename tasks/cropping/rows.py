"""From the one pass's results to the rows of images.parquet and faces-*.parquet."""

from __future__ import annotations

from tasks.detection.columns import face_columns
from tasks.detection.onepass import Face, ImageResult
from tasks.imaging.encode import encode_png
from tasks.manifests.labelling import Labels
from tasks.manifests.parts import Row


def image_row(result: ImageResult, dataset: str, index: int, labels: Labels) -> Row:
    """Return the row of IMAGES for one input; where a face has no label, `error` says why."""
    return {
        "dataset": dataset,
        "index": index,
        "member": result.member,
        "image_id": result.image_id,
        "status": str(result.status),
        "error": result.error or (labels.reason if result.faces else ""),
        "frames": result.frames,
        "n_faces": result.n_faces,
        **_file_facts(result),
        **_label_columns(labels),
    }


def face_rows(result: ImageResult, dataset: str, labels: Labels) -> list[Row]:
    """Return the rows of FACES for the faces kept of one input, crops as PNG bytes."""
    shared = {**_file_facts(result), **_label_columns(labels)}
    return [
        {
            "image_id": result.image_id,
            "dataset": dataset,
            "member": result.member,
            **shared,
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


def _label_columns(labels: Labels) -> Row:
    return {"label": labels.label, "group": labels.group, "split_given": labels.split_given}
