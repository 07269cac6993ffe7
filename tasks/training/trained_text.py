"""What came out of a training, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.text_table import table


def trained_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the model of a training, of which `report` is reports/train.json, and by what it was chosen."""
    epochs = f"{report['epochs']}, of which {report['best_epoch']} was the best" if report["epochs"] > 1 else "1"
    rows = [
        ("recipe", report["recipe"]),
        ("trained on", f"{report['train_faces']:,} faces"),
        ("epochs", epochs),
        ("threshold", f"{report['threshold']:.3f}, chosen on {report['valid_faces']:,} other faces (valid)"),
        ("valid AUC", f"{report['valid_auc']:.3f}, of these faces: `fauxface evaluate` has the figures to quote"),
        ("model", report["model_id"]),
    ]
    return table(rows, right=())
