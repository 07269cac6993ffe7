from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tasks.manifests.labelling import Labeller, Labels, Picture
from tasks.params import DatasetParams, FauxfaceError
from tasks.sources import open_source


class Dump:
    """The tables that came with a dump."""

    def __init__(self, **members: str | bytes) -> None:
        self.members = {name.replace("__", "/").replace("_csv", ".csv"): text for name, text in members.items()}
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.members:
            raise FauxfaceError(f"the dump has no {path}")
        content = self.members[path]
        return content if isinstance(content, bytes) else content.encode()


class Asked:
    """A labeller that is asked by path."""

    def __init__(self, labeller: Labeller) -> None:
        self.labeller = labeller

    def of(self, member: str, **annotations: str) -> Labels:
        return self.labeller.of(Picture(member, annotations or None))


def labeller(dump: Dump | None = None, pictures: tuple[str, ...] = (), **rules: Any) -> Asked:
    settings = DatasetParams(name="faces", source="dump.zip", **rules)
    return Asked(Labeller(settings, dump or Dump(), [Picture(member) for member in pictures]))


def by_csv(text: str, *pictures: str, **rule: Any) -> Asked:
    return labeller(Dump(meta_csv=text), pictures, label={"rule": "csv", "file": "meta.csv", **rule})


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
    assert labeller().of("real/fake/1.jpg").reason == "no label: the path names more than one label"


def test_folder_names_can_be_chosen_and_must_differ() -> None:
    rule = {"rule": "folder", "real": ["camera", "youtube"], "fake": ["GAN"]}
    assert [labeller(label=rule).of(f"{name}/1.jpg").label for name in ("YouTube", "gan", "real")] == [0, 1, None]
    with pytest.raises(FauxfaceError, match="'Camera' stands for both"):
        labeller(label={"rule": "folder", "real": ["camera"], "fake": ["Camera"]})


def test_a_folder_of_digits_is_no_number() -> None:
    found = labeller(label={"rule": "folder", "real": ["0"], "fake": ["1"]})
    assert [found.of(f"{folder}/0001/x.jpg").label for folder in ("0", "1")] == [0, 1]


def test_folder_names_are_compared_composed() -> None:
    rule = {"rule": "folder", "real": ["écht"], "fake": ["fake"]}
    assert labeller(label=rule).of(unicodedata.normalize("NFD", "écht/1.jpg")).label == 0


def test_label_by_constant() -> None:
    assert labeller(label={"rule": "constant", "value": "fake"}).of("anything.jpg").label == 1
    assert labeller(label={"rule": "constant", "value": "real"}).of("fake/x.jpg").label == 0


CSV = "\ufefffile,label,group\nreal/a.jpg,REAL,ann\n./fake/b.jpg,fake,\nfake\\c.jpg,maybe,carl\n"
BOTH: dict[str, Any] = {"label": {"rule": "csv", "file": "meta.csv"}, "group": {"rule": "csv", "file": "meta.csv"}}


def test_label_and_group_by_csv_read_once() -> None:
    dump = Dump(meta_csv=CSV)
    found = labeller(dump, **BOTH)
    assert found.of("real/a.jpg") == Labels(0, "ann", None)
    assert found.of("fake/b.jpg") == Labels(1, None, None)
    assert found.of("fake/c.jpg").reason == "no label: meta.csv says 'maybe', which is none of real, fake"
    assert found.of("fake/d.jpg").reason == "no label: meta.csv does not list it"
    assert dump.reads == ["meta.csv"]
    assert found.labeller.local_files == []


def test_csv_paths_may_be_relative_to_its_folder() -> None:
    found = labeller(Dump(set__meta_csv=CSV), label={"rule": "csv", "file": "set/meta.csv"})
    assert found.of("set/real/a.jpg").label == 0
    assert found.of("other/real/a.jpg").label is None


def test_csv_beside_the_dump_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("name,truth\n1.jpg,fake\n")
    rule = {"rule": "csv", "file": str(tmp_path / "own.csv"), "member": "name", "column": "truth"}
    found = labeller(label=rule)
    assert found.of("1.jpg").label == 1
    assert found.labeller.local_files == [tmp_path / "own.csv"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_be_separated_by_comma_semicolon_or_tab(separator: str) -> None:
    text = "file,label,note\nreal/a.jpg,real,x\nb.jpg,fake,y\n".replace(",", separator)
    found = by_csv(text)
    assert [found.of(name).label for name in ("real/a.jpg", "b.jpg")] == [0, 1]


def test_spaces_and_empty_lines_of_a_csv_are_of_no_account() -> None:
    found = by_csv("file , label\n\n a.jpg , real \n\nb.jpg,fake\n")
    assert [found.of(name).label for name in ("a.jpg", "b.jpg")] == [0, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,truth\n1.jpg,fake\n", "has no column 'label'. Its columns: file, truth"),
        ("path,label\n1.jpg,fake\n", "has no column 'file'"),
        ("", "has no column 'file'. Its columns: none; is the file empty?"),
        (b"file,label\n\xff.jpg,real\n", "is not UTF-8 text"),
        ('file,label\n"1.jpg,real\n', "is no valid CSV (line 2:"),
        ("file,label\n1.jpg,real\n1.jpg,fake\n", "line 3: 1.jpg has two values of 'label', 'real' and 'fake'"),
        ("file,label,label\n1.jpg,real,fake\n", "has two columns 'label' (number 2 and 3). Rename"),
        ("file,file,label\n1.jpg,2.jpg,fake\n", "has two columns 'file' (number 1 and 2). Rename"),
    ],
)
def test_a_csv_that_cannot_be_used(content: str | bytes, message: str) -> None:
    with pytest.raises(FauxfaceError) as caught:
        labeller(Dump(meta_csv=content), label={"rule": "csv", "file": "meta.csv"})
    assert message in str(caught.value)
    assert "data set faces" in str(caught.value)
    assert "meta.csv" in str(caught.value)


def test_a_second_column_that_no_rule_names_does_no_harm() -> None:
    assert by_csv("file,label,note,note\n1.jpg,fake,a,b\n").of("1.jpg").label == 1


def test_a_missing_csv_is_an_error_with_its_name() -> None:
    with pytest.raises(FauxfaceError, match=r"no CSV labels\.csv: .*the dump has no.* Correct `file`"):
        labeller(group={"rule": "csv", "file": "labels.csv"})


def test_a_short_csv_row_gives_no_label() -> None:
    assert by_csv("file,label\n1.jpg\n2.jpg,real\n").of("1.jpg").label is None


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
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "valid"),
        ("validation", "valid"),
        ("dev", "valid"),
        ("TEST", "test"),
    ],
)
def test_given_split(folder: str, split: str) -> None:
    assert labeller(use="given").of(f"140k/{folder}/real/1.jpg") == Labels(0, None, split)
    assert labeller(use="split").of(f"140k/{folder}/real/1.jpg") == Labels(0, None, None)


def test_given_split_missing_or_twofold() -> None:
    found = labeller(use="given")
    assert found.of("real/1.jpg").reason.startswith("no split: the path has no folder or file named train,")
    assert found.of("train/test/real/1.jpg").reason == "no split: the path names more than one split"
    assert found.of("train/training/real/1.jpg").split_given == "train"


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("train-00000-of-00002.parquet", "train"),
        ("data/validation-00000-of-00001-a1b2.parquet", "valid"),
        ("test.parquet", "test"),
        ("valid_0.parquet", "valid"),
        ("dev/0000.parquet", "valid"),
        ("train/0000.parquet", "train"),
        ("training.parquet", "train"),
        ("trainset.parquet", None),
        ("0000.parquet", None),
    ],
)
def test_given_split_by_the_parquet_file(file: str, split: str | None) -> None:
    found = labeller(use="given", label={"rule": "constant", "value": "real"})
    assert found.of("faces/1.jpg", __file__=file).split_given == split


def test_the_files_name_is_no_split_unless_asked_for() -> None:
    assert labeller().of("real/1.jpg", __file__="train-00000.parquet").split_given is None


def annotated(*values: str | None, **rule: Any) -> list[int | None]:
    """Return the labels of images with such a value in their field `label` (or the rule's column)."""
    name = rule.get("column", "label")
    pictures = [Picture(f"{n}.jpg", None if value is None else {name: value}) for n, value in enumerate(values)]
    settings = DatasetParams.model_validate({"name": "faces", "source": "x", "label": {"rule": "column", **rule}})
    found = Labeller(settings, Dump(), pictures)
    return [found.of(picture).label for picture in pictures]


def test_label_by_annotation() -> None:
    assert annotated("real", "Fake", "other", None) == [0, 1, None, None]
    assert annotated("0", "1", "1.0", "0.0", real=["0"], fake=["1"]) == [0, 1, 1, 0]
    assert annotated("photo", "gan", column="kind", real=["photo"], fake=["gan"]) == [0, 1]


def test_a_missing_annotation_is_told_with_those_that_are_there() -> None:
    settings = DatasetParams.model_validate(
        {"name": "faces", "source": "x", "label": {"rule": "column"}, "group": {"rule": "column", "column": "person"}}
    )
    pictures = [Picture("a", {"label": "real", "person": "ann"}), Picture("b", {"label": "fake"}), Picture("c", {})]
    found = Labeller(settings, Dump(), pictures)
    assert found.of(pictures[0]) == Labels(0, "ann", None)
    assert (
        found.of(pictures[1]).reason == "no group: the dump says nothing of 'person' beside the image (it says: label)"
    )
    assert "says nothing of 'label' beside the image (it says: nothing)" in found.of(pictures[2]).reason


@pytest.mark.parametrize(
    ("cells", "real", "fake"),
    [
        (("0", "1"), "0", "1"),
        (("1.0", "0.0"), "0", "1"),
        (("True", "False"), "false", "true"),
        (("yes", "no"), "no", "yes"),
        (("1", "1"), "0", "1"),
        (("real", "fake", "1"), "0", "1"),
    ],
)
def test_yes_and_no_are_not_guessed_at(cells: tuple[str, ...], real: str, fake: str) -> None:
    lines = "".join(f"{n}.jpg,{cell}\n" for n, cell in enumerate(cells))
    for ask in (lambda: by_csv(f"file,label\n{lines}"), lambda: annotated(*cells)):
        with pytest.raises(FauxfaceError) as caught:
            ask()
        message = str(caught.value)
        assert "datasets.faces.label" in message
        assert f"either real: ['{real}'], fake: ['{fake}']" in message
        assert f"the other way round: real: ['{fake}'], fake: ['{real}']" in message


@pytest.mark.parametrize(("real", "fake", "expected"), [(["0"], ["1"], [0, 1]), (["1"], ["0"], [1, 0])])
def test_yes_and_no_with_their_words(real: list[str], fake: list[str], expected: list[int]) -> None:
    found = by_csv("file,label\na.jpg,0\nb.jpg,1\nc.jpg,1.0\n", real=real, fake=fake)
    assert [found.of(name).label for name in ("a.jpg", "b.jpg", "c.jpg")] == [*expected, expected[1]]


def test_half_of_the_words_is_a_guess_as_well() -> None:
    with pytest.raises(FauxfaceError, match="nothing says which of them is fake"):
        by_csv("file,label\na.jpg,0\nb.jpg,1\n", fake=["1"])


def test_a_column_of_which_no_word_is_known_asks_for_them() -> None:
    with pytest.raises(FauxfaceError) as caught:
        by_csv("file,label\na.jpg,photo\nb.jpg,gan\nc.jpg,gan\n")
    assert "says 'gan' (2 times), 'photo' (1 times): none of them is real or fake" in str(caught.value)
    assert "meta.csv" in str(caught.value)


def test_lfw_groups_are_its_people(real_data: Path) -> None:
    rules = {"label": {"rule": "constant", "value": "real"}, "group": {"rule": "folder"}}
    settings = DatasetParams.model_validate({"name": "lfw", "source": "lfw.zip", **rules})
    found = Asked(Labeller(settings, Dump(), []))
    with open_source(str(real_data / "faces" / "lfw.zip")) as source:
        member = next(member.path for member in source.members() if "Abel_Pacheco" in member.path)
    assert found.of(member) == Labels(0, "lfw/Abel_Pacheco", None)
