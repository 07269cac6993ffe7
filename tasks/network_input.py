"""What a network from elsewhere takes: how the pixels of a face become its input."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.params.frozen import Frozen


class NetworkInput(Frozen):
    """Pixels 0..255 are divided by `divide`, less `mean`, divided by `std`, in the network's order of channels."""

    layout: Literal["nchw", "nhwc"] = "nchw"
    channels: Literal["rgb", "bgr"] = "rgb"
    divide: float = Field(255.0, gt=0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
