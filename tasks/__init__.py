"""The work of the pipeline as plain typed functions, one folder per trade; nothing here imports Prefect."""

from __future__ import annotations

import sys
from typing import Any, cast

# Each import of OpenVINO would report itself to its maker and leave a folder in the home directory. With its telemetry
# package marked as absent, before OpenVINO can be imported by anything of ours, it falls back to its own silent stub.
cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
