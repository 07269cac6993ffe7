"""Rows of scores and whole scorings, invented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.manifests.schemas import SCORES
from tasks.scoring.counts import ScoreCounts, count_rows
from tasks.scoring.ledger import Scoring, read_scoring
from tasks.scoring.record import Finished, Started, begin, finish
from tasks.scoring.store import ScoreStore

MODEL = "0123456789ab"
THRESHOLD = 0.5


def face_row(index: int, p_fake: float, **facts: Any) -> dict[str, Any]:
    """Return the row of an image with one face; `facts` are columns that are to be other."""
    p_fake = float(np.float32(p_fake))
    fake = p_fake >= THRESHOLD
    box = {"box_x": 1.0, "box_y": 2.0, "box_width": 30.0, "box_height": 40.5, "landmarks": [0.25] * 10}
    answer = "fake" if fake else "real"
    face = {"face_index": 0, "n_faces": 1, "detection_confidence": 0.9, "p_fake": p_fake, "is_fake": fake, **box}
    verdict = {"verdict": answer, "image_p_fake": p_fake, "image_is_fake": fake, "image_verdict": answer}
    return {
        **empty_row(index, "ok"),
        "image_id": f"{index:064x}",
        "width": 90,
        "height": 80,
        **face,
        **verdict,
        **facts,
    }


def empty_row(index: int, status: str, **facts: Any) -> dict[str, Any]:
    """Return the row of an input without a face."""
    image = {"archive": "a-0", "index": index, "member": f"{index}.jpg", "status": status, "error": "", "n_faces": 0}
    rules = {"verdict_rule": "max", "threshold_rule": "balanced", "model_id": MODEL}
    return {**dict.fromkeys(SCORES.names), **image, **rules, **facts}


def make_scoring(
    store: ScoreStore,
    name: str,
    rows: Sequence[dict[str, Any]],
    *,
    model: str = MODEL,
    fingerprint: str = "f" * 64,
    when: str = "2026-11-20T08:00:00+00:00",
    complete: bool = True,
) -> Scoring:
    """Write a scoring of at most three images a part, as the stage does."""
    label = f"{name}-{fingerprint[:12]}"
    folder = store.folder(model, label)
    rows = [{**row, "archive": label, "model_id": model} for row in rows]
    start = Started(
        key=f"key of {fingerprint}",
        fingerprint=fingerprint,
        model_id=model,
        archive=label,
        name=name,
        source=f"dumps/{name}.zip",
        threshold=THRESHOLD,
        params={"keep": "all", "verdict": "max", "shard": 3},
        started=when,
        expected=len({row["index"] for row in rows}),
    )
    begin(folder, start)
    parts: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault(row["index"] // 3, []).append(row)
    counts = ScoreCounts()
    for part, content in list(parts.items())[: None if complete else -1]:
        found = count_rows(content)
        counts.add(found)
        folder.write_part(part, content, {"key": start.key, "counts": found.to_json()})
    if complete:
        done = Finished.of(start, counts, len(parts), counts.inputs, 2.0)
        finish(folder, done.model_copy(update={"finished": when}))
    return read_scoring(folder)
