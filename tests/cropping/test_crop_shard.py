"""Shards of a data set: rows add up, a finished shard is recognised, a killed or damaged one is not."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.cropping.assemble import assemble, crop_key, open_state
from tasks.cropping.shard import CropJob, ShardCounts, crop_shard, finished_shard, images_part
from tasks.manifests.labelling import Labeller
from tasks.manifests.schemas import FACES, IMAGES, shard_name
from tasks.params import CropParams, CsvGroup, CsvLabel, DatasetParams
from tasks.sources import Shard, open_source

CROP = CropParams(shard=20)


@pytest.fixture(scope="module")
def dump(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten real and ten fake DFDC faces with their metadata, a text file and an empty one."""
    target = tmp_path_factory.mktemp("dump") / "faces.zip"
    with tarfile.open(real_data / "faces" / "dfdc_faceswap.tar") as tar, zipfile.ZipFile(target, "w") as out:
        members = [member for member in tar.getmembers() if member.isfile()]
        images = [member for member in members if member.name.endswith(".jpg")]
        reals = [member for member in images if "real/" in member.name][:10]
        fakes = [member for member in images if "fake/" in member.name][:10]
        table = next(member for member in members if member.name.endswith("metadata.csv"))
        for member in [*reals, table, *fakes]:
            stream = tar.extractfile(member)
            assert stream is not None
            out.writestr(member.name, stream.read())
        out.writestr("real/notes.jpg", "no picture")
        out.writestr("real/empty.jpg", b"")
    return target


@pytest.fixture
def job(dump: Path, tmp_path: Path) -> CropJob:
    settings = DatasetParams(
        name="dfdc",
        source=str(dump),
        label=CsvLabel(rule="csv", file="metadata.csv"),
        group=CsvGroup(rule="csv", file="metadata.csv"),
    )
    source = open_source(str(dump))
    key = crop_key(settings, CROP, source.fingerprint())
    return CropJob("dfdc", open_state(tmp_path, "dfdc", key), key, Labeller(settings, source), CROP, 2)


def shards(dump: Path) -> list[Shard]:
    return list(open_source(str(dump)).shards(CROP.shard))


def test_every_input_has_one_row_and_every_face_its_label_and_group(job: CropJob, dump: Path) -> None:
    counts = ShardCounts()
    for shard in shards(dump):
        counts.add(crop_shard(job, shard))
    assert counts.inputs == 23 == sum(counts.status.values())
    assert counts.status["metadata"] == 1
    assert counts.status["not_an_image"] == 1
    assert counts.status["empty_file"] == 1
    assert counts.labels.keys() == {"real", "fake"}
    rows = assemble(job.folder, 2, final := job.folder.parent / "final")
    assert rows == 23
    images = pq.read_table(final / "images.parquet").to_pylist()
    assert [row["index"] for row in images] == list(range(23))
    faces = [row for path in sorted(final.glob("faces-*")) for row in pq.read_table(path).to_pylist()]
    assert len(faces) == counts.faces >= 18
    assert {(face["member"].split("/")[0], face["label"]) for face in faces} == {("real", 0), ("fake", 1)}
    assert all(face["group"] for face in faces)
    names = sorted(path.name for path in final.iterdir())
    assert names == ["faces-00000.parquet", "faces-00001.parquet", "images.parquet"]


def test_a_shard_has_the_public_schema_and_equal_bytes_on_two_runs(job: CropJob, dump: Path) -> None:
    first = shards(dump)[0]
    crop_shard(job, first)
    faces, images = job.folder / shard_name(0), images_part(job.folder, 0)
    assert pq.read_schema(faces).remove_metadata().equals(FACES)
    assert pq.read_schema(images).remove_metadata().equals(IMAGES)
    before = faces.read_bytes(), images.read_bytes()
    crop_shard(job, first)
    assert (faces.read_bytes(), images.read_bytes()) == before


def test_a_finished_shard_is_recognised_with_its_counts(job: CropJob, dump: Path) -> None:
    first = shards(dump)[0]
    assert finished_shard(job, 0) is None
    counts = crop_shard(job, first)
    assert finished_shard(job, 0) == counts


@pytest.mark.parametrize("damage", ["cut", "gone", "other key"])
def test_a_shard_that_is_not_whole_or_of_other_settings_is_done_again(job: CropJob, dump: Path, damage: str) -> None:
    crop_shard(job, shards(dump)[0])
    faces = job.folder / shard_name(0)
    if damage == "cut":
        faces.write_bytes(faces.read_bytes()[:-100])
    elif damage == "gone":
        faces.unlink()
    other = job if damage != "other key" else CropJob(**{**job.__dict__, "key": "another"})
    assert finished_shard(other, 0) is None


def test_other_settings_drop_the_state_of_earlier_ones(tmp_path: Path) -> None:
    old = open_state(tmp_path, "faces", "a")
    (old / "x").write_text("x")
    neighbour = open_state(tmp_path, "faces2", "a")
    assert open_state(tmp_path, "faces", "a") == old
    assert (old / "x").exists()
    open_state(tmp_path, "faces", "b")
    assert not old.exists()
    assert neighbour.exists()


def test_the_key_follows_settings_and_source() -> None:
    settings = DatasetParams(name="a", source="a.zip")
    key = crop_key(settings, CROP, "f1")
    assert key == crop_key(settings, CROP, "f1")
    others = [
        crop_key(settings, CropParams(size=64, shard=20), "f1"),
        crop_key(settings, CROP, "f2"),
        crop_key(DatasetParams(name="a", source="a.zip", use="test"), CROP, "f1"),
    ]
    assert len({key, *others}) == 4
