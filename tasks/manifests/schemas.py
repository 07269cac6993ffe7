"""The Arrow schemas between the stages: public formats, documented in the README."""

from __future__ import annotations

import json

import pyarrow as pa

PHASH_BYTES = 32

# What an image's file tells without its picture; the trivial-feature baseline is fitted on these and the two of a crop.
_FILE_FACTS = [
    pa.field("file_bytes", pa.int64()),
    pa.field("format", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("jpeg_quality", pa.int16()),
]
# Pixels of the original upright image; landmarks as x, y of eyes, nose and corners of the mouth. `rotation`: degrees by
# which the image was turned clockwise to find the face, and its crop is; what follows it is in detection/quality.py.
_DETECTION = [
    pa.field("box_x", pa.float32()),
    pa.field("box_y", pa.float32()),
    pa.field("box_width", pa.float32()),
    pa.field("box_height", pa.float32()),
    pa.field("detection_confidence", pa.float32()),
    pa.field("landmarks", pa.list_(pa.float32(), 10)),
    pa.field("rotation", pa.int16()),
    pa.field("padding", pa.float32()),
    pa.field("sharpness", pa.float32()),
    pa.field("face_size", pa.float32()),
    pa.field("yaw", pa.float32()),
    pa.field("pitch", pa.float32()),
    pa.field("roll", pa.float32()),
    pa.field("quality", pa.float32()),
]

# One row per input, whatever became of it, in the order of the source. `frames`: frames or pages of the file, of which
# the first was looked at. `annotations`: what the container itself says of the input, a JSON object of texts; a label
# or group rule may ask for it later.
IMAGES = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
        pa.field("image_id", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        *_FILE_FACTS,
        pa.field("frames", pa.int32()),
        pa.field("n_faces", pa.int32(), nullable=False),
        pa.field("annotations", pa.string()),
    ]
)

# The CSV files of a dump, which a label or group rule may name later; `data` is null where one was too large to keep.
TABLES = pa.schema(
    [
        pa.field("member", pa.string(), nullable=False),
        pa.field("data", pa.large_binary()),
    ]
)

# What `datasets` of Hugging Face reads in a file's schema: columns that are more than their Arrow type says.
_HUGGING_FACE = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}

# One row per face that was kept. Its label and side are in the manifests: settings decide them, not pixels.
# The column `image` follows the Hugging Face image feature.
FACES = pa.schema(
    [
        pa.field("face_id", pa.string(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
        pa.field("face_index", pa.int32(), nullable=False),
        *_DETECTION,
        *_FILE_FACTS,
        pa.field("corner_variance", pa.float32()),
        pa.field("phash", pa.binary(PHASH_BYTES)),
        pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])),
    ],
    metadata=_HUGGING_FACE,
)

# What the rules of params.yaml say of a face, when it is split.
LABELS = pa.schema(
    [
        pa.field("label", pa.int8()),
        pa.field("group", pa.string()),
        pa.field("split_given", pa.string()),
    ]
)

# A face's place and side; its bytes stay in data/faces/<dataset>/faces-<shard>.parquet at that row.
MANIFEST = pa.schema(
    [
        pa.field("face_id", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)

# One row per face, and one with null face fields for an image without one; the rows of an image follow each other and
# share its `index`, the input's place in the source, and its verdict. `verdict` is real, fake or unsure, the last with
# a reason; `distance` how far the face is from those trained on; `provenance` what the file says of its making
# (imaging/provenance.py), which decides nothing. `archive` is <name>-<fingerprint>.
SCORES = pa.schema(
    [
        pa.field("archive", pa.string(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
        pa.field("image_id", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("frames", pa.int32()),
        pa.field("face_index", pa.int32()),
        pa.field("n_faces", pa.int32(), nullable=False),
        pa.field("provenance", pa.string()),
        *_DETECTION,
        pa.field("p_fake", pa.float32()),
        pa.field("is_fake", pa.bool_()),
        pa.field("distance", pa.float32()),
        pa.field("verdict", pa.string()),
        pa.field("verdict_reason", pa.string()),
        pa.field("image_p_fake", pa.float32()),
        pa.field("image_is_fake", pa.bool_()),
        pa.field("image_verdict", pa.string()),
        pa.field("verdict_rule", pa.string(), nullable=False),
        pa.field("threshold_rule", pa.string(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
    ]
)

# A file of scores: the folder archive=<name>-<fingerprint> says the archive, and some readers of such folders (pyarrow,
# Dask) fail where the files say it as well.
SCORE_FILE = SCORES.remove(SCORES.get_field_index("archive"))


def shard_name(shard: int) -> str:
    """Return the file name of a faces shard."""
    return f"faces-{shard:05d}.parquet"


def tables_name(shard: int) -> str:
    """Return the file name of the CSV files that a shard of the dump held; there is one only where it held any."""
    return f"tables-{shard:05d}.parquet"
