"""How do recipes compare on sources that they are not trained on?

    python -m benchmarks.sources [RECIPE ...] [--folds 4] [--only 1] [--epochs N]

In a workspace whose faces are cropped and split. Each recipe (default: cnn3, default, benchmarks/plain.yaml, tuned) is
trained once a fold without that fold's data sets, as `fauxface sources` does, on the same rows; what is known is not
measured again. `--only` takes the first folds alone. The first line is what trivial features of the files tell.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from flows.workspace import FACES, MANIFESTS, PARAMS, SOURCES_STATE
from tasks.params import Params, load_params
from tasks.training.sources.folds import Fold, faces_by_label, source_folds
from tasks.training.sources.yardstick import Place, measure_fold, summary
from tasks.training.sources.yardstick_text import bounds, number

RECIPES = ("cnn3", "default", str(Path(__file__).with_name("plain.yaml")), "tuned")
COLUMNS = ("known_auc", "new_auc", "known_false_alarms", "new_false_alarms")


def main() -> None:
    """Parse the command line, measure each recipe, print a line for each."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--only", type=int)
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    params = load_params(PARAMS)
    families = {dataset.name: dataset.family for dataset in params.datasets.values()}
    folds = source_folds(faces_by_label(MANIFESTS), families, arguments.folds)[: arguments.only]
    print(f"{'':24}" + "".join(f"{name:>28}" for name in ("known AUC", "new AUC", "false alarms", "on new")))
    for place, recipe in enumerate(arguments.recipes):
        found = summary(_measured(params, recipe, arguments.epochs, folds))
        if not place:
            print(_line("trivial features", found["trivial"]))
        print(_line(Path(recipe).stem, found["model"]))


def _measured(params: Params, recipe: str, epochs: int | None, folds: list[Fold]) -> list[dict[str, Any]]:
    train = params.train.model_copy(update={"recipe": recipe, "epochs": epochs})
    params = params.model_copy(update={"train": train})
    place = Place(FACES, MANIFESTS, SOURCES_STATE)
    workers = len(os.sched_getaffinity(0))
    return [measure_fold(fold, place, params, workers=workers, progress=True) for fold in folds]


def _line(name: str, means: dict[str, Any]) -> str:
    cells = [f"{number(means[column]['mean'])} {bounds(means[column]['interval'])}" for column in COLUMNS]
    return f"{name:24}" + "".join(f"{cell:>28}" for cell in cells)


if __name__ == "__main__":
    main()
