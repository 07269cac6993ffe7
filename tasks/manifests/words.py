"""What the words of a label column mean; 0 and 1 mean nothing until the settings say so."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tasks.params import FauxfaceError

REAL, FAKE = 0, 1
# Words by which a column says yes or no to a question that it does not tell.
_ANSWERS = (("0", "1"), ("-1", "1"), ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
_SHOWN = 5


def word_labels(where: str, real: Sequence[str], fake: Sequence[str], written: Callable[[str], str]) -> dict[str, int]:
    """Return {word as `written` has it: label}; raises FauxfaceError for a word of both labels."""
    words = {written(word): REAL for word in real}
    for word in fake:
        if words.setdefault(written(word), FAKE) != FAKE:
            raise FauxfaceError(f"{where}: {word!r} stands for both real and fake.")
    return words


def folded(word: str) -> str:
    """Return a word without its case, composed (NFC)."""
    return unicodedata.normalize("NFC", word.strip()).casefold()


def canonical(word: str) -> str:
    """Return a value of a column as `folded`, a whole number without its fraction: 1.0 is 1."""
    text = folded(word)
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def column_words(
    where: str, column: str, cells: Iterable[str], real: Sequence[str] | None, fake: Sequence[str] | None
) -> dict[str, int]:
    """Return what the values `cells` of a column mean; `where` and `column` name the data set and it in errors.

    `real` and `fake` are the words of the settings; where they give none, these two words themselves. Raises
    FauxfaceError, with the lines to add, where that would leave a guess: values like 0 and 1, or none that is known.
    """
    given = ("real",) if real is None else real, ("fake",) if fake is None else fake
    words = word_labels(f"{where}.label", *given, canonical)
    counts = Counter(canonical(cell) for cell in cells if cell.strip())
    answers = [value for value in counts if any(value in pair for pair in _ANSWERS) and value not in words]
    if answers and (real is None or fake is None):
        raise FauxfaceError(f"{_says(where, column, counts)}: nothing says which of them is fake. {_choice(answers)}")
    if counts and not words.keys() & counts.keys():
        raise FauxfaceError(
            f"{_says(where, column, counts)}: none of them is {' or '.join(words)}. "
            "Give the words of each label, as in real: [photo], fake: [gan, diffusion]."
        )
    return words


def _says(where: str, column: str, counts: Counter[str]) -> str:
    found = ", ".join(f"{value!r} ({count} times)" for value, count in counts.most_common(_SHOWN))
    more = f" and {len(counts) - _SHOWN} other values" if len(counts) > _SHOWN else ""
    return f"{where}.label: {column} says {found}{more}"


def _choice(answers: Sequence[str]) -> str:
    no, yes = next(pair for pair in _ANSWERS if set(pair) & set(answers))
    return (
        f"Add to the rule either real: ['{no}'], fake: ['{yes}'] (where it answers whether an image is fake), or the "
        f"other way round: real: ['{yes}'], fake: ['{no}']."
    )
