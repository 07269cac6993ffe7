"""OpenVINO, imported so that several threads may use it from the start: import it from here."""

from __future__ import annotations

import numpy as np
import openvino

# The first NumPy array that OpenVINO's Python binding meets makes it look up NumPy's functions, under a lock that it
# keeps while it waits for the interpreter's: two threads that do so at the same time wait for ever (OpenVINO 2026.4). A
# module is imported by one thread alone.
openvino.Tensor(np.zeros(1, np.float32))

__all__ = ["openvino"]
