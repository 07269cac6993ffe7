"""Canaries in URLs and in the environment: none of them sings in messages, files, logs or on Prefect's server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.faults import words_for
from tasks.params import FauxfaceError
from tasks.params.errors import without_secrets_of_urls
from tests.faults.conftest import CANARY, Lab
from tests.flows.dumps import Dumps
from tests.sources.conftest import Web

# The laboratory is set up within the first test's time, however busy the machine is.
pytestmark = pytest.mark.timeout(3600)

SIGNED = "?X-Amz-Signature=canary-in-the-query&sv=1"


@pytest.fixture
def web(dumps: Dumps) -> Iterator[Web]:
    """A web server that has a dump."""
    server = Web(dumps.faulty().read_bytes())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:canary@host/a.zip: gone", "https://host/a.zip: gone"),
        ("s3://key:can@ry@bucket/a b.zip", "s3://bucket/a b.zip"),
        ("cannot read 'https://host/a.zip?sig=canary'.", "cannot read 'https://host/a.zip'."),
        (
            "(https://host/a.zip?sig=canary): gone, as http://b/?token=canary, too",
            "(https://host/a.zip): gone, as http://b/, too",
        ),
        ("what? a::b.zip, me@example.org", "what? a::b.zip, me@example.org"),
    ],
)
def test_messages_name_urls_without_their_secrets(text: str, shown: str) -> None:
    assert without_secrets_of_urls(text) == shown
    assert str(FauxfaceError(text)) == shown


def test_a_filed_traceback_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = words_for(RuntimeError("no answer of https://me:canary@host/a.zip?sig=canary"))
    (log,) = tmp_path.rglob("error-*.log")
    assert "canary" not in words + log.read_text()
    assert "https://host/a.zip" in log.read_text()


def test_no_secret_is_written_anywhere(lab: Lab, web: Web, prefect_home: Path) -> None:
    workspace = lab.before("score")
    user = web.url.replace("://", "://me:canary-as-password@")
    there = lab.zygote.run(workspace, "score", f"{web.url}{SIGNED}")
    assert there.status == 0, there.said
    both = lab.zygote.run(workspace, "score", f"{user}{SIGNED}", f"{web.url.replace('dump', 'other')}{SIGNED}")
    web.answers = [404] * 20
    gone = lab.zygote.run(workspace, "score", f"{user.replace('dump.zip', 'gone.zip')}{SIGNED}")
    report = lab.zygote.run(workspace, "report")
    for ended in (there, both, gone, report):
        assert "canary" not in ended.said
    files = [path for root in (workspace, prefect_home) for path in root.rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in files)
    singing = [path for path in files if re.search(rb"canary-(in|as)|" + CANARY.encode(), path.read_bytes())]
    assert singing == []
