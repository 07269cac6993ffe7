"""Nothing of ours phones home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_openvino_neither_reports_its_import_nor_leaves_a_folder_at_home(tmp_path: Path, project: Path) -> None:
    code = (
        "import tasks.detection.detector, tasks.scoring.classifier, openvino, sys\n"
        "openvino.Core(); import openvino.tools.ovc\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project, env=environment)
    assert list(tmp_path.iterdir()) == []
