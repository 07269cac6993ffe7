"""A model with the threshold that a user's own photographs ask for: the same network, another card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.evaluation.confidence import clopper_pearson
from tasks.evaluation.threshold import needed_for, own_threshold
from tasks.params import FauxfaceError
from tasks.params.files import appearing_folder, write_json
from tasks.scoring.card import CARD, Calibrated, ModelCard


def require_enough(photographs: int, rate: float) -> None:
    """Raise FauxfaceError where so few photographs with a face cannot tell a threshold of so few false alarms."""
    needed = needed_for(rate)
    if photographs < needed:
        raise FauxfaceError(
            f"{photographs} photographs with a face are too few for {100 * rate:g} % false alarms: it takes {needed} "
            f"(better {10 * needed:,}). Give more, or ask for no less than {100 / (photographs + 1):.2g} %."
        )


def calibrated_card(card: ModelCard, p_fake: Sequence[float], rate: float) -> ModelCard:
    """Return the card with both thresholds at the one that `p_fake` (n,) of photographs ask for.

    `fake` then begins there, and `real` ends there at the latest. Raises FauxfaceError for too few photographs.
    """
    require_enough(len(p_fake), rate)
    threshold = own_threshold(np.array(p_fake), rate)
    alarms = sum(value >= threshold for value in p_fake)
    answers = card.answers
    if answers is not None:
        below = min(answers.real_below, threshold)
        answers = answers.model_copy(update={"fake_from": threshold, "real_below": below})
    return card.changed(
        threshold=threshold,
        threshold_false_alarm=threshold,
        answers=answers,
        calibrated=Calibrated(
            from_model=card.model_id,
            photographs=len(p_fake),
            false_alarms=alarms,
            rate=rate,
            interval=clopper_pearson(alarms, len(p_fake)),
        ),
    )


def refuse_place(out: Path, model: Path) -> None:
    """Raise FauxfaceError where the folder `out` is that of the model itself, or holds something that is no model."""
    if out.resolve() == model.resolve():
        raise FauxfaceError(f"{out}: is the model itself, which stays as it is. Name another folder with --out.")
    if out.exists() and not (out / CARD).is_file():
        raise FauxfaceError(f"{out}: is there already and holds no model. Name another folder with --out.")


def write_calibrated(model: Path, card: ModelCard, out: Path) -> None:
    """Write the model in the folder `model` with another card to the folder `out`, whole or not at all.

    Raises FauxfaceError where it cannot be written.
    """
    try:
        with appearing_folder(out) as temp:
            for name in card.file_names():
                shutil.copyfile(model / name, temp / name)
            write_json(temp / CARD, card.model_dump(mode="json"))
    except OSError as error:
        raise FauxfaceError(f"{out}: cannot be written ({error.strerror}). Name another folder with --out.") from None
