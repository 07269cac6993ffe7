"""Do Grad-CAM's maps of ten layers tell what the network answered? Test faces of a workspace, right and wrong ones.

    python -m benchmarks.layers WORKSPACE --dataset photoshop_composites [--faces 140] [--picture maps.jpg]

Of each of the last ten convolutions and of fakes found, fakes missed, photographs called real and photographs called
fake: how often the map as a whole speaks for what the network answered (chance: half), and how much it says on average.
The picture has the mean map of each, which shows nobody.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.confidence import clopper_pearson
from tasks.evaluation.notable import alarms, missed
from tasks.evaluation.predictions import read_predictions
from tasks.explanation.colours import plain, scale_of
from tasks.explanation.explainer import Explained, explainer_of
from tasks.scoring.crops import stored_crops

Map = NDArray[np.float64]
METHOD = "gradcam10"
SIDE, GAP, LEFT, TOP = 96, 6, 150, 22  # pixels


def main() -> None:
    """Parse the command line, print a line for each layer and group of faces."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--dataset", required=True, help="whose test faces")
    parser.add_argument("--faces", type=int, default=140, help="at most, drawn evenly")
    parser.add_argument("--picture", type=Path, help="where to write the mean maps")
    arguments = parser.parse_args()
    rows = read_predictions(arguments.workspace / "reports/evaluate/predictions.parquet")
    rows = rows[rows["dataset"] == arguments.dataset]
    rows = rows.iloc[:: max(1, -(-len(rows) // arguments.faces))].reset_index(drop=True)
    crops = [crop for _, part in stored_crops(rows, arguments.workspace / "data/faces", 64) for crop in part]
    explained = explainer_of(str(arguments.workspace / "data/model")).explain(crops, METHOD)
    groups = {name: [explained[place] for place in places] for name, places in _groups(rows).items()}
    for name, found in groups.items():
        for number, (layer, _) in enumerate(explained[0].panels):
            print(_line(f"{name}, {layer}", [each.panels[number][1] for each in found], found))
    if arguments.picture:
        cv2.imwrite(str(arguments.picture), cv2.cvtColor(_picture(groups), cv2.COLOR_RGB2BGR))


def _groups(rows: pd.DataFrame) -> dict[str, list[int]]:
    """Return the positions of right and wrong faces of both classes, without a group that has none."""
    fake, wrong = rows["label"] == 1, missed(rows) | alarms(rows)
    kinds = {"fakes found": fake & ~wrong, "fakes missed": fake & wrong,
             "photographs called real": ~fake & ~wrong, "photographs called fake": ~fake & wrong}  # fmt: skip
    return {name: np.flatnonzero(chosen).tolist() for name, chosen in kinds.items() if chosen.any()}


def _line(name: str, maps: list[Map], found: list[Explained]) -> str:
    means = np.array([each.mean() for each in maps])
    agree = np.sign(means) == np.sign([each.logit for each in found])
    low, high = clopper_pearson(int(agree.sum()), len(agree))
    return (
        f"{name}: {len(maps)} faces, {agree.mean():.2f} ({low:.2f} to {high:.2f}) speak for the answer, "
        f"mean {means.mean():+.2f} of a mean logit of {np.mean([each.logit for each in found]):+.2f}"
    )


def _picture(groups: dict[str, list[Explained]]) -> NDArray[np.uint8]:
    """Return the mean maps, a row for each group and a column for each layer, under one scale."""
    layers = [name for name, _ in next(iter(groups.values()))[0].panels]
    means = [[np.mean([each.panels[at][1] for each in found], axis=0) for at in range(len(layers))]
             for found in groups.values()]  # fmt: skip
    scale = scale_of([values for row in means for values in row], 0.1)
    step = SIDE + GAP
    sheet = np.full((TOP + step * len(groups), LEFT + step * len(layers), 3), 255, np.uint8)
    for at, layer in enumerate(layers):
        _write(sheet, layer, LEFT + at * step, TOP - 8)
    for row, (name, found) in enumerate(groups.items()):
        what, _, answer = name.partition(" called ")
        words = [what, *([f"called {answer}"] if answer else []), f"{len(found)} faces"]
        for number, text in enumerate(words):
            _write(sheet, text, 4, TOP + row * step + 30 + 18 * number)
        for at, values in enumerate(means[row]):
            y, x = TOP + row * step, LEFT + at * step
            sheet[y : y + SIDE, x : x + SIDE] = plain(values, SIDE, scale)
            cv2.rectangle(sheet, (x, y), (x + SIDE - 1, y + SIDE - 1), (210, 210, 210))
    return sheet


def _write(sheet: NDArray[np.uint8], text: str, x: int, y: int) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
