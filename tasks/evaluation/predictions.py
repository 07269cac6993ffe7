"""A row for every test face: what the model and the trivial baseline say of it, and the facts it is judged by.

All figures of the evaluation are computed from these rows, and a person can open them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.params import FauxfaceError

# Facts of a face and its file that bands and the page need, beside those of the trivial baseline.
FACTS = ("member", "quality", "face_size", "detection_confidence", "yaw", "pitch", "roll", "padding")


def _column(name: str, kind: pa.DataType, says: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable, {"description": says})


PREDICTIONS = pa.schema(
    [
        _column("face_id", pa.string(), "SHA-256 of the file, and the rank of the face in it", False),
        _column("dataset", pa.string(), "name of the data set", False),
        _column("shard", pa.int32(), "where its crop is: `data/faces/<dataset>/faces-<shard>.parquet`", False),
        _column("row", pa.int32(), "at this row", False),
        _column("member", pa.string(), "path in the dump"),
        _column("source", pa.string(), "file or folder name of the data set's dump", False),
        _column("group", pa.string(), "person, video or folder: intervals are drawn by group", False),
        _column("label", pa.int8(), "1 fake, 0 real", False),
        _column("trained_on", pa.bool_(), "the model was trained on other faces of this data set", False),
        _column("logit", pa.float32(), "what the network gives", False),
        _column("p_fake", pa.float32(), "calibrated probability of being fake", False),
        _column("p_trivial", pa.float64(), "the same by the trivial baseline, which sees no picture", False),
        _column("is_fake", pa.bool_(), "`p_fake` reaches the threshold of the best balanced accuracy", False),
        _column("is_fake_few_alarms", pa.bool_(), "`p_fake` reaches the threshold of at most 1 % false alarms", False),
        _column("verdict", pa.string(), "`real`, `fake` or `unsure`", False),
        _column("verdict_reason", pa.string(), "why `unsure`: `low_quality`, `unfamiliar` or `borderline`; else null"),
        _column(
            "distance", pa.float32(), "how far the face is from those trained on; null where the model cannot tell"
        ),
        _column("quality", pa.float32(), "how well the picture shows the face, 0 to 1"),
        _column("face_size", pa.float32(), "longer side of the face's box in pixels of the original"),
        _column("detection_confidence", pa.float32(), "of the detector"),
        _column("yaw", pa.float32(), "degrees that the head is turned, positive to the picture's right"),
        _column("pitch", pa.float32(), "degrees that it looks up"),
        _column("roll", pa.float32(), "degrees that it is tilted, positive clockwise"),
        _column("padding", pa.float32(), "fraction of the crop that lies outside of the picture"),
        _column("width", pa.int32(), "pixels of the upright image"),
        _column("height", pa.int32(), "the same"),
        _column("format", pa.string(), "of the file"),
        _column("jpeg_quality", pa.int16(), "quality at which libjpeg would write its tables; null for no JPEG"),
        _column("file_bytes", pa.int64(), "size of the file"),
        _column("sharpness", pa.float32(), "variance of the crop's Laplacian"),
        _column("corner_variance", pa.float32(), "variance of grey in the crop's corners"),
    ]
)


def predictions(
    rows: pd.DataFrame,
    trained_on: NDArray[np.bool_],
    p_trivial: NDArray[np.float64],
    threshold: float,
    few_alarms: float,
) -> pd.DataFrame:
    """Return scored `rows` (n) with the columns of PREDICTIONS, in its order; a fact that they do not have is null.

    `trained_on` and `p_trivial` are (n,). `p_fake` is float64 here: else NumPy would round the thresholds to float32,
    and a face could have another verdict than scoring gives it.
    """
    p_fake = rows["p_fake"].to_numpy(np.float64)
    verdicts = {"is_fake": p_fake >= threshold, "is_fake_few_alarms": p_fake >= few_alarms}
    judged = rows.assign(trained_on=trained_on, p_fake=p_fake, p_trivial=p_trivial, **verdicts)
    return judged.reindex(columns=PREDICTIONS.names).reset_index(drop=True)


def predictions_table(frame: pd.DataFrame) -> pa.Table:
    """Return the Arrow table of `predictions`, without pandas' own notes, so that the same rows give the same bytes."""
    columns = [_array(frame[field.name], field.type) for field in PREDICTIONS]
    return pa.Table.from_arrays(columns, schema=PREDICTIONS)


def _array(column: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind) and column.dtype == np.float64:
        column = column.astype("Int64")
    return pa.Array.from_pandas(column, type=kind)


def read_predictions(path: Path) -> pd.DataFrame:
    """Return reports/evaluate/predictions.parquet; raises FauxfaceError where the stage `evaluate` has not been run."""
    try:
        rows: pd.DataFrame = pq.read_table(path).to_pandas()
    except (OSError, ValueError) as error:
        raise FauxfaceError(f"{path}: cannot be read ({error}). Run `fauxface evaluate` first.") from None
    return rows
