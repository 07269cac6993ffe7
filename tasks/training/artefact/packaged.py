"""A trained model as the package has it: `python -m tasks.training.artefact.packaged MODEL MANIFESTS FACES OUT`.

What comes out scores and has a card that says what it is for; the Keras form of the network stays where it was trained.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tasks.params import FauxfaceError
from tasks.params.files import appearing_folder, sha256_file, write_json
from tasks.scoring.card import CARD, KERAS_FILES, SCORER, SCORER_WEIGHTS, Intent, ModelCard, YardstickRow, load_card
from tasks.training.artefact.answers import LeftOut, with_three_answers
from tasks.training.artefact.export import export_scorer
from tasks.training.fitting.backend import prepare_backend
from tasks.training.networks.reference import WEIGHTS_FILE


def package(
    model: Path,
    manifests: Path,
    faces: Path,
    out: Path,
    intent: Intent,
    families: Mapping[str, str],
    left_out: LeftOut | None = None,
    beside: Path | None = None,
) -> ModelCard:
    """Write the model in the folder `model` to `out`, in the form that scores, with three answers and its intent.

    Its weights lie beside, for trainings to begin with.

    With `beside`, the folder of another model of the same faces, it answers by the mean of both (joined.py).
    `manifests` and `faces` are what it was trained on, `families` the kinds of fakes of its data sets; `left_out` is a
    training like it that was not shown some sources, by which the answers then hold on such. What else lies in `out`
    stays. Raises FauxfaceError where something cannot be used.
    """
    prepare_backend()
    from tasks.training.artefact.joined import join
    from tasks.training.networks.network_file import read_network
    from tasks.training.networks.weights_reference import save_weights

    card = load_card(model)
    with tempfile.TemporaryDirectory() as temp:
        work = Path(temp) / "model"
        shutil.copytree(model, work)
        export_scorer(work)
        exported = {name: sha256_file(work / name) for name in (SCORER, SCORER_WEIGHTS)}
        write_json(work / CARD, card.changed(files={**card.files, **exported}).model_dump(mode="json"))
        workers = len(os.sched_getaffinity(0))
        if beside is not None:
            join(work, beside, manifests, faces, workers)
        card = with_three_answers(work, manifests, faces, workers, families, left_out)
        card = card.changed(scoring_only=True, intent=intent)
        with appearing_folder(out) as new:
            if out.exists():
                shutil.copytree(out, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*KERAS_FILES))
            for name in card.file_names():
                shutil.copyfile(work / name, new / name)
            save_weights(read_network(model), new / WEIGHTS_FILE)
            write_json(new / CARD, card.model_dump(mode="json"))
    return card


def yardstick_rows(report: Mapping[str, Any]) -> tuple[YardstickRow, ...]:
    """Return the rows of reports/sources.json, as `fauxface sources` writes it, as a card keeps them."""
    families = report.get("families") or {}
    return tuple(
        YardstickRow(
            source=row["dataset"],
            faces=row["fakes"] + row["photographs"],
            family=families.get(row["dataset"]) or "",
            **{name: row["model"][name] for name in ("auc", "false_alarms", "misses")},
        )
        for fold in report["folds"]
        for row in fold["new"]
    )


def main() -> None:
    """Package the model that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m tasks.training.artefact.packaged", description=package.__doc__)
    for name in ("model", "manifests", "faces", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--intent", type=Path, required=True, help="YAML: limits, intended_use, not_for, licence.")
    parser.add_argument("--sources", type=Path, help="reports/sources.json, if it is there: the yardstick.")
    parser.add_argument("--left-out-model", type=Path, help="A model whose training was not shown some sources.")
    parser.add_argument("--left-out", type=Path, help="The manifest of their faces.")
    parser.add_argument("--beside", type=Path, help="Another model of the same faces: the mean of both answers.")
    given = parser.parse_args()
    measured = given.sources is not None and given.sources.is_file()
    report = json.loads(given.sources.read_text(encoding="utf-8")) if measured else {"folds": []}
    intent = Intent.model_validate(yaml.safe_load(given.intent.read_text(encoding="utf-8")))
    families = {name: each.family for name, each in load_card(given.model).sources.items() if each.family}
    known = LeftOut(given.left_out_model, given.left_out) if given.left_out else None
    intent = intent.model_copy(update={"yardstick": yardstick_rows(report)})
    card = package(given.model, given.manifests, given.faces, given.out, intent, families, known, given.beside)
    print(f"{given.out}: model {card.model_id}")  # noqa: T201


if __name__ == "__main__":
    try:
        main()
    except FauxfaceError as error:
        raise SystemExit(f"fauxface: {error}") from None
