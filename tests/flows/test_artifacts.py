"""What is left on Prefect's pages: pictures of people only where the server is this machine's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flows import artifacts


@pytest.mark.parametrize(
    ("url", "left"),
    [("http://127.0.0.1:4200/api", True), ("https://prefect.example.org/api", False), ("", False)],
)
def test_a_sheet_is_left_on_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, left: bool
) -> None:
    cv2.imwrite(str(tmp_path / "alarm.png"), np.full((40, 3000, 3), 90, np.uint8))
    found: list[dict[str, Any]] = []

    def noted(address: str, **named: Any) -> None:
        found.append({"at": address, **named})

    monkeypatch.setattr(artifacts, "create_image_artifact", noted)
    monkeypatch.setenv("PREFECT_API_URL", url)
    artifacts.leave_sheet(tmp_path, {"missed": 0, "alarm": 3})
    assert len(found) == left
    if left:
        assert found[0]["key"] == "sheet"
        assert found[0]["at"].startswith("data:image/jpeg;base64,")
        artifacts.leave_sheet(tmp_path, {"missed": 0, "alarm": 0})
        assert len(found) == 1
