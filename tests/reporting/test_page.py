"""The page says what the reports say, holds together without any other file, and survives hostile and missing input."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.params import FauxfaceError
from tasks.params.files import write_json
from tasks.reporting import build_report, build_timings
from tasks.reporting.page import TEMPLATES
from tasks.scoring.text import MAX_NAME, name
from tests.reporting.conftest import THRESHOLD

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """The page's tags with their attributes, its texts, and the cells of each table by the table's id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.values: dict[str, list[list[str]]] = {}
        self.open: list[str] = []
        self.ids: list[str] = []
        self._table = ""
        self._cell = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for key, value in attributes if key == "id" and value]
        if tag == "table":
            self._table = found.get("id") or f"table {len(self.values)}"
            self.values[self._table] = []
        if tag == "tr":
            self.values[self._table].append([])
        if tag in ("td", "th"):
            self.values[self._table][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self._cell = False

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell:
            self.values[self._table][-1][-1] += data

    def table(self, table_id: str) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for row in self.values[table_id]]

    def exact(self, html: str, element_id: str) -> list[float]:
        """Return the exact values from the element on, up to the next id."""
        part = html.split(f'id="{element_id}"')[1].split(' id="')[0]
        return [float(value) for value in re.findall(r'<data value="([^"]*)">', part)]


def test_headline_has_the_figures_of_the_evaluation(html: str, finished: Any) -> None:
    main = finished.report("evaluate.json")["in_domain"]
    expected = {name: [main[name], *main["intervals"][name]] for name in ("roc_auc", "accuracy")}
    baseline = {name: [main["baseline"][name], *main["baseline"]["intervals"][name]] for name in expected}
    page = Page(html)
    assert page.exact(html, "headline-auc") == expected["roc_auc"] + baseline["roc_auc"]
    assert page.exact(html, "headline-accuracy")[:6] == expected["accuracy"] + baseline["accuracy"]
    assert page.exact(html, "headline-threshold")[0] == finished.report("evaluate.json")["threshold"]["value"]
    assert "Chosen on valid" in page.text


def test_counts_equal_the_crop_reports_and_add_up(html: str, finished: Any) -> None:
    page = Page(html)
    header, *rows = page.table("dataset-counts")
    for row in rows:
        report = finished.report(f"crop/{row[0]}.json")
        cells = dict(zip(header, row, strict=True))
        assert int(cells["Inputs"]) == report["inputs"] == int(cells["Sum of statuses"])
        assert {status: int(cells[status]) for status in report["status"]} == report["status"]
        assert int(cells["Faces"]) == report["faces"]
        assert cells["Check"] == "✓ adds up"
        split = finished.report("split.json")["datasets"][row[0]]
        labelled = [split.get(label, {"faces": 0})["faces"] for label in ("real", "fake")]
        expected = dict(
            zip(("Labelled real", "Labelled fake", "No label", "Both labels"), [*labelled, 0, 0], strict=True)
        )
        assert {name: int(cells[name]) for name in expected} == expected
    assert [row[0] for row in rows] == list(finished.params.datasets)


def test_faces_that_the_split_left_out_are_counted_and_told(workspace: Any) -> None:
    split = workspace.report("split.json")
    assert split["faces"]["in"] == 145
    split["faces"] |= {"in": 155, "unlabelled": 7, "contradictory": 3}
    split["datasets"]["photos"] |= {"unlabelled": 7, "contradictory": 3}
    split["warnings"] = ["data set photos: 113 of 120 faces have a label; <b>why</b>"]
    write_json(workspace.reports / "split.json", split)
    page = Page(workspace.page())
    header, *rows = page.table("dataset-counts")
    cells = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert [cells["photos"][name] for name in ("No label", "Both labels")] == ["7", "3"]
    assert [cells["elsewhere"][name] for name in ("No label", "Both labels")] == ["0", "0"]
    assert "data set photos: 113 of 120 faces have a label; <b>why</b>" in page.text
    checks = {row[0]: row for row in page.table("checks")[1:]}
    added = checks["Faces into the split = train + valid + test + dropped + unlabelled + contradictory"]
    assert added[1].startswith("155 and ")
    assert added[1].endswith(" + 0 + 7 + 3")
    assert added[2] == "✓ holds"
    split["faces"]["unlabelled"] = 6
    write_json(workspace.reports / "split.json", split)
    assert "✗ does not hold" in Page(workspace.page()).text


def test_labels_are_not_known_before_the_split(workspace: Any) -> None:
    (workspace.reports / "split.json").unlink()
    assert all("not split yet" in row for row in Page(workspace.page()).table("dataset-counts")[1:])


def test_split_table_equals_the_split_report(html: str, finished: Any) -> None:
    split = finished.report("split.json")
    rows = {(row[0], row[1]): row for row in Page(html).table("split-counts")[1:]}
    for dataset, label in (("photos", "real"), ("photos", "fake"), ("elsewhere", "fake")):
        stratum, row = split["datasets"][dataset][label], rows[dataset, label]
        assert [int(row[place]) for place in (3, 4, 6, 8, 10)] == [
            stratum[key] for key in ("faces", "train", "valid", "test", "dropped")
        ]
        assert row[5] == f"{100 * stratum['train_share']:.1f} %"
    assert ("elsewhere", "real") not in rows


def test_confusion_matrix_and_archive_verdicts(html: str, finished: Any) -> None:
    page = Page(html)
    counts = finished.report("evaluate.json")["in_domain"]["confusion"]
    cells = [int(cell.split()[0]) for row in page.table("confusion")[1:] for cell in row[1:]]
    assert cells == [counts[key] for key in ("real_as_real", "real_as_fake", "fake_as_real", "fake_as_fake")]
    dump = finished.report("score.json")["archives"]["dump"]
    verdict = page.table("archive-verdicts")[1]
    assert [verdict[place] for place in (0, 1, 2, 5, 6)] == [
        "dump",
        *(str(value) for value in (dump["status"]["ok"], dump["fake_images"], dump["faces"], dump["fake_faces"])),
    ]


def test_three_answers_and_provenance_stand_beside_the_scores(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "dump: of its images with a face 20 fake, 20 real, 3 unsure." in text
    assert html.count('unsure (borderline)</td><td class="text">generator:midjourney</td>') == 12


def test_a_model_that_tells_nothing_apart_is_called_out(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "the model gives all validation faces the same answer" in text


def test_faces_that_a_phase_left_out_and_fakes_that_it_misses_are_told(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "Phase probe left out 7 faces" in text
    assert "learnt of the fakes of swaps: the model misses them" in text
    assert "Phase head" not in text


def test_each_data_set_stands_at_both_thresholds(html: str, finished: Any) -> None:
    report = finished.report("evaluate.json")
    values, _, *rows = Page(html).table("thresholds")
    for text, threshold in zip(values[1:], ("threshold", "threshold_false_alarm"), strict=True):
        assert text == f"{report[threshold]['value']:.3f}: {report[threshold]['by']}"
    assert [row[0].split()[0] for row in rows] == list(report["datasets"])
    for row, measured in zip(rows, report["datasets"].values(), strict=True):
        at = measured["operating_points"]
        expected = [at[name][rate] for name in ("balanced", "false_alarm") for rate in ("accuracy", "fpr", "tpr")]
        for text, value in zip(row[1:], expected, strict=True):
            assert text.startswith("–" if value is None else f"{100 * value:.1f} %")


def test_times_of_the_stages_have_a_page_of_their_own(html: str, finished: Any) -> None:
    assert "3661" not in html, "what differs in every run is in nothing that DVC hashes"
    html = build_timings(finished.reports, finished.data, finished.params)
    rows = {(row[0], row[1]): row[2] for row in Page(html).table("timings")[1:]}
    assert rows["crop", "photos"] == "12.3 s"
    assert rows["train", "3 epochs"] == "1 min 15 s"
    assert rows["score", "dump"] == "1 h 1 min"
    assert rows["split", "all data sets"] == "not recorded"


def test_most_suspicious_faces_come_first(html: str) -> None:
    page = Page(html)
    found = next(rows for rows in (page.table(each) for each in page.values) if rows[0][:2] == ["Member", "p_fake"])
    scores = [float(row[1]) for row in found[1:]]
    assert len(scores) == 12
    assert scores == sorted(scores, reverse=True)


def test_refers_to_no_other_file(html: str) -> None:
    for tag, attributes in Page(html).tags:
        assert tag not in ("iframe", "object", "embed", "form")
        assert tag != "script" or not attributes
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            found = attributes.get(key) or "#"
            assert found.startswith(("#", "data:image/", "data:,")) or found == "timings.html", attributes
    assert not re.findall(r"https?://|@import|url\((?!#)", html)
    assert len(html.encode()) < 3_000_000


def test_is_well_formed_and_accessible(html: str) -> None:
    page = Page(html)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(each.get("aria-hidden") or each.get("aria-label") for each in pictures)
    targets = {(attributes.get("href") or "")[1:] for tag, attributes in page.tags if tag == "a"}
    targets.remove("imings.html")  # the page beside this one
    assert targets <= set(page.ids)


def test_references_within_plots_are_each_plots_own(html: str) -> None:
    for svg in re.findall(r"<svg role.*?</svg>", html, flags=re.DOTALL):
        own = set(re.findall(r' id="([^"]+)"', svg))
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)) == {
            (each, "") if f"url(#{each})" in svg else ("", each) for each in own
        }


def test_same_inputs_give_the_same_bytes(html: str, finished: Any) -> None:
    assert finished.page() == html


def test_hostile_names_are_text(html: str) -> None:
    assert html.count("<script") == 1
    assert (TEMPLATES / "page.js").read_text(encoding="utf-8") in html, "our own, and no other"
    assert "<b>early" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202egnp.jpg" in html
    assert "x" * (MAX_NAME + 1) not in html
    assert "secret" not in html  # a source is called by its last part, not by an address that may hold a password


@given(st.text(st.characters(exclude_categories=()), max_size=400), st.sampled_from([20, MAX_NAME]))
def test_names_can_be_printed_and_are_bounded(raw: str, length: int) -> None:
    shown = name(raw, length)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert len(shown) <= 10 * (length + 3)


def test_the_browser_shows_faces_that_tell_most_with_the_crops_and_rows_that_are_theirs(
    html: str, finished: Any
) -> None:
    rows = pq.read_table(finished.reports / "evaluate/predictions.parquet").to_pandas()
    shown = [each for tag, each in Page(html).tags if tag == "li" and "data-kinds" in each]
    by_number = {int(str(each["id"]).removeprefix("face-")): each for each in shown}
    assert len(by_number) == len(shown)
    called = rows["p_fake"] >= THRESHOLD
    wrong = set(rows.index[called != (rows["label"] == 1)])
    assert wrong <= set(by_number)
    for number, face in by_number.items():
        row, kinds = rows.loc[number], str(face["data-kinds"]).split()
        assert face["data-source"] == row["dataset"]
        assert float(str(face["data-p"])) == pytest.approx(row["p_fake"], abs=1e-6)
        assert ("missed" in kinds) == (row["label"] == 1 and not called[number])
        assert ("alarm" in kinds) == (row["label"] == 0 and called[number])
    sources = re.findall(r'id="face-(\d+)">\s*<span class="pictures"><img src="data:image/jpeg;base64,([^"]+)"', html)
    number, uri = sources[-1]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(uri), np.uint8), cv2.IMREAD_COLOR)
    stored = _crop(finished, rows.loc[int(number)])
    assert picture is not None
    small = cv2.resize(picture, stored.shape[:2], interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(small.astype(int) - stored).mean() < 25  # noise, through a JPEG file


def _crop(workspace: Any, row: Any) -> Any:
    table = pq.read_table(workspace.data / "faces" / row["dataset"] / f"faces-{row['shard']:05d}.parquet")
    found = cv2.imdecode(np.frombuffer(table["image"][int(row["row"])].as_py()["bytes"], np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found[..., ::-1]


def test_maps_stand_over_the_faces_that_have_one_and_nothing_outside_is_read(html: str, finished: Any) -> None:
    page = Page(html)
    maps = [each for tag, each in page.tags if tag == "img" and each.get("class") == "map"]
    assert 0 < len(maps) <= 10
    assert all(str(each["src"]).startswith("data:image/jpeg;base64,") for each in maps)
    assert "point at a face" in page.text


def test_the_first_screen_has_all_four_kinds_and_held_out_as_large_as_the_other(html: str) -> None:
    page = Page(html)
    top = html.index('id="verdicts"')
    assert top < html.index("<nav")
    titles = re.findall(r'<div class="place (\w+)">', html)
    assert titles == ["trained_on", "held_out", "worst_perturbation", "trivial_baseline"]
    strip = html[top : html.index("</section>", top)]
    assert strip.count('class="value"') == 4
    assert "What to worry about" in page.text
    assert len(re.findall("<li>", html[html.index('id="worries-title"') : html.index('id="scored-title"')])) == 3


def test_the_grid_is_shaded_by_what_is_lost(html: str, finished: Any) -> None:
    cells = finished.report("evaluate.json")["grid"]["sets"]["trained_on"]["cells"]
    table = html[html.index('id="grid"') :]
    rows = dict(re.findall(r'<tr><th scope="row">([^<]+)</th>\s*<td class="cell" style="--loss:(\d+)%">', table))
    assert list(rows) == [cell["name"] for cell in cells]
    drops = [cell["drop"]["roc_auc"] for cell in cells]
    assert rows[cells[0]["name"]] == "0"
    assert int(rows[cells[int(np.argmax(drops))]["name"]]) == max(int(shade) for shade in rows.values()) > 0


def test_sample_warning_on_the_sample(empty: Any) -> None:
    drawn = empty.params.datasets["photos"].model_copy(update={"source": "data/raw/sample/faces.tar"})
    params = empty.params.model_copy(update={"datasets": {**empty.params.datasets, "photos": drawn}})
    html = build_report(empty.reports, empty.data, params)
    assert "Accuracy on the sample says nothing about real images" in html
    assert "photos: the built-in sample" in html


def test_no_sample_warning_on_other_data(html: str) -> None:
    assert "sample-warning" not in html


def test_says_so_when_nothing_has_run(empty: Any) -> None:
    page = Page(empty.page())
    for sentence in ("not cropped yet", "not been split yet", "No model has been trained yet", "No archive has been"):
        assert sentence in page.text
    assert not page.open


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("reports/split.json", "have not been split yet"),
        ("reports/train.json", "No model has been trained yet"),
        ("reports/train_history.csv", "There is no history"),
        ("reports/evaluate.json", "has not been evaluated yet"),
        ("reports/evaluate", "points of the curves are missing"),
        ("reports/score.json", "No archive has been scored yet"),
        ("data/scores", "The scores themselves are not here"),
        ("reports/evaluate/predictions.parquet", "There are no faces to look at yet"),
        ("data/model", "There is no model yet"),
    ],
)
def test_a_missing_part_leaves_a_sentence(workspace: Any, gone: str, sentence: str) -> None:
    path = workspace.root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = Page(workspace.page())
    assert sentence in page.text
    assert not page.open


@pytest.mark.parametrize(
    "damaged",
    [
        "reports/crop/photos.json",
        "reports/split.json",
        "reports/train.json",
        "reports/train_history.csv",
        "reports/evaluate.json",
        "reports/evaluate/roc.csv",
        "reports/score.json",
        "data/model/card.json",
        "reports/evaluate/predictions.parquet",
        "reports/explain/explain.json",
        "data/faces/photos/images.parquet",
        "data/faces/photos/faces-00000.parquet",
        "data/scores/model=0123456789ab/archive=dump-0123456789ab/part-00001.parquet",
    ],
)
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\x00"])
def test_a_damaged_file_is_named(workspace: Any, damaged: str, content: bytes) -> None:
    (workspace.root / damaged).write_bytes(content)
    with pytest.raises(FauxfaceError, match=re.escape(damaged)):
        workspace.page()


def test_figures_out_of_step_are_called_out(workspace: Any) -> None:
    path = workspace.reports / "score.json"
    report = workspace.report("score.json")
    report["model_id"] = "ffffffffffff"
    report["archives"]["dump"]["inputs"] += 1
    report["archives"]["dump"]["faces"] += 1
    path.write_text(json.dumps(report), encoding="utf-8")
    page = Page(workspace.page())
    assert "faults" in page.ids
    failed = [row[0] for row in page.table("checks") if "✗ does not hold" in row]
    assert failed == [
        "Inputs of archive dump = sum of its statuses",
        "Faces counted in archive dump = faces in its scores",
        "The archives were scored with this model",
    ]


def test_nothing_is_called_out_when_all_agrees(html: str) -> None:
    page = Page(html)
    assert "faults" not in page.ids
    assert all(row[2] == "✓ holds" for row in page.table("checks")[1:])


def test_a_single_epoch_is_a_table_and_no_curve(workspace: Any) -> None:
    report = workspace.report("train.json")
    path = workspace.reports / "train.json"
    path.write_text(json.dumps({**report, "epochs": 1, "best_epoch": 1}), encoding="utf-8")
    history = workspace.reports / "train_history.csv"
    history.write_text("\n".join(history.read_text(encoding="utf-8").splitlines()[:2]) + "\n", encoding="utf-8")
    page = workspace.page()
    assert "Loss by epoch" not in page
    assert "All figures by epoch" in page
    assert "1 epoch on " in page
    assert "1 epochs" not in page
