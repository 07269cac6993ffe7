"""When a dump in the inbox counts as complete."""

from __future__ import annotations

import pytest

from flows.inbox import Watch
from flows.scheduled import is_storage_fault
from tasks.params import FauxfaceError, InboxParams
from tasks.sources import SourceError
from tasks.sources.inbox import Dump


def dump(version: str, marked: bool = False) -> Dump:
    return Dump("inbox/a.zip", "a.zip", version, marked)


def test_two_looks_that_see_the_same_long_enough_apart() -> None:
    watch = Watch(InboxParams(settle=10))
    assert watch.complete([dump("1")], 100.0) == []
    assert watch.unfinished == ["a.zip"]
    assert watch.may_settle()
    assert watch.complete([dump("1")], 109.0) == []
    assert watch.complete([dump("2")], 110.0) == [], "it was written to"
    assert watch.complete([dump("2")], 119.0) == []
    assert watch.complete([dump("2")], 120.0) == [dump("2")]
    assert watch.unfinished == []


def test_one_look_is_never_enough() -> None:
    watch = Watch(InboxParams(settle=0))
    assert watch.complete([dump("1")], 100.0) == []
    assert watch.complete([], 101.0) == []
    assert watch.complete([dump("1")], 102.0) == [], "it had gone in between"
    assert watch.complete([dump("1")], 103.0) == [dump("1")]


def test_a_marker_ends_the_wait_and_may_be_asked_for() -> None:
    assert Watch(InboxParams(settle=10)).complete([dump("1", marked=True)], 100.0) == [dump("1", marked=True)]
    strict = Watch(InboxParams(settle=1, marker=True))
    for now in (100.0, 200.0, 300.0):
        assert strict.complete([dump("1")], now) == []
    assert not strict.may_settle()
    assert strict.complete([dump("1", marked=True)], 400.0) == [dump("1", marked=True)]


def chained(cause: BaseException) -> FauxfaceError:
    try:
        raise SourceError("s3://box/a.zip: cannot be read") from cause
    except SourceError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (chained(ConnectionResetError()), True),
        (chained(TimeoutError()), True),
        (OSError(5, "Input/output error"), True),
        (OSError(28, "No space left on device"), True),
        (chained(PermissionError(13, "Permission denied")), False),
        (chained(FileNotFoundError(2, "No such file")), False),
        (FauxfaceError("a.zip: holds no files"), False),
        (ValueError("x"), False),
    ],
)
def test_only_storage_and_network_are_worth_another_try(error: BaseException, expected: bool) -> None:
    assert is_storage_fault(error) == expected
