"""Would the tests notice a bug? Plants small ones, one at a time, and runs the tests of the file they are in.

    python -m benchmarks.mutants [--only tasks/detection flows/lock] [--each 8] [--seed 1] [--minutes 60]

Of every file in TESTS `--each` bugs are drawn (one changed operator, constant, call, condition or statement, on as many
lines as there are), planted in a temporary copy of the project, and met with the tests that belong to that file. A bug
is found where a test fails or does not end. Prints the bugs that no test found, and how many were found in each room.
Not every survivor is a gap: some change nothing that can be seen (an `axis` that is the default, a bound that no value
meets). Ends with status 1 where fewer than nine of ten were found.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.mutations import Mutation, mutations

ENOUGH = 0.9
# Imported once, before the tests' processes are forked from this one. Nothing of the project is, else none of them
# would see its bug; nor Keras's backends, whose threads do not survive a fork.
PRELOADED = (
    *("numpy", "pandas", "pyarrow.parquet", "pyarrow.dataset", "cv2", "PIL.Image", "pydantic", "yaml", "fsspec"),
    *("scipy.optimize", "scipy.special", "scipy.stats", "sklearn.ensemble", "sklearn.metrics", "openvino"),
)
# For each file what has to find its bugs; the quickest first.
TESTS: dict[str, tuple[str, ...]] = {
    "tasks/manifests/split.py": ("manifests/test_split.py", "manifests/test_stage.py"),
    "tasks/manifests/leaks.py": ("manifests/test_leaks.py",),
    "tasks/manifests/clusters.py": ("manifests/test_clusters.py", "manifests/test_split.py", "manifests/test_leaks.py"),
    "tasks/manifests/duplicates.py": ("manifests/test_duplicates.py",),
    "tasks/detection/boxes.py": ("detection/test_boxes.py",),
    "tasks/detection/cascade.py": ("detection/test_cascade.py", "detection/test_detector.py"),
    "tasks/detection/crop.py": ("detection/test_crop.py", "detection/test_native.py"),
    "tasks/detection/onepass.py": ("detection/test_onepass.py", "detection/test_native.py"),
    "tasks/detection/quality.py": ("detection/test_quality.py",),
    "tasks/detection/second_look.py": ("detection/test_second_look.py",),
    "tasks/imaging/decode.py": ("imaging/test_decode.py", "imaging/test_colour.py"),
    "tasks/imaging/trivial_features.py": ("imaging/test_trivial_features.py",),
    "tasks/imaging/jpeg.py": ("imaging/test_trivial_features.py", "imaging/test_decode.py"),
    "tasks/imaging/phash.py": ("imaging/test_phash.py", "imaging/test_trivial_features.py"),
    "tasks/scoring/attempts.py": ("scoring/test_attempts.py", "scoring/test_retry.py"),
    "tasks/scoring/card.py": ("scoring/test_card.py", "scoring/test_score_parts.py"),
    "tasks/scoring/compare.py": ("scoring/test_compare.py",),
    "tasks/scoring/ledger.py": ("scoring/test_ledger.py",),
    "tasks/scoring/joined_scorings.py": ("scoring/test_compare.py",),
    "tasks/scoring/record.py": ("scoring/test_record.py",),
    "tasks/scoring/rows.py": ("scoring/test_score_parts.py",),
    "tasks/scoring/drift.py": ("scoring/test_drift.py",),
    "tasks/scoring/store.py": ("scoring/test_store.py",),
    "tasks/scoring/verdict.py": (
        "scoring/test_verdict.py",
        "scoring/test_image_verdict.py",
        "scoring/test_score_parts.py",
    ),
    "tasks/evaluation/baseline.py": ("evaluation/test_baseline.py", "evaluation/test_evaluate.py"),
    "tasks/evaluation/calibration.py": ("evaluation/test_threshold_and_calibration.py",),
    "tasks/evaluation/confidence.py": ("evaluation/test_confidence.py", "evaluation/test_grid.py"),
    "tasks/evaluation/evaluate.py": ("evaluation/test_evaluate.py",),
    "tasks/evaluation/frames.py": ("evaluation/test_frames.py",),
    "tasks/evaluation/metrics.py": ("evaluation/test_metrics.py",),
    "tasks/evaluation/threshold.py": (
        "evaluation/test_threshold_and_calibration.py",
        "evaluation/test_own_threshold.py",
        "evaluation/test_coverage.py",
    ),
    "tasks/sources/folder.py": (
        "sources/test_containers.py",
        "sources/test_fingerprints.py",
        "sources/test_hostile.py",
    ),
    "tasks/sources/inbox.py": ("sources/test_inbox.py",),
    "tasks/sources/member.py": ("sources/test_containers.py", "sources/test_hostile.py"),
    "tasks/sources/parquet.py": ("sources/test_parquet.py", "sources/test_hostile.py"),
    "tasks/sources/tarindex.py": ("sources/test_containers.py", "sources/test_hostile.py"),
    "tasks/sources/tarred.py": ("sources/test_containers.py", "sources/test_hostile.py"),
    "tasks/sources/tarwalk.py": ("sources/test_containers.py", "sources/test_hostile.py"),
    "tasks/sources/zipped.py": ("sources/test_containers.py", "sources/test_hostile.py"),
    "tasks/cropping/assemble.py": ("cropping/test_crop_shard.py",),
    "tasks/cropping/rows.py": ("cropping/test_crop_shard.py",),
    "tasks/cropping/shard.py": ("cropping/test_crop_shard.py",),
    "tasks/training/batches/loader.py": ("training/test_loader.py", "training/test_draw.py"),
    "tasks/training/recipe/phases.py": ("training/test_draw.py", "training/test_phases.py"),
    "tasks/training/recipe/splits.py": ("training/test_splits.py",),
    "tasks/training/fitting/state.py": ("training/test_state.py", "training/test_phases.py"),
    "flows/lock.py": ("flows/test_lock.py",),
}


def main() -> None:
    """Parse the command line, plant the bugs, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the paths of the files to change")
    parser.add_argument("--each", type=int, default=8, help="bugs in each file (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="plant no further bug after these")
    arguments = parser.parse_args()
    files = [source for source in TESTS if any(part in source for part in arguments.only)]
    for name in PRELOADED:
        importlib.import_module(name)
    end = time.monotonic() + 60 * arguments.minutes
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    with _project_copy() as copy:
        for source in files:
            for mutation, killed in _results(copy, source, arguments.each, arguments.seed, end):
                tried[room := str(Path(source).parent)] += 1
                found[room] += killed
                if not killed:
                    print(f"survived  {source}:{mutation.line}  {mutation.change}", flush=True)
    print(*(f"{room:20} {found[room]:4} of {count:4} found" for room, count in tried.items()), sep="\n")
    share = found.total() / max(tried.total(), 1)
    print(f"{'all':20} {found.total():4} of {tried.total():4} found: {share:.0%} (seed {arguments.seed})")
    sys.exit(share < ENOUGH)


def drawn(source: bytes, number: int, seed: int) -> list[Mutation]:
    """Draw bugs of a file: one of each line before a second of any."""
    shuffled = mutations(source)
    random.Random(seed).shuffle(shuffled)
    before: Counter[int] = Counter()
    ranked = []
    for place, mutation in enumerate(shuffled):
        ranked.append((before[mutation.line], place, mutation))
        before[mutation.line] += 1
    return sorted(mutation for _, _, mutation in sorted(ranked)[:number])


@contextlib.contextmanager
def _project_copy() -> Iterator[Path]:
    """Copy what git has or would take into a temporary folder; the processes forked from this one import from there."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True, check=True)
    with tempfile.TemporaryDirectory(prefix="fauxface-mutants-") as folder:
        copy = Path(folder) / "project"
        for name in filter(None, listed.stdout.decode().split("\0")):
            if Path(name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, copy / name)
        os.environ.setdefault("FAUXFACE_DATA", str(Path("../shared/data").resolve()))
        yield copy


def _results(copy: Path, source: str, number: int, seed: int, end: float) -> Iterator[tuple[Mutation, bool]]:
    """Plant bugs in a file of the copy; yield each with whether its tests failed."""
    tests = [f"tests/{name}" for name in TESTS[source] if (copy / "tests" / name).is_file()]
    good = (copy / source).read_bytes()
    start = time.monotonic()
    if not tests or not _pass(copy, tests, 1200):
        sys.exit(f"{(copy.parent / 'output.txt').read_text()}\n{source}: {tests} do not pass without a bug")
    limit = 20 + 3 * (time.monotonic() - start)
    try:
        for mutation in drawn(good, number, seed):
            if time.monotonic() > end:
                break
            (copy / source).write_bytes(mutation.applied(good))
            yield mutation, not _pass(copy, tests, limit)
    finally:
        (copy / source).write_bytes(good)


def _pass(copy: Path, tests: Sequence[str], limit: float) -> bool:
    """Run tests in a forked process and tell whether they pass within `limit` seconds."""
    child = os.fork()
    if child == 0:
        try:
            _run_tests(copy, tests)
        finally:
            os._exit(70)  # whatever happens: the copy is the other process's to remove
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_tests(copy: Path, tests: Sequence[str]) -> None:
    """Run tests in the copy, quietly, and leave the process."""
    os.setsid()
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    # A bug that leaves a file as long as it was, within a second, would be overlooked where bytecode is kept.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(place for place in sys.path if place and Path(place).resolve() != Path.cwd())]
    for name in [name for name in sys.modules if name.split(".")[0] in ("benchmarks", "tasks", "flows")]:
        del sys.modules[name]
    output = os.open(copy.parent / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-m",
        "not slow",
        f"--basetemp={copy.parent}/tmp",
    ]
    os._exit(int(pytest.main([*options, "--hypothesis-seed=1", *tests])))


if __name__ == "__main__":
    main()
