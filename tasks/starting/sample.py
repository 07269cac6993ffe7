"""The drawn sample as data sets and an archive of a workspace."""

from __future__ import annotations

from tasks.starting.settings_text import Entry

_LABEL = {"rule": "folder"}
_GROUP = {"rule": "regex", "pattern": r"([0-9]+)_[0-9]+\.jpg$"}
_FOLDER = "data/raw/sample"


def sample_entries() -> tuple[list[Entry], list[Entry]]:
    """Return the data sets and the archive that the stage `sample` draws."""
    datasets = [
        Entry("sample", f"{_FOLDER}/faces.tar", "drawn by the stage `sample`, no photographs", _LABEL, _GROUP),
        Entry("sample_other", f"{_FOLDER}/other.zip", "another generator, another camera", _LABEL, _GROUP, "test"),
    ]
    return datasets, [Entry("sample_dump", f"{_FOLDER}/dump.zip", "without labels")]
