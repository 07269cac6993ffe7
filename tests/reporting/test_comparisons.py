"""The page's section about scorings that were compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.params import CompareParams, FauxfaceError
from tasks.scoring.compare import compare
from tasks.scoring.store import ScoreStore
from tests.reporting.conftest import HOSTILE, Workspace
from tests.scoring.made import empty_row, face_row, make_scoring


def compared(workspace: Workspace, name: str, moved: float) -> dict[str, Any]:
    scores = np.random.default_rng(2).random(40)
    store = ScoreStore(str(workspace.root / "compared"))
    rows = [face_row(index, value, member=f"{index}{HOSTILE}") for index, value in enumerate(scores)]
    last = make_scoring(store, name, [*rows, empty_row(40, "truncated")])
    rows = [
        face_row(index, max(0.0, value - moved), member=row["member"])
        for index, (value, row) in enumerate(zip(scores, rows, strict=True))
    ]
    this = make_scoring(store, name, [*rows, empty_row(40, "no_face")], model="abcdef012345")
    return compare(last, this, CompareParams(), workspace.reports)


def section(page: str) -> str:
    start = page.index('<section id="comparisons">')
    return page[start : page.index("</section>", start)]


def test_without_a_second_scoring_the_section_says_so(html: str) -> None:
    assert "No archive has been scored twice yet" in section(html)


def test_flips_warnings_and_statuses_are_shown_and_names_are_harmless(workspace: Workspace) -> None:
    found = compared(workspace, "dump", 0.3)
    shown = section(workspace.page())
    assert f'<data value="{found["flips"]["to_real"]}">' in shown
    assert all(warning.replace("&", "&amp;") in shown for warning in found["warnings"])
    assert len(found["warnings"]) == 2
    assert "<code>truncated</code>" in shown
    assert "from <code>truncated</code> to <code>no_face</code>" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "\u202e" not in shown


def test_a_comparison_without_a_shift_has_no_warning(workspace: Workspace) -> None:
    compared(workspace, "dump", 0.0)
    shown = section(workspace.page())
    assert "0 to real" in shown.replace('<data value="0">0</data>', "0")
    assert "box warning" not in shown


def test_the_newest_comparisons_come_first_and_the_page_stays_the_same(workspace: Workspace) -> None:
    for number in range(7):
        compared(workspace, f"dump{number}", 0.1)
    page = workspace.page()
    assert section(page).count("<h3>") == 5
    assert page == workspace.page()


def test_a_damaged_comparison_is_named(workspace: Workspace) -> None:
    compared(workspace, "dump", 0.1)
    path = next(Path(workspace.reports, "compare").rglob("compare.json"))
    path.write_text("{}")
    with pytest.raises(FauxfaceError, match=r"compare\.json: .*dvc repro --force score"):
        workspace.page()
