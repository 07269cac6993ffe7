"""Failed inputs alone are scored again: the others' rows stay, and their pictures are not decoded a second time."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.detection import onepass
from tasks.scoring.shard import ScoreJob, finished_shard, finished_shards, score_shard
from tasks.sources import Member, Source, Status, folder, open_source
from tasks.sources.location import Place

FAULTY = ("1.jpg", "6.jpg")


@pytest.fixture
def photos(tmp_path: Path, real_data: Path) -> Path:
    """Eight photographs in a folder, and a file that is no picture."""
    out = tmp_path / "photos"
    out.mkdir()
    with tarfile.open(real_data / "scenes" / "group_photos.tar") as source:
        names = [each for each in source.getnames() if each.endswith(".jpg")][:8]
        for place, name in enumerate(names):
            stream = source.extractfile(name)
            assert stream is not None
            (out / f"{place}.jpg").write_bytes(stream.read())
    (out / "text.jpg").write_text("no picture")
    return out


@pytest.fixture
def hiccup(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A disk that cannot read some files until `undo`."""
    read = folder._read_file

    def failing(place: Place, path: str) -> bytes | None:
        if path in FAULTY:
            raise OSError(5, "Input/output error")
        return read(place, path)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "_read_file", failing)
        yield patch


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the members that were opened, as they are opened."""
    names: list[str] = []
    opening = onepass._open

    def noting(member: Member, *more: Any) -> Any:
        names.append(member.path)
        return opening(member, *more)

    monkeypatch.setattr(onepass, "_open", noting)
    return names


def score(job: ScoreJob, source: Source) -> None:
    """Do what the stage does: score the shards that are not finished."""
    done = finished_shards(job)
    for shard in source.shards(3):
        if shard.index not in done:
            score_shard(job, shard)


def test_only_failed_inputs_are_scored_again_and_only_their_parts_change(
    bright_job: ScoreJob, photos: Path, hiccup: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    source = open_source(str(photos))
    score(bright_job, source)
    before = bright_job.folder.read().to_pylist()
    assert [row["member"] for row in before if row["status"] == Status.UNREADABLE] == list(FAULTY)
    hiccup.undo()
    decoded.clear()

    score(replace(bright_job, retry=True), source)
    assert sorted(decoded) == [*FAULTY, "text.jpg"]
    after = bright_job.folder.read().to_pylist()
    kept = [row for row in after if row["member"] not in FAULTY]
    assert kept == [row for row in before if row["member"] not in FAULTY]
    assert {row["status"] for row in after if row["member"] in FAULTY} == {"ok"}
    assert [row["index"] for row in after] == sorted(row["index"] for row in after)

    shutil.rmtree(bright_job.folder.url)
    score(bright_job, source)
    assert bright_job.folder.read().to_pylist() == after, "as if nothing had happened"


def test_a_part_without_failures_is_left_alone_and_the_counts_follow(
    bright_job: ScoreJob, photos: Path, hiccup: pytest.MonkeyPatch
) -> None:
    (photos / "text.jpg").unlink()
    source = open_source(str(photos))
    score(bright_job, source)
    again = replace(bright_job, retry=True)
    assert list(finished_shards(bright_job)) == [0, 1, 2]
    assert list(finished_shards(again)) == [1], "shard 1 is of 3.jpg to 5.jpg"
    middle = Path(bright_job.folder.url, "part-00001.parquet")
    written = middle.stat().st_mtime_ns
    hiccup.undo()
    score(again, source)
    assert middle.stat().st_mtime_ns == written
    counts = [finished_shard(again, index) for index in range(3)]
    assert [None if each is None else dict(each.status) for each in counts] == [{"ok": 3}, {"ok": 3}, {"ok": 2}]


def test_a_failure_that_stays_keeps_its_row(bright_job: ScoreJob, photos: Path) -> None:
    source = open_source(str(photos))
    score(bright_job, source)
    before = bright_job.folder.read()
    score(replace(bright_job, retry=True), source)
    assert bright_job.folder.read().equals(before)


def test_a_stream_is_read_again_but_only_failed_members_are_decoded(
    bright_job: ScoreJob, photos: Path, tmp_path: Path, decoded: list[str]
) -> None:
    dump = tmp_path / "dump.tar.gz"
    with tarfile.open(dump, "w:gz") as out:
        for path in sorted(photos.iterdir()):
            out.add(path, path.name)
    source = open_source(str(dump))
    score(bright_job, source)
    before = bright_job.folder.read()
    decoded.clear()
    score(replace(bright_job, retry=True), source)
    assert decoded == ["text.jpg"]
    assert bright_job.folder.read().equals(before)


def test_parts_of_other_settings_are_no_start_for_a_retry(bright_job: ScoreJob, photos: Path) -> None:
    source = open_source(str(photos))
    score(bright_job, source)
    other = replace(bright_job, key="other", keep="largest", retry=True)
    score(other, source)
    rows = bright_job.folder.read().to_pylist()
    assert len(rows) == 9, "one face of each photograph, and the text"


def test_system_files_and_sidecars_are_no_failures_and_are_not_tried_again(
    bright_job: ScoreJob, photos: Path, decoded: list[str]
) -> None:
    (photos / "text.jpg").unlink()
    for name, content in ((".DS_Store", "x"), ("._1.jpg", "x"), ("0.json", "{}")):
        (photos / name).write_text(content)
    source = open_source(str(photos))
    score(bright_job, source)
    rows = bright_job.folder.read().to_pylist()
    assert {row["member"]: row["status"] for row in rows if row["status"] not in ("ok", "no_face")} == {
        ".DS_Store": "system_file",
        "._1.jpg": "system_file",
        "0.json": "metadata",
    }
    decoded.clear()
    again = replace(bright_job, retry=True)
    counts = [finished_shard(again, shard.index) for shard in source.shards(3)]
    assert [each and each.failures for each in counts] == [0] * 4
    score(again, source)
    assert decoded == []
