"""Shards of a data set: rows add up, a finished shard is recognised, a killed or damaged one is not."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.cropping.assemble import assemble, crop_key, open_state
from tasks.cropping.shard import CropJob, ShardCounts, crop_shard, finished_shard, images_part
from tasks.manifests.labelled import label_faces
from tasks.manifests.parts import part_notes, write_part
from tasks.manifests.reading import READING, reading
from tasks.manifests.schemas import FACES, IMAGES, TABLES, shard_name, tables_name
from tasks.manifests.tables import KeptTables
from tasks.params import CropParams, CsvGroup, CsvLabel, DatasetParams
from tasks.sources import Member, Shard, open_source

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
def settings(dump: Path) -> DatasetParams:
    return DatasetParams(
        name="dfdc",
        source=str(dump),
        label=CsvLabel(rule="csv", file="metadata.csv"),
        group=CsvGroup(rule="csv", file="metadata.csv"),
    )


@pytest.fixture
def job(dump: Path, settings: DatasetParams, tmp_path: Path) -> CropJob:
    key = crop_key(settings, CROP, open_source(str(dump)).fingerprint())
    return CropJob("dfdc", open_state(tmp_path, "dfdc", key), key, CROP, 2, open_source(str(dump)).read)


def shards(dump: Path) -> list[Shard]:
    return list(open_source(str(dump)).shards(CROP.shard))


def test_every_input_has_one_row_and_the_split_finds_every_label_and_group(
    job: CropJob, dump: Path, settings: DatasetParams
) -> None:
    counts = ShardCounts()
    for shard in shards(dump):
        counts.add(crop_shard(job, shard))
    assert counts.inputs == 23 == sum(counts.status.values())
    assert counts.status["metadata"] == 1
    assert counts.status["not_an_image"] == 1
    assert counts.status["empty_file"] == 1
    rows = assemble(job.folder, 2, final := job.folder.parent / "faces" / "dfdc", {READING: reading(settings)})
    assert rows == 23
    assert part_notes(final / "images.parquet") == {READING: reading(settings), "rows": "23"}
    images = pq.read_table(final / "images.parquet").to_pylist()
    assert [row["index"] for row in images] == list(range(23))
    faces = label_faces(final.parent, [settings]).faces.to_pylist()
    assert len(faces) == counts.faces >= 18
    assert {(face["member"].split("/")[0], face["label"]) for face in faces} == {("real", 0), ("fake", 1)}
    assert all(face["group"] for face in faces)
    names = sorted(path.name for path in final.iterdir())
    assert names == ["faces-00000.parquet", "faces-00001.parquet", "images.parquet", "tables-00000.parquet"]


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


@pytest.mark.parametrize("name", [shard_name(0), tables_name(0), "images-00000.parquet"])
@pytest.mark.parametrize("damage", ["cut", "gone", "of another key", "fewer rows", "more rows"])
def test_a_shard_of_which_one_file_is_not_as_counted_is_done_again(
    job: CropJob, dump: Path, name: str, damage: str
) -> None:
    crop_shard(job, shards(dump)[0])
    part, notes = job.folder / name, {**(part_notes(job.folder / name) or {})}
    del notes["rows"]
    rows, schema = pq.read_table(part).to_pylist(), pq.read_schema(part).remove_metadata()
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:-100])
    elif damage == "gone":
        part.unlink()
    elif damage == "of another key":
        write_part(part, rows, schema, {**notes, "key": "another"})
    elif name.startswith("images"):  # the rows of the images are what is counted
        other = str(int(notes["faces"]) + (1 if damage == "more rows" else -1))
        write_part(part, rows, schema, {**notes, "faces": other})
    else:
        write_part(part, rows[1:] if damage == "fewer rows" else [*rows, rows[0]], schema, notes)
    assert finished_shard(job, 0) is None


def test_a_shard_of_other_settings_is_done_again(job: CropJob, dump: Path) -> None:
    crop_shard(job, shards(dump)[0])
    assert finished_shard(CropJob(**{**job.__dict__, "key": "another"}), 0) is None


def shard_of(*members: Member) -> Shard:
    return Shard(0, 0, len(members), list(members))


def test_tables_are_kept_and_no_fault_and_a_shard_without_one_has_no_such_file(job: CropJob) -> None:
    text = Member("a/notes.txt", b"a woman, smiling")
    kept = [Member("labels.csv", b"file,label\n"), Member("b.tsv", b"file\tlabel\n"), Member("empty.csv", b"")]
    counts = crop_shard(job, shard_of(*kept, text))
    assert counts.status == {"metadata": 2, "empty_file": 1, "not_an_image": 1}
    assert pq.read_schema(job.folder / tables_name(0)).remove_metadata().equals(TABLES)
    assert KeptTables(job.folder).read("b.tsv") == b"file\tlabel\n"
    assert finished_shard(job, 0) == counts
    other = CropJob(**{**job.__dict__, "folder": job.folder / "other"})
    assert crop_shard(other, shard_of(text)).inputs == 1
    assert not (other.folder / tables_name(0)).exists()
    assert finished_shard(other, 0) is not None


def test_the_table_of_a_folder_of_parquet_files_is_kept_with_what_the_files_say(tmp_path: Path, dump: Path) -> None:
    folder = tmp_path / "clone"
    (folder / "data").mkdir(parents=True)
    (folder / "labels.csv").write_text("file,label\n")
    picture = next(member for member in open_source(str(dump)).members() if member.path.endswith(".jpg"))
    rows = {"image": [picture.data], "label": ["fake"]}
    pq.write_table(pa.table(rows), folder / "data" / "train-00000-of-00001.parquet")
    source = open_source(str(folder))
    clone = CropJob("clone", tmp_path / "state", "key", CROP, 2, source.read)
    counts = crop_shard(clone, next(iter(source.shards(20))))
    assert counts.status == {"ok": 1, "metadata": 1}
    assemble(clone.folder, 1, tmp_path / "faces" / "clone", {})
    assert KeptTables(tmp_path / "faces" / "clone").read("labels.csv") == b"file,label\n"
    settings = {"name": "clone", "source": str(folder), "label": {"rule": "column"}, "use": "given"}
    faces = label_faces(tmp_path / "faces", [DatasetParams.model_validate(settings)]).faces.to_pylist()
    assert [(face["label"], face["split_given"]) for face in faces] == [(1, "train")]


def test_a_picture_that_is_called_a_table_is_a_picture(job: CropJob, dump: Path) -> None:
    picture = next(member for member in open_source(str(dump)).members() if member.path.endswith(".jpg"))
    assert "metadata" not in crop_shard(job, shard_of(Member("odd.csv", picture.data))).status


def test_what_the_container_says_of_an_image_is_kept(job: CropJob) -> None:
    said = {"label": "gefälscht", "a": "1"}
    crop_shard(job, shard_of(Member("1.jpg", b"x", annotations=said), Member("2.jpg", b"x")))
    rows = pq.read_table(images_part(job.folder, 0)).to_pylist()
    assert [row["annotations"] for row in rows] == ['{"a": "1", "label": "gefälscht"}', None]


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
        crop_key(DatasetParams(name="a", source="b.zip"), CROP, "f1"),
        crop_key(DatasetParams(name="a", source="a.zip", encoding="cp932"), CROP, "f1"),
        crop_key(DatasetParams(name="b", source="a.zip"), CROP, "f1"),
    ]
    assert len({key, *others}) == 6


def test_the_key_does_not_follow_what_is_applied_at_the_split() -> None:
    changed = {
        "use": "given",
        "strict_labels": True,
        "label": {"rule": "constant", "value": "fake"},
        "group": {"rule": "folder"},
    }
    plain = crop_key(DatasetParams(name="a", source="a.zip"), CROP, "f1")
    assert crop_key(DatasetParams.model_validate({"name": "a", "source": "a.zip", **changed}), CROP, "f1") == plain
