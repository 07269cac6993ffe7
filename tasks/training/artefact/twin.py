"""The reference model's twin: trained as it is, without some sources, by which its answers hold on such.

`python -m tasks.training.artefact.twin PARAMS MANIFESTS FACES OUT RECIPE RECIPE` leaves out the first of four folds
of sources, trains both recipes on the rest, and joins them. OUT then has `model`, `manifests/new.parquet` of what it
was not shown, and `sources.json` with what it makes of that.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from tasks.params import FauxfaceError, Params, load_params
from tasks.params.files import write_json
from tasks.training.artefact.joined import join
from tasks.training.sources.folds import faces_by_label, source_folds, write_fold
from tasks.training.sources.yardstick import judged_model
from tasks.training.train import train

FOLDS = 4


def train_twin(
    params: Params,
    manifests: Path,
    faces: Path,
    out: Path,
    recipes: tuple[str, str],
    *,
    progress: bool,
    folds: int = FOLDS,
) -> dict[str, Any]:
    """Train and join both `recipes` without the first of `folds` folds of `manifests`, and write what comes to `out`.

    Returns the report, in the form of reports/sources.json. Raises FauxfaceError as train and source_folds do.
    """
    families = {dataset.name: dataset.family for dataset in params.datasets.values()}
    fold = source_folds(faces_by_label(manifests), families, folds)[0]
    write_fold(manifests, fold, out / "manifests")
    workers = len(os.sched_getaffinity(0))
    for number, recipe in enumerate(recipes):
        half = out / f"half{number}"
        settings = params.train.model_copy(update={"recipe": recipe})
        train(
            out / "manifests", faces, half / "model", params.crop, settings, half / "state", half / "history.csv",
            workers=workers, progress=progress,
        )  # fmt: skip
    shutil.rmtree(out / "model", ignore_errors=True)
    shutil.copytree(out / "half0" / "model", out / "model")
    join(out / "model", out / "half1" / "model", out / "manifests", faces, workers)
    found = {"fold": fold.name, "left_out": list(fold.left_out), **judged_model(out, faces, workers)}
    report = {"recipe": " and ".join(recipes), "by": "source", "families": families, "folds": [found]}
    write_json(out / "sources.json", report)
    return report


def main() -> None:
    """Train the twin that the arguments describe."""
    parser = argparse.ArgumentParser(prog="python -m tasks.training.artefact.twin", description=train_twin.__doc__)
    for name in ("params", "manifests", "faces", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("recipes", nargs=2)
    given = parser.parse_args()
    params = load_params(given.params)
    report = train_twin(params, given.manifests, given.faces, given.out, tuple(given.recipes), progress=True)
    print(f"{given.out}: left out {', '.join(report['folds'][0]['left_out'])}")  # noqa: T201


if __name__ == "__main__":
    try:
        main()
    except FauxfaceError as error:
        raise SystemExit(f"fauxface: {error}") from None
