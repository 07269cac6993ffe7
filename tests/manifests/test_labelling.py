from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from tasks.manifests.labelling import Labeller, Labels
from tasks.params import DatasetParams, FauxfaceError
from tasks.sources import open_source


class Dump:
    """A source of CSV members."""

    url = "dump.zip"

    def __init__(self, **members: str | bytes) -> None:
        self.members = {name.replace("__", "/").replace("_csv", ".csv"): text for name, text in members.items()}
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.members:
            raise FauxfaceError(f"dump.zip: has no member {path}.")
        content = self.members[path]
        return content if isinstance(content, bytes) else content.encode()


def labeller(dump: Dump | None = None, **rules: Any) -> Labeller:
    return Labeller(DatasetParams(name="faces", source="dump.zip", **rules), dump or Dump())


@pytest.mark.parametrize(
    ("member", "label"),
    [
        ("real/1.jpg", 0),
        ("fake/1.jpg", 1),
        ("real_vs_fake/real-vs-fake/train/FAKE/1.jpg", 1),
        ("./Real/sub/1.jpg", 0),
        ("real\\1.jpg", 0),
        ("fake/real.jpg", 1),
    ],
)
def test_label_by_folder(member: str, label: int) -> None:
    assert labeller().of(member) == Labels(label, None, None)


@pytest.mark.parametrize("member", ["1.jpg", "real.jpg", "realistic/1.jpg", "", "unreal/fakes/1.jpg"])
def test_no_folder_says_the_label(member: str) -> None:
    labels = labeller().of(member)
    assert labels == Labels(None, None, None, "no label: the path has no folder named real, fake")


def test_folders_of_both_labels_say_none() -> None:
    assert labeller().of("real/fake/1.jpg").reason == "no label: the path has folders of more than one label"


def test_folder_names_can_be_chosen_and_must_differ() -> None:
    rule = {"rule": "folder", "real": ["camera", "youtube"], "fake": ["GAN"]}
    assert [labeller(label=rule).of(f"{name}/1.jpg").label for name in ("YouTube", "gan", "real")] == [0, 1, None]
    with pytest.raises(FauxfaceError, match="'Camera' stands for both"):
        labeller(label={"rule": "folder", "real": ["camera"], "fake": ["Camera"]})


def test_label_by_constant() -> None:
    assert labeller(label={"rule": "constant", "value": "fake"}).of("anything.jpg").label == 1
    assert labeller(label={"rule": "constant", "value": "real"}).of("fake/x.jpg").label == 0


CSV = "\ufefffile,label,group\nreal/a.jpg,REAL,ann\n./fake/b.jpg,1,\nfake\\c.jpg,maybe,carl\n"
BOTH = {"label": {"rule": "csv", "file": "meta.csv"}, "group": {"rule": "csv", "file": "meta.csv"}}


def test_label_and_group_by_csv_read_once() -> None:
    dump = Dump(meta_csv=CSV)
    found = labeller(dump, **BOTH)
    assert found.of("real/a.jpg") == Labels(0, "ann", None)
    assert found.of("fake/b.jpg") == Labels(1, None, None)
    assert found.of("fake/c.jpg").reason == "no label: meta.csv says 'maybe', which is none of real, 0, fake, 1"
    assert found.of("fake/d.jpg").reason == "no label: meta.csv does not list it"
    assert dump.reads == ["meta.csv"]
    assert [found.is_metadata(name) for name in ("meta.csv", "./meta.csv", "real/a.jpg")] == [True, True, False]


def test_csv_paths_may_be_relative_to_its_folder() -> None:
    found = labeller(Dump(set__meta_csv=CSV), label={"rule": "csv", "file": "set/meta.csv"})
    assert found.of("set/real/a.jpg").label == 0
    assert found.of("other/real/a.jpg").label is None


def test_csv_beside_the_dump(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("name,truth\n1.jpg,fake\n")
    rule = {"rule": "csv", "file": str(tmp_path / "own.csv"), "member": "name", "column": "truth"}
    assert labeller(label=rule).of("1.jpg").label == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,truth\n1.jpg,fake\n", "has no column 'label'. Its columns: file, truth"),
        ("path,label\n1.jpg,fake\n", "has no column 'file'"),
        ("", "has no column 'file'. Its columns: none; is the file empty?"),
        (b"file,label\n\xff.jpg,real\n", "is not UTF-8 text"),
        ('file,label\n"1.jpg,real\n', "is no valid CSV"),
        ("file,label\n1.jpg,real\n1.jpg,fake\n", "line 3: 1.jpg has two values of 'label', 'real' and 'fake'"),
    ],
)
def test_a_csv_that_cannot_be_used(content: str | bytes, message: str) -> None:
    with pytest.raises(FauxfaceError) as caught:
        labeller(Dump(meta_csv=content), label={"rule": "csv", "file": "meta.csv"})
    assert message in str(caught.value)
    assert "data set faces" in str(caught.value)
    assert "meta.csv" in str(caught.value)


def test_a_missing_csv_is_an_error_with_its_name() -> None:
    with pytest.raises(FauxfaceError, match=r"no CSV labels\.csv: .*no member.* Correct `file`"):
        labeller(group={"rule": "csv", "file": "labels.csv"})


def test_a_short_csv_row_gives_no_label() -> None:
    found = labeller(Dump(meta_csv="file,label\n1.jpg\n"), label={"rule": "csv", "file": "meta.csv"})
    assert found.of("1.jpg").label is None


@pytest.mark.parametrize(
    ("use", "member", "group"),
    [
        ("split", "lfw/real/Ann/1.jpg", "lfw/Ann"),
        ("split", "fake/Ann/1.jpg", "Ann"),
        ("split", "train/fake/Ann/1.jpg", "train/Ann"),
        ("given", "train/fake/Ann/1.jpg", "Ann"),
        ("given", "validation/real/Ann/1.jpg", "Ann"),
    ],
)
def test_group_by_folder_leaves_out_label_and_split(use: str, member: str, group: str) -> None:
    assert labeller(group={"rule": "folder"}, use=use).of(member).group == group


def test_group_by_folder_without_one() -> None:
    labels = labeller(group={"rule": "folder"}).of("real/1.jpg")
    assert labels == Labels(None, None, None, "no group: the path has no folder that could name it")


def test_group_by_regular_expression() -> None:
    found = labeller(group={"rule": "regex", "pattern": r"/(\d+)_|/(?:x)(y)?"})
    assert found.of("real/0017_3.jpg") == Labels(0, "0017", None)
    assert found.of("real/a_3.jpg").reason.startswith("no group: the path does not match")
    assert found.of("real/x.jpg").label is None


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train", "train"), ("Training", "train"), ("val", "valid"), ("validation", "valid"), ("TEST", "test")],
)
def test_given_split(folder: str, split: str) -> None:
    assert labeller(use="given").of(f"140k/{folder}/real/1.jpg") == Labels(0, None, split)
    assert labeller(use="split").of(f"140k/{folder}/real/1.jpg") == Labels(0, None, None)


def test_given_split_missing_or_twofold() -> None:
    found = labeller(use="given")
    assert found.of("real/1.jpg").reason.startswith("no split: the path has no folder named train,")
    assert found.of("train/test/real/1.jpg").reason == "no split: the path has folders of more than one split"
    assert found.of("train/training/real/1.jpg").split_given == "train"


def test_dfdc_groups_are_its_videos(real_data: Path) -> None:
    archive = real_data / "faces" / "dfdc_faceswap.tar"
    rules = {"label": {"rule": "csv", "file": "metadata.csv"}, "group": {"rule": "csv", "file": "metadata.csv"}}
    found = Labeller(
        DatasetParams.model_validate({"name": "dfdc", "source": str(archive), **rules}), open_source(str(archive))
    )
    with tarfile.open(archive) as tar:
        images = [name for name in tar.getnames() if name.endswith(".jpg")]
    labels = [found.of(name) for name in images]
    assert [label.label for label in labels] == [int(name.startswith("fake/")) for name in images]
    assert len(images) == 4000
    assert len({label.group for label in labels}) == 2000


def test_lfw_groups_are_its_people(real_data: Path) -> None:
    rules = {"label": {"rule": "constant", "value": "real"}, "group": {"rule": "folder"}}
    archive = real_data / "faces" / "lfw.zip"
    found = Labeller(
        DatasetParams.model_validate({"name": "lfw", "source": str(archive), **rules}), open_source(str(archive))
    )
    assert found.of("lfw/Abel_Pacheco/Abel_Pacheco_0001.jpg") == Labels(0, "lfw/Abel_Pacheco", None)
