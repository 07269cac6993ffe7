"""Tables that write paths differently from the dump: what is found, what is ambiguous, and the reason that is told."""

from __future__ import annotations

import unicodedata

import pytest

from tasks.manifests.matching import DoesNotFitError, Matcher, likely_reason
from tests.manifests.test_labelling import by_csv


def found(way: str, cells: dict[str, str], *members: str) -> list[str | None]:
    """Return the values of all `members`, "?" for an ambiguous one."""
    matcher = Matcher(way, cells, members)

    def ask(member: str) -> str | None:
        try:
            return matcher.cell(member)
        except DoesNotFitError:
            return "?"

    return [ask(member) for member in members]


def test_paths_are_compared_composed_whatever_the_rule() -> None:
    composed = "real/Zoë.jpg"
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    for one, other in ((composed, apart), (apart, composed)):
        assert by_csv(f"file,label\n{one},real\n", other).of(other).label == 0
        for match in ("tail", "name", "stem"):
            assert by_csv(f"file,label\n{one},real\n", other, match=match).of(other).label == 0


def test_by_path_case_and_folders_count() -> None:
    asked = by_csv("file,label\nreal/A.jpg,real\n/data/real/b.jpg,fake\n", "real/a.jpg", "real/b.jpg")
    assert [asked.of(name).label for name in ("real/A.jpg", "real/a.jpg", "real/b.jpg")] == [0, None, None]


@pytest.mark.parametrize("way", ["tail", "name", "stem"])
def test_absolute_and_shorter_paths_and_case(way: str) -> None:
    cells = {"/home/ann/set/real/1.jpg": "a", "C:/x/fake/1.jpg": "b", "2.JPG": "c"}
    assert found(way, cells, "set/real/1.jpg", "fake/1.jpg", "deep/er/2.jpg") == ["a", "b", "c"]


def test_by_name_the_folders_do_not_count_but_must_not_be_needed() -> None:
    cells = {"x/1.jpg": "a", "x/2.jpg": "b", "y/2.jpg": "c"}
    assert found("name", cells, "q/1.jpg", "r/3.jpg", "s/2.jpg") == ["a", None, "?"]
    assert found("tail", cells, "q/1.jpg") == [None]
    assert found("name", {"1.jpg": "a"}, "real/1.jpg", "fake/1.jpg") == ["?", "?"]
    assert found("tail", {"1.jpg": "a"}, "real/1.jpg", "fake/1.jpg") == [None, None]


def test_by_stem_the_extension_does_not_count() -> None:
    assert found("stem", {"1.png": "a", "real/2": "b"}, "x/1.jpg", "real/2.jpeg") == ["a", "b"]
    assert found("name", {"1.png": "a"}, "x/1.jpg") == [None]
    assert found("stem", {"real/1.png": "a", "fake/1.png": "b"}, "set/real/1.jpg", "set/fake/1.jpg") == ["a", "b"]
    assert found("stem", {"1": "a"}, "1.jpg", "1.png") == ["?", "?"]


def test_a_line_belongs_to_the_picture_that_shares_most_of_its_path() -> None:
    assert found("tail", {"/d/x/1.jpg": "a"}, "1.jpg", "x/1.jpg") == [None, "a"]
    assert found("tail", {"/d/x/1.jpg": "a", "/d/y/1.jpg": "b"}, "1.jpg") == ["?"]
    assert found("tail", {"x/1.jpg": "a"}, "x/1.jpg", "old/x/1.jpg") == ["a", None]


def test_pictures_that_differ_in_case_alone_are_ambiguous() -> None:
    assert found("tail", {"a.jpg": "a"}, "a.jpg", "A.jpg") == ["?", "?"]


def test_an_ambiguous_line_is_told_with_its_file() -> None:
    asked = by_csv("file,label\n1.jpg,real\n", "a/1.jpg", "b/1.jpg", match="name")
    reason = asked.of("a/1.jpg").reason
    assert reason.startswith("no label: meta.csv: several images of the dump are called 1.jpg")


@pytest.mark.parametrize(
    ("listed", "unlisted", "reason", "match"),
    [
        (["/data/set/real/1.jpg", "/data/set/real/2.jpg"], ["real/1.jpg", "real/2.jpg"], "absolute paths", "tail"),
        (["C:/set/real/1.jpg"], ["real/1.jpg"], "absolute paths", "tail"),
        (["real/1.jpg"], ["set/real/1.jpg"], "begin at different folders", "tail"),
        (["REAL/1.JPG"], ["real/1.jpg"], "upper and lower case", "tail"),
        (["photos/1.jpg"], ["real/1.jpg"], "only the base names agree", "name"),
        (["1.png"], ["1.jpg"], "another extension, or none", "stem"),
        (["1"], ["real/1.jpg"], "another extension, or none", "stem"),
    ],
)
def test_the_likely_reason(listed: list[str], unlisted: list[str], reason: str, match: str) -> None:
    told = likely_reason(dict.fromkeys(listed, "real"), unlisted, unlisted)
    assert reason in told
    assert f"{len(unlisted)} of these {len(unlisted)} are found with `match: {match}`" in told


def test_no_reason_is_made_up() -> None:
    assert likely_reason({"a.jpg": "real"}, ["b.png"], ["b.png"]) == ""
    assert likely_reason({}, ["b.png"], ["b.png"]) == "the table has no line"


def test_a_setting_that_would_not_help_is_not_named() -> None:
    pictures = ["real/1.jpg", "fake/1.jpg"]
    assert likely_reason({"1.jpg": "real"}, pictures, pictures) == ""
