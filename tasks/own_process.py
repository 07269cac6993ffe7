"""Python processes of our own, in which our packages are ours, whatever lies in the working directory.

`python -m tasks.x` puts the working directory first on the path of modules, so that a workspace with a tasks.py or a
folder flows/ of its user's would be imported in place of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the folder that holds our packages

# With our folder first only until the packages are known: in an installation it holds everybody else's modules too.
_RUN = """
import runpy, sys
root, module = sys.argv[1:3]
sys.path.insert(0, root)
import fauxface, flows, tasks
sys.path.remove(root)
sys.argv[:3] = [module]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def own_command(module: str, *words: str) -> list[str]:
    """Return the command that runs our module, named as in `flows.child_process`, with `words` as its arguments."""
    return [sys.executable, "-P", "-c", _RUN, str(ROOT), module, *words]


def python_command(module: str, *words: str) -> list[str]:
    """Return the command that runs a module of somebody else's, as `dvc`, which the working directory cannot hide."""
    return [sys.executable, "-P", "-m", module, *words]
