"""A model's card in words: the lines said with every answer, and the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.scoring.card import CARD, PACKAGED, REFERENCE, Intent, ModelCard, YardstickRow
from tasks.scoring.verdict import Judge
from tasks.text_table import table

NO_INTENT = Intent(
    limits="Nobody has noted what it holds for: see how it does on your own images before you rely on it.",
    intended_use="Not noted.",
    not_for="Decisions about people without a person's judgement.",
    licence="Not noted: that of the data it was trained on.",
)


def notices(card: ModelCard, *, packaged: bool) -> list[str]:
    """Return what a user must know of a model with every answer: nothing, or a line for each reason."""
    lines = []
    if packaged:
        lines.append(f"model reference ({card.model_id}): {(card.intent or NO_INTENT).limits}")
    if card.drawn_sample:
        lines.append(
            f"model {card.model_id} was trained on the drawn sample alone: of real photographs it knows nothing. Train "
            f"on your own data{_or_reference()}."
        )
    return lines


def _or_reference() -> str:
    """Return the hint at the package's model, where the package has one."""
    return f", or use --model {REFERENCE}" if PACKAGED.joinpath(CARD).is_file() else ""


def bounds_line(card: ModelCard, judge: Judge) -> str:
    """Return from where on a model gives which answer."""
    line = f"model {card.model_id}: fake from p_fake {judge.fake_from:.3f} up"
    if judge.real_below == judge.fake_from:
        return line
    return f"{line}, real below {judge.real_below:.3f}, unsure between"


def card_lines(card: ModelCard) -> list[str]:
    """Return a model's card: what it is for and not for, how it does where it does worst first, what it has seen."""
    intent = card.intent or NO_INTENT
    lines = [f"Model {card.model_id}: recipe {card.recipe.get('name', '?')}, {card.input_size} px"]
    for title, text in (
        ("Limits", intent.limits),
        ("Intended use", intent.intended_use),
        ("Not for", intent.not_for),
        ("Licence of the weights", intent.licence),
    ):
        lines += ["", title, f"  {text}"]
    lines += ["", "Origins that a training like this one was not shown, the worst first", *_yardstick(intent.yardstick)]
    lines += ["", "Trained on", *_sources(card)]
    return [*lines, "", "Answers", *(f"  {line}" for line in _answers(card))]


def _yardstick(rows: tuple[YardstickRow, ...]) -> list[str]:
    if not rows:
        return ["  Not measured for this model: `fauxface sources` does."]
    ordered = sorted(rows, key=lambda row: (row.auc is None, row.auc or 0.0, row.source))
    head = ["origin", "family", "faces", "AUC", "false alarms", "misses"]
    cells = [[row.source, row.family, f"{row.faces:,}", *map(_figure, _figures(row))] for row in ordered]
    return _indented(table([head, *cells], right={2, 3, 4, 5}))


def _figures(row: YardstickRow) -> tuple[float | None, float | None, float | None]:
    return row.auc, row.false_alarms, row.misses


def _sources(card: ModelCard) -> list[str]:
    if not card.sources:
        return ["  Not noted."]
    rows = [[name, each.family, f"{each.real:,}", f"{each.fake:,}"] for name, each in sorted(card.sources.items())]
    total = [
        "together",
        f"{len({each.family for each in card.sources.values() if each.family})} families",
        f"{sum(each.real for each in card.sources.values()):,}",
        f"{sum(each.fake for each in card.sources.values()):,}",
    ]
    return _indented(table([["data set", "family", "real faces", "fake faces"], *rows, total], right={2, 3}))


def _answers(card: ModelCard) -> Iterator[str]:
    judge, answers = Judge.of(card, "balanced"), card.answers
    yield bounds_line(card, judge)
    yield f"few false alarms (`score.threshold: false_alarm`): fake from p_fake {card.threshold_false_alarm:.3f} up"
    if answers is None:
        yield "two answers only, real and fake: its card has no bounds for `unsure`. Train again to have them."
    else:
        yield (
            f"bounds of at most {100 * answers.rate:g} % errors each, on {answers.faces:,} faces of {answers.sources} "
            f"data sets ({answers.chosen_on})"
        )
    if card.calibrated is not None:
        own = card.calibrated
        low, high = (100 * value for value in own.interval)
        yield (
            f"threshold from {own.photographs:,} photographs, {own.false_alarms} of them called fake (95 % interval "
            f"{low:.1f} to {high:.1f} %), at most {100 * own.rate:g} % asked for; made of model {own.from_model}"
        )


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
