"""What became of inputs in figures and in words: reasons with an example, and what another try may help."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tasks.scoring.counts import ScoreCounts, count_rows, unread
from tasks.scoring.text import summary_lines, unread_line
from tests.scoring.made import empty_row, face_row

IO = "OSError: [Errno 5] Input/output error"
ROWS = [
    face_row(0, 0.9),
    empty_row(1, "no_face"),
    empty_row(2, "truncated", error="ends early"),
    empty_row(3, "not_an_image", error="starts like text", member="a/readme.txt"),
    empty_row(4, "not_an_image", error="starts like more text"),
    empty_row(5, "empty_file", error="the file is empty"),
    empty_row(6, "unreadable", error="JPEG: broken"),
    empty_row(7, "unreadable", error=IO),
    empty_row(8, "not_an_image", error="starts like text"),
    empty_row(9, "unreadable", error=IO),
]


def summed(rows: list[dict[str, Any]], order: list[int]) -> ScoreCounts:
    """Add the counts of rows, each a shard of its own, in some order."""
    total = ScoreCounts()
    for place in order:
        total.add(ScoreCounts.from_json(count_rows([rows[place]]).to_json()))
    return total


def test_counts_of_shards_are_the_counts_of_the_whole_in_any_order() -> None:
    whole = count_rows(ROWS)
    order = list(range(len(ROWS)))
    for seed in range(5):
        random.Random(seed).shuffle(order)
        assert summed(ROWS, order) == whole
    assert whole.examples["not_an_image"] == {"index": 3, "member": "a/readme.txt", "error": "starts like text"}
    assert set(whole.examples) == {"truncated", "not_an_image", "empty_file", "unreadable"}
    assert whole.retryable == 2


def test_counts_of_a_version_without_examples_are_read() -> None:
    old = '{"inputs": 1, "faces": 0, "fake_faces": 0, "fake_images": 0, "status": {"truncated": 1}, "histogram": [0]}'
    assert (ScoreCounts.from_json(old).examples, ScoreCounts.from_json(old).retryable) == ({}, 0)


def metrics(rows: list[dict[str, Any]]) -> dict[str, Any]:
    facts = {"images_per_second": 1.0, "verdict": "max", "scores": "data/scores"}
    return {**count_rows(rows).__dict__, **facts}


def test_the_three_commonest_reasons_have_an_example_each() -> None:
    said = "\n".join(summary_lines("dump", metrics(ROWS), "m"))
    assert "8 inputs failed:" in said
    assert "3 not_an_image, such as a/readme.txt (starts like text)\n    3 unreadable, such as 6.jpg (JPEG: bro" in said
    assert "1 empty_file, such as 5.jpg (the file is empty)" in said
    assert "1 truncated, such as" not in said, "three are enough"


@pytest.mark.parametrize(
    ("row", "offered"),
    [
        (empty_row(1, "unreadable", error=IO), "tries again what could not be read: 1 inputs"),
        (empty_row(1, "unreadable", error="PermissionError: [Errno 13] Permission denied"), "tries again"),
        (empty_row(1, "too_large", error="9 x 9 pixels"), "once crop.max_pixels of params.yaml allows them"),
        (empty_row(1, "unreadable", error="PNG: broken"), ""),
        (empty_row(1, "truncated", error="ends early"), ""),
        (empty_row(1, "encrypted", error="needs a password"), ""),
        (empty_row(1, "no_face"), ""),
    ],
)
def test_a_retry_is_offered_only_where_it_can_help(row: dict[str, Any], offered: str) -> None:
    said = "\n".join(summary_lines("dump", metrics([face_row(0, 0.9), row]), "m"))
    assert offered in said
    assert ("--retry-failed" in said) is bool(offered)


def test_a_dump_of_which_nothing_could_be_read_is_told_by_its_commonest_reason() -> None:
    lost = metrics([row for row in ROWS if row["status"] not in {"ok", "no_face", "unreadable"}])
    assert unread(lost["status"])
    assert unread_line("a.zip", lost) == (
        "a.zip: nothing in it could be read: of 5 inputs 3 not_an_image, such as a/readme.txt (starts like text)."
    )
    assert not unread({"no_face": 1, "truncated": 9})
    assert not unread({"ok": 1})
