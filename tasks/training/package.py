"""Put a trained model into the package: `python -m tasks.training.package MODEL OUT [SOURCES]`; see `make reference`.

The package gets what scoring needs, the card with what the model is for, and its weights for a training to begin with.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.params.files import appearing_folder, write_json
from tasks.scoring.card import CARD, Intent, ModelCard, YardstickRow, load_card
from tasks.training.backend import prepare_backend
from tasks.training.reference import WEIGHTS_FILE

LIMITS = (
    "trained on {faces} faces of {sources} sources. It misses many fakes of generators it has not seen and calls some "
    "genuine photographs fake: a hint where to look, never proof. `fauxface model card` has the figures."
)
INTENDED_USE = (
    "Sorting collections of face pictures so that a person looks at the most suspicious first; beginning a training "
    "on one's own pictures (train.weights: reference); research."
)
NOT_FOR = (
    "Deciding anything about a person, accusing or identifying anyone, evidence, moderation without review, pictures "
    "other than faces. Pictures edited by hand, face swaps and new generators are found least."
)
LICENCE = (
    "The pictures it was trained on are for research or non-commercial use, so the weights are offered for research "
    "and evaluation alone. The code's licence does not cover them."
)


def package(model: Path, out: Path, sources: Mapping[str, Any] | None = None) -> ModelCard:
    """Write what the package needs of the model in the folder `model` to `out`, whole, and return its card.

    `sources` is what `fauxface sources` reported of the recipe, or None where nobody measured it. Raises FauxfaceError
    when the folder holds no model.
    """
    prepare_backend()
    from tasks.training.network_file import read_network
    from tasks.training.weights_reference import save_weights

    card = load_card(model)
    card = card.changed(scoring_only=True, intent=_intent(card, sources))
    with appearing_folder(out) as temp:
        for name in card.file_names():
            shutil.copyfile(model / name, temp / name)
        save_weights(read_network(model), temp / WEIGHTS_FILE)
        write_json(temp / CARD, card.model_dump(mode="json"))
    return card


def _intent(card: ModelCard, sources: Mapping[str, Any] | None) -> Intent:
    faces = sum(each.real + each.fake for each in card.sources.values())
    limits = LIMITS.format(faces=f"{faces:,}", sources=len(card.sources))
    rows = () if sources is None else tuple(_rows(sources))
    return Intent(limits=limits, intended_use=INTENDED_USE, not_for=NOT_FOR, licence=LICENCE, yardstick=rows)


def _rows(sources: Mapping[str, Any]) -> list[YardstickRow]:
    """Return what `fauxface sources` found of each data set that it left out."""
    return [
        YardstickRow(
            source=row["dataset"],
            faces=row["fakes"] + row["photographs"],
            family=sources["families"].get(row["dataset"]) or "",
            **{figure: row["model"][figure] for figure in ("auc", "false_alarms", "misses")},
        )
        for fold in sources["folds"]
        for row in fold["new"]
    ]


def main() -> None:
    """Package the model that the command line names."""
    model, out, *reports = map(Path, sys.argv[1:])
    report = json.loads(reports[0].read_text(encoding="utf-8")) if reports and reports[0].is_file() else None
    card = package(model, out, report)
    size = sum(path.stat().st_size for path in out.iterdir())
    sys.stdout.write(f"{out}: model {card.model_id}, {size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
