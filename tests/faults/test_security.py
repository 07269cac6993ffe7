"""SECURITY.md names tests that exist, and the rules of the linter and of the servers that it speaks of hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

HASH_CHECKED = {"tasks/detection/weights.py", "tasks/training/networks/weights_lite0.py"}
BANNED = [
    "import pickle\n",
    "from pickle import loads\n",
    "import joblib\n",
    "import marshal\n",
    "import shelve\n",
    "import dill\n",
    "import torch\n\ntorch.load('x')\n",
    "import pandas as pd\n\npd.read_pickle('x')\n",
    "import keras\n\nkeras.models.load_model('x')\n",
    "import yaml\n\nyaml.load('x', yaml.Loader)\n",
    "eval('1')\n",
    "exec('1')\n",
]


def test_every_threat_has_a_mitigation_and_tests_that_exist(project: Path) -> None:
    text = (project / "SECURITY.md").read_text(encoding="utf-8")
    threats = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert [int(number) for number, _ in threats] == list(range(1, len(threats) + 1))
    assert len(threats) >= 20
    for number, threat in threats:
        assert "Mitigation: " in threat, number
        tests = re.findall(r"`(tests/\S+\.py)::(\w+)`", threat)
        assert tests, f"threat {number} has no test"
        for path, name in tests:
            assert name in functions(project / path), f"threat {number}: {path} has no {name}"


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("code", BANNED)
def test_the_linter_refuses_what_runs_code_of_a_file(project: Path, code: str) -> None:
    words = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    done = subprocess.run(
        [*words, "--stdin-filename", str(project / "tasks/new.py"), "-"],
        input=f'"""A file."""\n\n{code}', cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.search(r"TID251|S102|S301|S307|S506", done.stdout), done.stdout + done.stderr


def test_exceptions_from_that_rule_are_the_two_that_check_a_hash(project: Path) -> None:
    excepted = set()
    for folder in ("tasks", "flows", "recipes"):
        for path in (project / folder).rglob("*.py"):
            content = path.read_text(encoding="utf-8")
            assert "allow_pickle=True" not in content, path
            assert not re.search(r"#\s*(ruff|flake8):\s*noqa(?!: )", content), path
            if re.search(r"noqa:?.*(TID251|S102|S30[127]|S506)", content):
                excepted.add(str(path.relative_to(project)))
    assert excepted == HASH_CHECKED


def test_the_server_of_a_run_listens_on_this_machine_alone(server: str, project: Path) -> None:
    port = urlsplit(server).port
    open_ = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert {each.laddr.ip for each in open_ if each.laddr.port == port} == {"127.0.0.1"}
    by_hand = re.search(r"prefect server start (.*)", (project / "Makefile").read_text())
    assert by_hand is not None
    assert "--host 127.0.0.1" in by_hand[1]
