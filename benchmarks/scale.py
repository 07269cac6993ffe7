"""Does an archive a hundred times as large cost a hundred times as much, and no more memory?

    python -m benchmarks.scale ORIGINALS [--model data/model] [--small 1000] [--large 100000]

Writes two plain tars of small images, made from ORIGINALS by crop and re-encode, and runs `fauxface score` on both:
the small one three times, before and after the large one. Cost is that of the scoring, without the start of the
command, which is measured by having a complete scoring recognised. CPU time is told too, since other work on the
machine disturbs it less. Shards are small enough for two to be in flight even in the small archive, as they are in the
large one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.small_images import write_tar
from tasks.scoring.store import ScoreStore

PARAMS = "datasets: {none: {source: none}}\nscore: {archives: {}, shard: %d}\nrunner: {kind: threads, workers: %d}\n"


@dataclass(frozen=True)
class Cost:
    """What one scoring took: milliseconds and CPU milliseconds an image, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def main() -> None:
    """Parse the command line, make the archives, score them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("originals", help="a source of images of a few hundred pixels")
    parser.add_argument("--model", type=Path, default=Path("data/model"))
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--shard", type=int, default=250)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fauxface-scale-") as name:
        folder = Path(name)
        (folder / "params.yaml").write_text(PARAMS % (arguments.shard, arguments.workers))
        for number in {arguments.small, arguments.large}:
            write_tar(folder / f"{number}.tar", arguments.originals, number)
        model = arguments.model.absolute()
        before = [_cost(folder, model, arguments.small, run) for run in (1, 2)]
        large = _cost(folder, model, arguments.large, 3)
        _print(arguments, [*before, _cost(folder, model, arguments.small, 4)], large)


def _cost(folder: Path, model: Path, number: int, run: int) -> Cost:
    """Score one of the archives into a new folder, and have that recognised as complete."""
    scored, start = _score(folder, model, number, run), _score(folder, model, number, run)
    [scoring] = ScoreStore(str(folder / f"scores-{run}")).scorings()
    seconds = float((scoring.read_json("_scoring.json") or {})["seconds"])
    cpu = scored.ru_utime + scored.ru_stime - start.ru_utime - start.ru_stime
    return Cost(1000 * seconds / number, 1000 * cpu / number, scored.ru_maxrss / 1024)


def _score(folder: Path, model: Path, number: int, run: int) -> resource.struct_rusage:
    """Score one of the archives in a process of its own; returns what that used."""
    out = folder / f"scores-{run}"
    words = ["score", str(folder / f"{number}.tar"), "--model", str(model), "--out", str(out)]
    code = "from flows.cli import main; main()"
    root = str(Path(__file__).resolve().parent.parent)
    process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=folder, env={**os.environ, "PYTHONPATH": root})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the scoring of {number} images failed")
    return usage


def _print(arguments: argparse.Namespace, small: Sequence[Cost], large: Cost) -> None:
    middle = Cost(*(statistics.median(getattr(cost, name) for cost in small) for name in ("wall", "cpu", "memory")))
    print(f"{'images':>10} {'ms/image':>10} {'CPU ms/image':>14} {'peak MiB':>10}")
    for number, cost in [(arguments.small, cost) for cost in small] + [(arguments.large, large)]:
        print(f"{number:>10} {cost.wall:>10.2f} {cost.cpu:>14.2f} {cost.memory:>10.0f}")
    ratios = [getattr(large, name) / getattr(middle, name) for name in ("wall", "cpu", "memory")]
    print(f"{'ratio':>10} {ratios[0]:>10.2f} {ratios[1]:>14.2f} {ratios[2]:>10.2f}   (large to the median of small)")


if __name__ == "__main__":
    main()
