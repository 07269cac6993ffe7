"""What an exported network is checked for before it is compiled: its size, and that weights are numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.inference import openvino
from tasks.params import FauxfaceError

_REMEDY = "Train again or fetch it with `dvc pull`."


def refuse_unfit(network: openvino.Model, path: Path, size: int) -> None:
    """Raise FauxfaceError for a network of another input size than `size`, or whose weights are no finite numbers.

    NaN would go through all layers without an error and end as a score that is neither high nor low.
    """
    shape = network.inputs[0].get_partial_shape()
    sides = [shape[axis].get_length() for axis in (1, 2) if shape.rank == 4 and shape[axis].is_static]
    if shape.rank != 4 or any(side != size for side in sides):
        raise FauxfaceError(f"{path}: takes {shape}, not the faces of {size} x {size} pixels of its card. {_REMEDY}")
    for operation in network.get_ops():
        is_weight = operation.get_type_name() == "Constant" and operation.get_element_type().is_real()
        if is_weight and not np.isfinite(operation.get_data()).all():
            name = operation.get_friendly_name()
            raise FauxfaceError(f"{path}: its weights hold NaN or infinity ({name}). {_REMEDY}")
