"""The page lists what failed, and nothing that only is no picture."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.reporting.failures import failures


def test_only_failed_inputs_are_listed(tmp_path: Path) -> None:
    statuses = ["ok", "no_face", "metadata", "system_file", "truncated", "not_an_image"]
    rows = {"member": [f"{status}.jpg" for status in statuses], "status": statuses, "error": ["why"] * 6}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    found = failures([tmp_path / "a.parquet"], "score")
    assert found.total == 2
    assert found.rows == (("truncated.jpg", "truncated", "why"), ("not_an_image.jpg", "not_an_image", "why"))
