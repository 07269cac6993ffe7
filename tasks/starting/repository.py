"""Make a folder a repository of git and of DVC, where it is none yet."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tasks.own_process import python_command
from tasks.params import FauxfaceError
from tasks.params.files import atomic_write

_IGNORED = """# Written by `fauxface init`. Figures in reports/ and dvc.lock are small and belong into git: by them
# `dvc metrics diff` compares one run with another. What differs in every run, and pictures, does not.
/data/.state/
/data/archives/
/reports/index.html
/reports/timings.html
/reports/timings/
/inbox/
"""


def make_repository(folder: Path) -> list[str]:
    """Run `git init` and `dvc init` in the folder where that is missing; returns what was done, in words."""
    done = []
    git = shutil.which("git") is not None
    if git and not _in_git(folder):
        _run(["git", "init", "--quiet"], folder)
        done.append("git init")
    if not _in_dvc(folder):
        options = [] if not git else ["--subdir"] if not (folder / ".git").exists() else []
        _run(python_command("dvc", "init", "--quiet", *(options if git else ["--no-scm"])), folder)
        _quiet_dvc(folder)
        done.append("dvc init")
    return done


def write_ignored(folder: Path, sources: Iterable[str]) -> None:
    """Add to .gitignore what git has no use for; `sources` are dumps that lie in the folder itself."""
    path = folder / ".gitignore"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [*_IGNORED.splitlines(), *(f"/{_escaped(source)}" for source in sources)]
    new = [line for line in lines if line not in before.splitlines()]
    with atomic_write(path) as temp:
        temp.write_text(
            before + ("\n" if before and not before.endswith("\n") else "") + "\n".join(new) + "\n", "utf-8"
        )


def _in_git(folder: Path) -> bool:
    """Tell whether git already looks after this folder; one that a surrounding repository ignores is on its own."""
    inside = _status(["git", "rev-parse", "--is-inside-work-tree"], folder) == 0
    return inside and _status(["git", "check-ignore", "--quiet", str(folder.absolute())], folder) != 0


def _in_dvc(folder: Path) -> bool:
    """Tell whether DVC finds a repository here: in this folder or above it, but not above git's."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if (place / ".dvc" / "config").is_file():
            return True
        if (place / ".git").exists():
            return False
    return False


def _quiet_dvc(folder: Path) -> None:
    """Let DVC neither report its use nor look for new versions."""
    with (folder / ".dvc" / "config").open("a", encoding="utf-8") as config:
        config.write("[core]\n    analytics = false\n    check_update = false\n")


def _escaped(path: str) -> str:
    return "".join(f"\\{each}" if each in "*?[]\\! #" else each for each in path)


def _status(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FauxfaceError(
            f"{folder}: `{' '.join(command[-3:])}` failed: {(done.stderr or done.stdout).strip()[-400:]}"
        )
